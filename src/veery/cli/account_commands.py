"""Making and restoring accounts, and changing what opens them."""

from __future__ import annotations

import platform
import sys
from argparse import Namespace
from pathlib import Path
from typing import Final

from veery.cli.account_show import show_account
from veery.cli.command import Exit
from veery.cli.console import Console
from veery.cli.device_link import after_restore
from veery.cli.local import own_account
from veery.cli.network_files import network_text
from veery.cli.profiles import HEADER_NAME, existing_profile, profile_directory
from veery.cli.running import run_coroutine
from veery.cli.unlock import explain, has_terminal, new_unlock, opened_by, replacement, unlock_of, way_of
from veery.client.profile import create as create_profile
from veery.client.profile import restore as restore_profile
from veery.errors import StoreError
from veery.network.proxy import Proxy
from veery.protocol.account import Account, display_name
from veery.protocol.constants import RECOVERY_WORDS
from veery.runtime.randomness import random_bytes
from veery.store.header import rewrap
from veery.store.keys import KeyFile, Unlock

DEFAULT_NAME: Final = "Anonymous"
# What the recovery words alone bring back, for people and for programs.
WORDS_ALONE: Final = (
    "The words bring back the account itself; from the network its name, contacts, groups and settings, if one of your"
    " devices was online within the last 30 days; and messages of the last 14 days, those to linked devices only once"
    " this one is linked.",
    "They do not bring back older messages, files, or anything that lay on your devices alone: that takes a backup"
    " (`veery backup restore`) or the old device (`veery transfer receive`), each in place of the words.",
)
BACK: Final = ("account", "name", "contacts", "groups", "synced_settings", "messages_of_14_days")
GONE: Final = ("older_messages", "messages_to_linked_devices", "files", "local_settings", "device_keys")
_INPUT_MAX: Final = 4_096  # characters of what should be 13 words


def create(options: Namespace, console: Console) -> int:
    """Make a new account."""
    directory = free_directory(options)
    name = _name(options)
    network = _network(options, console)
    unlock = new_unlock(options, console, directory)
    account = Account.create(random_bytes)
    making = create_profile(directory, account, name, network, unlock, device_name=_device_name())
    run_coroutine(console, making)
    words = account.words()
    if console.as_json:
        console.record({**_told(options, account, name, unlock), "words": words})
        return Exit.DONE
    show_account(console, options, account.account_id.hex, name)
    console.lines(["", "Recovery password:", "", f"  {words}", ""])
    console.talk("Write these 13 words down now. They are the only way back to this account; show them to nobody.")
    console.talk(explain(unlock))
    return Exit.DONE


def restore(options: Namespace, console: Console) -> int:
    """Bring an account here by its recovery password."""
    directory = free_directory(options)
    name = _name(options)
    words = _read_words(console)
    account = Account.from_words(words)
    network = _network(options, console)
    unlock = new_unlock(options, console, directory)
    making = restore_profile(directory, words, name, network, unlock, device_name=_device_name())
    run_coroutine(console, making)
    if console.as_json:
        record = {**_told(options, account, name, unlock), "linked": False}
        console.record({**record, "comes_back": BACK, "does_not": GONE})
        return Exit.DONE
    show_account(console, options, account.account_id.hex, name)
    console.talk(explain(unlock))
    for line in WORDS_ALONE:
        console.talk(line)
    opened_by(directory, unlock)
    after_restore(options, console)
    return Exit.DONE


def change_passphrase(options: Namespace, console: Console) -> int:
    """Change what opens the profile."""
    directory = existing_profile(options)
    old = unlock_of(directory, console)
    own_account(directory, old)  # a wrong passphrase shows before a new one is asked for
    new = replacement(options, console, directory)
    rewrap(directory, old, new, random_bytes)
    if isinstance(old, KeyFile) and not isinstance(new, KeyFile):
        old.path.unlink(missing_ok=True)  # it opens nothing any more, but the old header in a backup
    if console.as_json:
        console.record({"profile": options.profile, "unlock": way_of(new)})
    else:
        console.talk(explain(new))
    return Exit.DONE


# -- parts -----------------------------------------------------------------------------------------------------


def free_directory(options: Namespace) -> Path:
    """The directory of a profile that is not there yet. Raises StoreError (`store.exists`)."""
    directory = profile_directory(options)
    if (directory / HEADER_NAME).exists():
        raise StoreError(
            f"there is an account in the profile `{options.profile}` already",
            kind="store.exists",
            remedy="It is left as it is; choose another profile with --profile",
        )
    return directory


def _name(options: Namespace) -> str:
    return display_name(DEFAULT_NAME if options.name is None else options.name)


def _device_name() -> str:
    """What the account's other devices call this one, until it is renamed."""
    return platform.node()


def _network(options: Namespace, console: Console) -> str:
    proxy = None if options.proxy is None else Proxy.parse(options.proxy)
    return network_text(options.network, proxy, console)


def _read_words(console: Console) -> str:
    """The recovery password from standard input: from a terminal as many lines as 13 words take."""
    if not sys.stdin.isatty():
        return sys.stdin.read(_INPUT_MAX)
    if has_terminal(console):
        console.talk(f"Type the {RECOVERY_WORDS} words of the recovery password, then Enter:")
    words: list[str] = []
    while len(words) < RECOVERY_WORDS and (line := sys.stdin.readline(_INPUT_MAX)).strip():
        words += line.split()
    return " ".join(words)


def _told(options: Namespace, account: Account, name: str, unlock: Unlock) -> dict[str, object]:
    return {
        "account_id": account.account_id.hex,
        "name": name,
        "profile": options.profile,
        "unlock": way_of(unlock),
    }
