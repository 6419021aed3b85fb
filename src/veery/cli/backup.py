"""`veery backup`: one file that holds a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred
from veery.cli.unlock_options import add_ways

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
A backup is one encrypted file with everything that your recovery words alone do not bring back: messages, files,
contacts and settings. It opens with a passphrase of its own, which is asked for, or read from the first line of the
file that VEERY_BACKUP_PASSPHRASE_FILE names. Keys of this device are not in it."""
_CREATE: Final = """\
Write a backup. It may be made while Veery runs. When it is broken off, FILE.part stays, and the same command goes on
from there with the same passphrase."""
_RESTORE: Final = """\
Make a profile of a backup on a device that has none under this name. Messages that were not sent yet count as failed,
so that nothing goes out twice; `veery outbox` offers them. The new device is linked like any other, and joins none by
itself. When it is broken off, there is no profile yet; the same command goes on after the files that were unpacked. A
damaged backup is refused and leaves nothing."""
_VERIFY: Final = """\
Read a backup to its end and count what it holds, without writing anything."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(
        commands, "backup", None, summary=summary, about=_ABOUT, example="veery backup create ~/veery-2026.backup"
    )
    verbs = noun.add_commands()
    create = add_command(
        verbs,
        "create",
        deferred("backup_commands", "create"),
        summary="write a backup of this profile",
        about=_CREATE,
        example="veery backup create ~/veery-2026.backup",
    )
    restore = add_command(
        verbs,
        "restore",
        deferred("backup_commands", "restore"),
        summary="make a profile of a backup",
        about=_RESTORE,
        example="veery backup restore ~/veery-2026.backup --profile default",
    )
    add_ways(restore)
    verify = add_command(
        verbs,
        "verify",
        deferred("backup_commands", "verify"),
        summary="check that a backup is whole",
        about=_VERIFY,
        example="veery backup verify ~/veery-2026.backup",
    )
    for verb in (create, restore, verify):
        verb.add_argument("file", metavar="FILE", help="the backup")
