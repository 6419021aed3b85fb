"""Writing, checking and restoring backups.

None of them needs an engine: a backup is read from the store by a connection of its own, beside an engine that runs.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Final

from veery.cli.account_commands import free_directory
from veery.cli.command import Exit
from veery.cli.console import Console
from veery.cli.device_link import NEXT
from veery.cli.local import reading_whole
from veery.cli.profiles import existing_profile
from veery.cli.progress import Progress as Line
from veery.cli.text import count, now_ms, size
from veery.cli.unlock import backup_passphrase, new_unlock, unlock_of
from veery.runtime.faults import FilePresent
from veery.runtime.randomness import random_bytes
from veery.store.backup import Progress, Summary, create_backup, restore_backup, verify_backup
from veery.store.database import FILES_NAME

_LOST: Final = "Without its passphrase a backup cannot be read by anybody."


def create(options: Namespace, console: Console) -> int:
    """Write a backup."""
    directory, target = existing_profile(options), Path(options.file).expanduser()
    if target.exists():
        raise FilePresent(f"{target} is there already", remedy="Choose another name; a backup is never overwritten")
    unlock = unlock_of(directory, console)
    with reading_whole(directory, unlock) as connection:
        passphrase = backup_passphrase(console, new=True)
        with console.progress("Writing the backup") as line:
            tell = _teller(line)
            create_backup(connection, directory / FILES_NAME, target, passphrase, now_ms(), random_bytes, tell)
    if console.as_json:
        console.record({"file": str(target), "bytes": target.stat().st_size})
    else:
        console.talk(f"{target} is written ({size(target.stat().st_size)}). {_LOST}")
    return Exit.DONE


def restore(options: Namespace, console: Console) -> int:
    """Make a profile of a backup."""
    directory, source = free_directory(options), Path(options.file).expanduser()
    passphrase = backup_passphrase(console, new=False)
    unlock = new_unlock(options, console, directory)
    with console.progress("Restoring the backup") as line:
        summary = restore_backup(source, passphrase, directory, unlock, random_bytes, _teller(line))
    if console.as_json:
        console.record({"profile": options.profile, **_fields(summary), "linked": False})
    else:
        console.talk(f"The profile `{options.profile}` is restored: {_words(summary)}.")
        console.talk(NEXT)
    return Exit.DONE


def verify(options: Namespace, console: Console) -> int:
    """Check a backup."""
    passphrase = backup_passphrase(console, new=False)
    with console.progress("Reading the backup") as line:
        summary = verify_backup(Path(options.file).expanduser(), passphrase, _teller(line))
    if console.as_json:
        console.record({"file": options.file, **_fields(summary)})
    else:
        console.talk(f"The backup is whole: {_words(summary)}.")
    return Exit.DONE


def _teller(line: Line) -> Callable[[Progress], None]:
    def tell(progress: Progress) -> None:
        files, rows = f"{progress.files} of {progress.files_total} files", f"{progress.rows:,} rows"
        line.update(f"{files}, {rows}")

    return tell


def _fields(summary: Summary) -> dict[str, object]:
    return {
        "created_at": summary.created_ms,
        "schema": summary.schema,
        "files": summary.files,
        "file_bytes": summary.file_bytes,
        "messages": summary.rows.get("messages", 0),
        "conversations": summary.rows.get("conversations", 0),
    }


def _words(summary: Summary) -> str:
    messages = count(summary.rows.get("messages", 0), "message")
    conversations = count(summary.rows.get("conversations", 0), "conversation")
    return f"{messages} in {conversations}, {count(summary.files, 'file')}"
