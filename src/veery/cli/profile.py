"""`veery profile`: what others see of you, and what protects the profile on this device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred
from veery.cli.unlock_options import add_ways

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Your profile is the name that travels with your messages; contacts see a new one with the next message that you send
them. On this device it is also the files of your account, and what protects them."""
_SHOW: Final = """\
Print the Account ID and the name that others see."""
_SET: Final = """\
Change the name that others see: at most 100 bytes. Contacts see it with your next message."""
_PICTURE: Final = """\
Show others a picture: JPEG, PNG, WebP or GIF. It is cut to a square of at most 600 pixels, loses its metadata, and lies
encrypted on the file server of the network; contacts get it with your next message. With --remove there is none any
more, and with --save yours is written to a file."""
_OPENS: Final = """\
Change what opens the profile, as `veery account passphrase` does: another passphrase, a key file (--no-passphrase) or
the desktop's keyring (--keyring). The messages are not encrypted anew: whoever kept an old copy of the profile's files
can still open that copy with the old passphrase."""
_LOCK: Final = """\
End a running engine when no command or program has used it for so many minutes, and with it the keys in memory; the
next command asks for the passphrase again. Without a time, print the one that is set. Messages that come meanwhile wait
on the network, up to 14 days. A profile without a passphrase opens again by itself."""
_WIPE: Final = """\
Remove the whole profile after so many wrong passphrases in a row (3 to 100): account, messages and files. Without a
number, print the one that is set. This stops a person who sits at your device and guesses. It does not stop one who
copies the files first: a copy can be tried without end, and only a long passphrase protects it. Keep the recovery
password and a backup elsewhere, for nothing brings a wiped profile back."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(
        commands, "profile", None, summary=summary, about=_ABOUT, example="veery profile set-name 'Alice B.'"
    )
    verbs = noun.add_commands()
    add_command(
        verbs,
        "show",
        deferred("profile_commands", "show"),
        summary="print the own profile",
        about=_SHOW,
        example="veery profile show",
    )
    rename = add_command(
        verbs,
        "set-name",
        deferred("profile_commands", "set_name"),
        summary="change the name that others see",
        about=_SET,
        example="veery profile set-name 'Alice B.'",
    )
    rename.add_argument("name", metavar="NAME", help="the new name")
    picture = add_command(
        verbs,
        "picture",
        deferred("picture_commands", "own"),
        summary="change the picture that others see",
        about=_PICTURE,
        example="veery profile picture portrait.jpg",
    )
    picture.add_argument("file", metavar="FILE", nargs="?", help="the new picture")
    picture.add_argument("--remove", action="store_true", help="show none any more")
    picture.add_argument("--save", metavar="FILE", help="write the picture that others see to a new file")
    _add_protection(verbs)


def _add_protection(verbs: Commands) -> None:
    change = add_command(
        verbs,
        "passphrase",
        deferred("account_commands", "change_passphrase"),
        summary="change what opens the profile",
        about=_OPENS,
        example="veery profile passphrase",
    )
    add_ways(change)
    lock = add_command(
        verbs,
        "lock-after",
        deferred("protection_commands", "lock_after"),
        summary="lock when it is not used for a while",
        about=_LOCK,
        example="veery profile lock-after 15",
    )
    lock.add_argument("minutes", nargs="?", metavar="MINUTES", help="minutes without use, or off")
    wipe = add_command(
        verbs,
        "wipe-after",
        deferred("protection_commands", "wipe_after"),
        summary="remove everything after wrong passphrases",
        about=_WIPE,
        example="veery profile wipe-after 10",
    )
    wipe.add_argument("tries", nargs="?", metavar="TRIES", help="wrong passphrases in a row, or off")
