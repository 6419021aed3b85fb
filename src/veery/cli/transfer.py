"""`veery transfer`: a profile moves to another device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred
from veery.cli.unlock_options import add_ways

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Copy a profile to another device: messages, files, contacts and settings, which the recovery password alone does not
bring back. The two devices are joined by a short code, and what passes between them is encrypted with it.
In one local network they connect directly, so each learns the other's network address; nothing else is told of it.
With --via server they need no common network: both go over the onion path, meet under the digits of the code, and the
profile lies in encrypted pieces on the file server for a day. The file server cannot tell whose it is, and cannot open
it; it learns that somebody moves so many bytes."""
_SEND: Final = """\
Offer this profile to a device that has the code, and wait until it has arrived. Nothing is taken away here. Three
wrong codes end the offer.
Over the local network: without --listen only this machine can connect; give an address of this machine in the local
network, or 0.0.0.0 for all. An offer that is broken off begins anew, with another code.
With --via server: an offer that is broken off goes on when the command is run again within 20 hours, with the same
code, and what is on the file server already is not sent again. --new begins anew."""
_RECEIVE: Final = """\
Fetch the profile that another device offers, and make it here. With an address: over the local network; without one:
over the file server of a network, which --network names. When it breaks off, run the command again: it goes on where
it was as long as the other device makes the same offer, else it begins anew. Keys of the old device are not copied;
this one is linked like any other, and joins none by itself."""
_RECEIVE_EXAMPLE: Final = """\
veery transfer receive 4821-anchor-mustard 192.168.1.20:40123
veery transfer receive 482193-anchor-mustard --network network.toml"""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(
        commands, "transfer", None, summary=summary, about=_ABOUT, example="veery transfer send --listen 192.168.1.20"
    )
    verbs = noun.add_commands()
    send = add_command(
        verbs,
        "send",
        deferred("transfer_commands", "send"),
        summary="offer this profile to another device",
        about=_SEND,
        example="veery transfer send --listen 192.168.1.20",
    )
    send.add_argument(
        "--via",
        choices=("lan", "server"),
        default="lan",
        help="the local network, or the file server of the profile's network (default: lan)",
    )
    send.add_argument("--listen", metavar="ADDRESS[:PORT]", help="where to listen (default: 127.0.0.1); not for server")
    send.add_argument("--new", action="store_true", help="do not go on with an offer over the server that broke off")
    receive = add_command(
        verbs,
        "receive",
        deferred("transfer_commands", "receive"),
        summary="make a profile of what another device offers",
        about=_RECEIVE,
        example=_RECEIVE_EXAMPLE,
    )
    receive.add_argument("code", metavar="CODE", help="the code that the other device shows")
    receive.add_argument(
        "address", metavar="ADDRESS:PORT", nargs="?", help="where the other device listens, in the local network"
    )
    receive.add_argument(
        "--network",
        metavar="FILE_OR_SEED_URL",
        help="network file, or the URL of a seed, of the other device's network",
    )
    add_ways(receive)
