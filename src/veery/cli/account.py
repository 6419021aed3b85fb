"""`veery account`: making, restoring and showing the account of a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred
from veery.cli.unlock_options import add_ways

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
An account is a random number and nothing else: no server knows of it before it is used. Its recovery password, 13
words, is the only way to it from another device. Each account of this machine is kept encrypted in a profile."""
_CREATE: Final = """\
Make a new account in the profile, and print its Account ID and its recovery password. Write the 13 words down: they
are printed once here, and are the only way back. The profile opens with a passphrase, which is asked for (or read from
the file that VEERY_PASSPHRASE_FILE names), unless --no-passphrase or --keyring says otherwise. An existing profile is
never overwritten."""
_RESTORE: Final = """\
Bring an account to this machine by its recovery password, read from standard input: 13 words, in capitals or not. A
word that is not in the list is named, with those that look like it. The name is used until the account's own one is
found on the network. The words bring back the account, and what the network still holds of it: name, contacts, groups,
synchronised settings, and messages of the last 14 days. Older messages and files come with `veery backup restore` or
`veery transfer receive` only. The new device joins none of the account's others by itself: on a terminal it shows the
groups of devices that it finds and asks; else `veery device link` does."""
_SHOW: Final = """\
Print the Account ID and the name of the account. With --qr the Account ID as a code for others to scan; with --words
the recovery password, and with both the code of that one, for another device of yours. The recovery password is the
account: show it to nobody."""
_LIST: Final = """\
List the profiles of this machine and what opens each of them. No passphrase is needed."""
_CHANGE: Final = """\
Change what opens the profile: another passphrase (asked for, or read from the file that VEERY_NEW_PASSPHRASE_FILE
names), a key file (--no-passphrase) or the desktop's keyring (--keyring).
The account and its messages stay as they are."""
_CREATE_EXAMPLE: Final = "veery account create --name Alice --network network.toml"


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(commands, "account", None, summary=summary, about=_ABOUT, example=_CREATE_EXAMPLE)
    verbs = noun.add_commands()
    create = add_command(
        verbs,
        "create",
        deferred("account_commands", "create"),
        summary="make a new account",
        about=_CREATE,
        example=_CREATE_EXAMPLE,
    )
    restore = add_command(
        verbs,
        "restore",
        deferred("account_commands", "restore"),
        summary="bring an account here by its 13 words",
        about=_RESTORE,
        example="veery account restore --network network.toml < words.txt",
    )
    for verb in (create, restore):
        verb.add_argument("--name", metavar="NAME", help="the name that others see (default: Anonymous)")
        verb.add_argument(
            "--network", metavar="FILE_OR_SEED_URL", required=True, help="network file, or the URL of a seed"
        )
        add_ways(verb)
    _add_rest(verbs)


def _add_rest(verbs: Commands) -> None:
    show = add_command(
        verbs,
        "show",
        deferred("account_show", "show"),
        summary="print Account ID and name",
        about=_SHOW,
        example="veery account show --qr",
    )
    show.add_argument("--words", action="store_true", help="print the recovery password too")
    show.add_argument("--qr", action="store_true", help="print a code to scan")
    add_command(
        verbs,
        "list",
        deferred("account_show", "list_profiles"),
        summary="list the profiles of this machine",
        about=_LIST,
        example="veery account list",
    )
    change = add_command(
        verbs,
        "passphrase",
        deferred("account_commands", "change_passphrase"),
        summary="change what opens the profile",
        about=_CHANGE,
        example="veery account passphrase --profile work",
    )
    add_ways(change)
