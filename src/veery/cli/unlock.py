"""What opens a profile: a passphrase, a key file beside it, or the desktop's keyring.

A passphrase comes from the file that `VEERY_PASSPHRASE_FILE` names (its first line), else from a prompt; never from
the command line, which others on the machine can read.
"""

from __future__ import annotations

import os
import stat
from argparse import Namespace
from getpass import getpass
from pathlib import Path
from typing import Final

from veery.cli.console import Console
from veery.errors import StoreError, VeeryError
from veery.runtime.faults import files_mapped
from veery.runtime.paths import read_bounded
from veery.store.header import way_in
from veery.store.keys import KEY_NAME, PASSPHRASE_VARIABLE, KeyFile, Keyring, Passphrase, Unlock

NEW_PASSPHRASE_VARIABLE: Final = "VEERY_NEW_PASSPHRASE_FILE"  # noqa: S105 - the name of a variable
BACKUP_PASSPHRASE_VARIABLE: Final = "VEERY_BACKUP_PASSPHRASE_FILE"  # noqa: S105 - the name of a variable
_TRIES: Final = 3
_FILE_MAX: Final = 4_096  # bytes
_OTHERS_READ: Final = stat.S_IRGRP | stat.S_IROTH


_asked: Final[dict[Path, Unlock]] = {}


class NoTerminal(VeeryError):
    """A question cannot be asked: there is no terminal."""

    default_kind = "cli.no_terminal"


def new_unlock(options: Namespace, console: Console, directory: Path) -> Unlock:
    """How a new profile will open: as the options say, else by a passphrase. Raises NoTerminal, StoreError."""
    if options.keyring:
        return Keyring()
    if options.no_passphrase:
        return KeyFile(directory / KEY_NAME)
    return _from_file(console) or asked_twice(console)


def replacement(options: Namespace, console: Console, directory: Path) -> Unlock:
    """How a profile will open from now on. Raises NoTerminal, StoreError."""
    if options.keyring:
        return Keyring()
    if options.no_passphrase:
        return KeyFile(directory / KEY_NAME)
    return _from_file(console, NEW_PASSPHRASE_VARIABLE) or asked_twice(console, NEW_PASSPHRASE_VARIABLE)


def unlock_of(directory: Path, console: Console) -> Unlock:
    """What opens an existing profile, as its header says; asked for once in a command.

    Raises NoTerminal, StoreError, HeaderError.
    """
    if directory not in _asked:
        _asked[directory] = way_in(directory, lambda: _passphrase(directory, console))
    return _asked[directory]


def opened_by(directory: Path, unlock: Unlock) -> None:
    """Remember what opens a profile that this command has just made: nobody is asked for it again."""
    _asked[directory] = unlock


def _passphrase(directory: Path, console: Console) -> Passphrase:
    found = _from_file(console)
    return found or Passphrase.of(ask_secret(console, f"Passphrase of `{directory.name}`: "))


def way_of(unlock: Unlock) -> str:
    """The way in one word, for programs."""
    if isinstance(unlock, Passphrase):
        return "passphrase"
    return "key file" if isinstance(unlock, KeyFile) else "keyring"


def explain(unlock: Unlock) -> str:
    """What a way in means, in one sentence for people."""
    if isinstance(unlock, KeyFile):
        return (
            f"This profile has no passphrase: whoever can read {unlock.path} (you and root, mode 0600) can read its"
            " messages and be this account."
        )
    if isinstance(unlock, Keyring):
        return "This profile opens whenever your desktop's keyring is unlocked."
    return "This profile opens with its passphrase alone. If it is forgotten, restore the account into a new profile."


def ask_secret(console: Console, question: str, variable: str = PASSPHRASE_VARIABLE) -> str:
    """Ask for something that is not shown while it is typed. Raises NoTerminal."""
    if not has_terminal(console):
        raise NoTerminal(
            "a passphrase is needed, and there is no terminal to ask for it",
            remedy=f"Set {variable} to a file that holds it",
        )
    try:
        return getpass(question)
    except EOFError:
        raise NoTerminal("no passphrase was typed", kind="cli.no_answer") from None


def has_terminal(console: Console) -> bool:
    """Whether a person can be asked: questions go to standard error, answers come from the terminal."""
    if not console.err.isatty():
        return False
    try:
        with open("/dev/tty", "rb"):  # noqa: PTH123 - a device, not a path of ours
            return True
    except OSError:
        return False


def asked_twice(console: Console, variable: str = PASSPHRASE_VARIABLE) -> Passphrase:
    """Ask for a new passphrase until it was typed twice the same. Raises NoTerminal, StoreError."""
    if not has_terminal(console):
        raise NoTerminal(
            "a passphrase is needed, and there is no terminal to ask for it",
            remedy=f"Set {variable} to a file that holds it; or choose --no-passphrase or --keyring",
        )
    for _ in range(_TRIES):
        first = ask_secret(console, "New passphrase: ")
        if not first:
            console.talk("The passphrase is empty. Type one, or choose --no-passphrase.")
        elif first == ask_secret(console, "The same again: "):
            return Passphrase.of(first)
        else:
            console.talk("The two differ.")
    raise StoreError("no passphrase was set", kind="store.passphrase", remedy="Try again, or choose --no-passphrase")


def backup_passphrase(console: Console, *, new: bool) -> Passphrase:
    """The passphrase of a backup; a new one is typed twice. Raises NoTerminal, StoreError."""
    found = _from_file(console, BACKUP_PASSPHRASE_VARIABLE)
    if found is None and new and has_terminal(console):
        found = asked_twice(console, BACKUP_PASSPHRASE_VARIABLE)
    if found is not None:
        return found
    return Passphrase.of(ask_secret(console, "Passphrase of the backup: ", BACKUP_PASSPHRASE_VARIABLE))


def _from_file(console: Console, variable: str = PASSPHRASE_VARIABLE) -> Passphrase | None:
    named = os.environ.get(variable)
    if not named:
        return None
    path = Path(named).expanduser()
    content = read_bounded(path, _FILE_MAX)
    with files_mapped(f"The file {path}"):
        found = path.stat()
    if stat.S_ISREG(found.st_mode) and found.st_mode & _OTHERS_READ:
        console.talk(f"veery: others on this machine can read {path}. Run `chmod 600 {path}`.")
    try:
        return Passphrase.of(content.decode().partition("\n")[0].rstrip("\r"))
    except UnicodeDecodeError:
        raise StoreError(f"{path} is not UTF-8 text", kind="store.passphrase") from None
