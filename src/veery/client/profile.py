"""A profile: the directory of one account on one device, and how it opens.

`create` makes one for a new account, `restore` for a recovery password. A restored account sends and receives at
once, with the name that was typed. Its name, contacts and groups lie in the configuration on its swarm (01.4, 07);
they are fetched and merged by the configuration service, not here: `restored` stays set in the store until then, and
the typed name carries the timestamp 1, so that every real profile wins.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from veery.client.devices.beginning import begin
from veery.errors import StoreError
from veery.protocol.account import Account, display_name
from veery.protocol.constants import RESTORED_NAME_TIMESTAMP, SECOND_MS
from veery.protocol.crypto import RandomBytes
from veery.runtime.clock import Clock, SystemClock
from veery.runtime.paths import directories, read_bounded
from veery.runtime.randomness import random_bytes
from veery.store.database import NewProfile, Store, exists
from veery.store.header import way_in
from veery.store.keys import PASSPHRASE_VARIABLE, Passphrase, Unlock

SOCKET_NAME: Final = "control.sock"
_FILE_MAX: Final = 4_096  # bytes


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile directory and the key source that opens it."""

    directory: Path
    unlock: Unlock

    @classmethod
    def named(cls, name: str = "default", unlock: Unlock | None = None) -> Profile:
        """A profile of this machine, as `veery --profile NAME` finds it.

        unlock: what opens it. Without it: the key file, or the desktop's keyring, if the profile opens by it, else the
        passphrase on the first line of the file that VEERY_PASSPHRASE_FILE names. Raises HeaderError when there is no
        such profile, StoreError when there is no passphrase, FileFault.
        """
        directory = directories().data / "profiles" / name
        return cls(directory, unlock or way_in(directory, _passphrase))

    @property
    def exists(self) -> bool:
        """Whether a profile was made here."""
        return exists(self.directory)

    @property
    def socket(self) -> Path:
        """Where the process that has the profile open listens."""
        return self.directory / SOCKET_NAME

    async def open_store(self) -> Store:
        """Open the store. Raises WrongKey, StoreBusy and other StoreErrors."""
        return await Store.open(self.directory, self.unlock)


def _passphrase() -> Passphrase:
    file = os.environ.get(PASSPHRASE_VARIABLE)
    if not file:
        raise StoreError(
            "the profile opens with a passphrase, and none was given",
            kind="store.passphrase",
            remedy=f"Set {PASSPHRASE_VARIABLE} to a file that holds it",
        )
    content = read_bounded(Path(file).expanduser(), _FILE_MAX)
    return Passphrase.of(content.decode(errors="replace").partition("\n")[0].rstrip("\r"))


async def create(
    directory: Path,
    account: Account,
    name: str,
    network: str,
    unlock: Unlock,
    *,
    device_name: str = "",
    clock: Clock | None = None,
    random: RandomBytes = random_bytes,
) -> Profile:
    """Make the profile of a new account, whose first device this is. network: the text of the network file;
    device_name: what the account's other devices will call this one, at most 64 bytes of UTF-8.

    Raises DisplayNameWrong, StoreError (`store.exists` when there is one) and the leaves of FileFault.
    """
    now_ms = (clock or SystemClock()).now_ms()
    begins = partial(begin, description=device_name, now_ms=now_ms, random=random)
    new = NewProfile(account, display_name(name), now_ms // SECOND_MS, network, begin=begins)
    return await _made(Profile(directory, unlock), new, now_ms, random)


async def restore(
    directory: Path,
    words: str,
    name: str,
    network: str,
    unlock: Unlock,
    *,
    device_name: str = "",
    clock: Clock | None = None,
    random: RandomBytes = random_bytes,
) -> Profile:
    """Make the profile of an account from its 13 recovery words, with a name until the real one is known.

    The device is linked to none: that is the user's to ask for (06.6.7). device_name: as `create`.

    Raises RecoveryWordsWrong, DisplayNameWrong, StoreError and the leaves of FileFault.
    """
    account = Account.from_words(words)
    now_ms = (clock or SystemClock()).now_ms()
    begins = partial(begin, description=device_name, now_ms=now_ms, random=random)
    new = NewProfile(account, display_name(name), RESTORED_NAME_TIMESTAMP, network, restored=True, begin=begins)
    return await _made(Profile(directory, unlock), new, now_ms, random)


async def _made(profile: Profile, new: NewProfile, now_ms: int, random: RandomBytes) -> Profile:
    store = await Store.create(profile.directory, profile.unlock, new, now_ms, random)
    await store.close()
    return profile
