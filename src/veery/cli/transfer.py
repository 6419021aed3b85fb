"""`veery transfer`: a profile moves to another device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred
from veery.cli.unlock_options import add_ways

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Copy a profile to another device over the local network: messages, files, contacts and settings, which the recovery
password alone does not bring back. The two devices are joined by a short code, and what passes between them is
encrypted with it. They connect directly, so each learns the other's network address; nothing else is told of it."""
_SEND: Final = """\
Offer this profile to a device that has the code, and wait until it has arrived. Nothing is taken away here. Without
--listen only this machine can connect; give an address of this machine in the local network, or 0.0.0.0 for all. Three
wrong codes end the offer."""
_RECEIVE: Final = """\
Fetch the profile that another device offers, and make it here. When the connection breaks off, run the command again:
it goes on where it was. Keys of the old device are not copied; this one is linked like any other."""


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
        "--listen", metavar="ADDRESS[:PORT]", default="127.0.0.1", help="where to listen (default: 127.0.0.1)"
    )
    receive = add_command(
        verbs,
        "receive",
        deferred("transfer_commands", "receive"),
        summary="make a profile of what another device offers",
        about=_RECEIVE,
        example="veery transfer receive 4821-anchor-mustard 192.168.1.20:40123",
    )
    receive.add_argument("code", metavar="CODE", help="the code that the other device shows")
    receive.add_argument("address", metavar="ADDRESS:PORT", help="where the other device listens")
    add_ways(receive)
