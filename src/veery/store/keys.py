"""Where the key that opens a store comes from: a passphrase, the desktop's keyring, or a key file.

Each way gives 32 bytes, the *unlocking key*. It does not encrypt the database itself: it wraps the random *database
key* (see `header`), so that the way in can be changed without rewriting the database. What each way needs to be found
again, but no secret, stands in the header: `PassphraseWay` holds salt and cost of Argon2id, the others hold nothing
or a name. A passphrase never comes from argv: the callers read it from a prompt, a file descriptor or a file.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec
from nacl import bindings

from veery.errors import StoreError, WrongKey
from veery.protocol.constants import KEY_SIZE
from veery.protocol.crypto import RandomBytes
from veery.runtime.faults import FilePresent
from veery.runtime.paths import write_new
from veery.secret import Secret
from veery.store import desktop_keyring

SALT_SIZE: Final = 16  # bytes, Argon2id
OPS_MAX: Final = 64  # a header may not ask for more passes
MEMORY_MIN: Final = 8 * 1024  # bytes, the least that Argon2id takes
MEMORY_MAX: Final = 2 * 1024**3  # bytes; a header may not ask for more
KEYRING_SERVICE: Final = "veery"
KEY_NAME: Final = "key"  # of the key file in a profile without a passphrase
PASSPHRASE_VARIABLE: Final = "VEERY_PASSPHRASE_FILE"  # noqa: S105 - the name of a variable


class KeyFileError(StoreError):
    """The key file is missing, open to others, or not a key."""

    default_kind = "store.key_file"
    default_remedy = "A key file holds exactly 32 random bytes and may be read by its owner alone (mode 0600 or 0400)"


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of Argon2id: passes, and memory in bytes. The default takes about a quarter of a second."""

    ops: int = 4
    memory: int = 128 * 1024**2


@dataclass(frozen=True, slots=True)
class Passphrase:
    """Open with a passphrase. `cost` counts when a store is made or its passphrase set; opening uses the header's."""

    secret: Secret
    cost: Cost = Cost()

    @classmethod
    def of(cls, text: str, cost: Cost | None = None) -> Passphrase:
        """A typed passphrase, normalised (NFKC) so that every keyboard gives the same bytes. Raises StoreError."""
        if not text:
            raise StoreError("the passphrase is empty", kind="store.passphrase", remedy="Give at least one character")
        try:
            data = unicodedata.normalize("NFKC", text).encode()
        except UnicodeEncodeError:
            raise StoreError("the passphrase is not text", kind="store.passphrase") from None
        return cls(Secret(data), cost or Cost())


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Open with a file of 32 random bytes, for services that start unattended. Made at creation if it is missing."""

    path: Path


@dataclass(frozen=True, slots=True)
class Keyring:
    """Open with a key that the desktop's keyring keeps (package `keyring`, extra `keyring`)."""

    service: str = KEYRING_SERVICE


Unlock: TypeAlias = Passphrase | KeyFile | Keyring


class PassphraseWay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="passphrase"):
    """Header part: Argon2id version 1.3, one lane."""

    salt: str
    ops: int
    memory: int
    kdf: Literal["argon2id13"] = "argon2id13"


class KeyFileWay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="key_file"):
    """Header part: nothing but the method; where the file lies is the settings' matter."""


class KeyringWay(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="keyring"):
    """Header part: under which user name the keyring keeps the key."""

    user: str


Way: TypeAlias = PassphraseWay | KeyFileWay | KeyringWay


def new_way(unlock: Unlock, random_bytes: RandomBytes) -> tuple[Way, Secret]:
    """Set up a way in: the header part and the unlocking key (32 bytes). Raises StoreError."""
    if isinstance(unlock, Passphrase):
        way = PassphraseWay(salt=random_bytes(SALT_SIZE).hex(), ops=unlock.cost.ops, memory=unlock.cost.memory)
        return way, _derive(unlock.secret, way)
    if isinstance(unlock, KeyFile):
        with suppress(FilePresent):
            write_new(unlock.path, random_bytes(KEY_SIZE))
        return KeyFileWay(), _read_key_file(unlock.path)
    user = random_bytes(KEY_SIZE // 2).hex()
    key = Secret(random_bytes(KEY_SIZE))
    desktop_keyring.put(unlock.service, user, key)
    return KeyringWay(user=user), key


def unlocking_key(way: Way, unlock: Unlock) -> Secret:
    """The unlocking key (32 bytes) of an existing header. Raises WrongKey for another method, StoreError."""
    if isinstance(way, PassphraseWay) and isinstance(unlock, Passphrase):
        return _derive(unlock.secret, way)
    if isinstance(way, KeyFileWay) and isinstance(unlock, KeyFile):
        return _read_key_file(unlock.path)
    if isinstance(way, KeyringWay) and isinstance(unlock, Keyring):
        return desktop_keyring.get(unlock.service, way.user)
    raise WrongKey(
        f"this profile does not open in that way but with a {method_name(way)}",
        kind="store.wrong_method",
        remedy=f"Nothing was changed; give its {method_name(way)}",
    )


def retire_way(way: Way, unlock: Unlock) -> None:
    """Remove what a way in left behind and nothing needs any more: a keyring's entry. A key file stays: it may be
    shared with other profiles. Raises StoreError."""
    if isinstance(way, KeyringWay) and isinstance(unlock, Keyring):
        desktop_keyring.remove(unlock.service, way.user)


def method_name(way: Way) -> str:
    """What a person has to give, in words."""
    if isinstance(way, PassphraseWay):
        return "passphrase"
    return "key file" if isinstance(way, KeyFileWay) else "key from the desktop's keyring"


def check_way(way: Way) -> None:
    """Refuse costs that would exhaust the machine: the header is not authenticated before it is used.

    Raises ValueError.
    """
    if not isinstance(way, PassphraseWay):
        return
    if len(bytes.fromhex(way.salt)) != SALT_SIZE:
        raise ValueError("salt size")
    if not 1 <= way.ops <= OPS_MAX or not MEMORY_MIN <= way.memory <= MEMORY_MAX:
        raise ValueError("Argon2id cost")


def _derive(passphrase: Secret, way: PassphraseWay) -> Secret:
    algorithm = bindings.crypto_pwhash_ALG_ARGON2ID13
    try:
        key = bindings.crypto_pwhash_alg(
            KEY_SIZE, passphrase.reveal(), bytes.fromhex(way.salt), way.ops, way.memory, algorithm
        )
    except (RuntimeError, MemoryError):
        raise StoreError(
            f"the passphrase cannot be checked: {way.memory // 1024**2} MiB of memory are needed for it",
            kind="store.memory",
            remedy="End other programs, then try again",
        ) from None
    return Secret(key)


def _read_key_file(path: Path) -> Secret:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            key = file.read(KEY_SIZE + 1)
    except OSError as error:
        raise KeyFileError(f"the key file cannot be read ({error.strerror})") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError("the key file can be read by others", remedy=f"Run: chmod 600 {path.name}")
    if len(key) != KEY_SIZE:
        raise KeyFileError("the key file does not hold 32 bytes")
    return Secret(key)
