"""The header of a store: a small plain-text file beside the database that says how it opens.

`store.json` holds the format version, a random id, the way in (see `keys`) and the *wrapped key*: the random 32-byte
database key under XChaCha20-Poly1305 with the unlocking key, bound to this format and id. A wrong passphrase is found
here, before the database is touched. Setting another passphrase writes a new header and leaves the database as it is;
who kept the old header and knows the old passphrase can therefore still open the database.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import msgspec

from veery.errors import StoreError, WrongKey
from veery.protocol.constants import KEY_SIZE
from veery.protocol.crypto import (
    XCHACHA_NONCE_SIZE,
    XCHACHA_TAG_SIZE,
    CryptoFailed,
    RandomBytes,
    xchacha_decrypt,
    xchacha_encrypt,
)
from veery.runtime.faults import FileMissing
from veery.runtime.paths import read_bounded, write_atomic
from veery.secret import Secret
from veery.store.keys import (
    KEY_NAME,
    KeyFile,
    KeyFileWay,
    Keyring,
    KeyringWay,
    Passphrase,
    PassphraseWay,
    Unlock,
    Way,
    check_way,
    method_name,
    new_way,
    retire_way,
    unlocking_key,
)
from veery.store.tries import StoreWiped, counted, finish_wipe

HEADER_NAME: Final = "store.json"
HEADER_VERSION: Final = 1
HEADER_MAX: Final = 64 * 1024  # bytes; a header is far smaller
STORE_ID_SIZE: Final = 16  # bytes
_LABEL: Final = b"veery store key 1"


class HeaderError(StoreError):
    """The header of the store is missing, damaged, or of another version."""

    default_kind = "store.header"
    default_remedy = f"Put a copy of {HEADER_NAME} back from a backup of this profile; without it nothing can be read"


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `store.json` holds; bytes are lower-case hex. `wrapped_key` is nonce (24), ciphertext (32) and tag (16)."""

    store_id: str
    unlock: Way
    wrapped_key: str
    format: Literal["veery-store"] = "veery-store"
    version: int = HEADER_VERSION


class _Version(msgspec.Struct, frozen=True):
    format: Literal["veery-store"]
    version: int


def new_header(unlock: Unlock, random_bytes: RandomBytes) -> tuple[Header, Secret]:
    """A new header and the new database key (32 bytes) that it wraps. Raises StoreError."""
    store_id, key = random_bytes(STORE_ID_SIZE), Secret(random_bytes(KEY_SIZE))
    return _wrap(store_id, key, unlock, random_bytes), key


def open_header(header: Header, unlock: Unlock) -> Secret:
    """The database key (32 bytes). Raises WrongKey, StoreError."""
    wrapped = bytes.fromhex(header.wrapped_key)
    unlocking = unlocking_key(header.unlock, unlock)
    nonce, ciphertext = wrapped[:XCHACHA_NONCE_SIZE], wrapped[XCHACHA_NONCE_SIZE:]
    try:
        key = xchacha_decrypt(unlocking.reveal(), nonce, ciphertext, _binding(bytes.fromhex(header.store_id)))
    except CryptoFailed:
        raise WrongKey(f"the {method_name(header.unlock)} does not open this profile") from None
    return Secret(key)


def unlock_store(directory: Path, unlock: Unlock) -> Secret:
    """The database key (32 bytes) of the store in a directory; wrong passphrases count (`tries`).

    Raises WrongKey, StoreWiped, HeaderError, StoreError.
    """
    if finish_wipe(directory):
        raise StoreWiped("too many wrong passphrases: this profile was wiped")
    header = read_header(directory)
    if isinstance(header.unlock, PassphraseWay) and isinstance(unlock, Passphrase):
        return counted(directory, lambda: open_header(header, unlock))
    return open_header(header, unlock)


def rewrap(directory: Path, old: Unlock, new: Unlock, random_bytes: RandomBytes) -> None:
    """Change the way in; the database and its key stay. Raises WrongKey, StoreError, FileFault: nothing was changed.

    But when the old entry of a keyring cannot be removed at the end (KeyringFault), the change stands.
    """
    key = unlock_store(directory, old)
    header = read_header(directory)
    write_header(directory, _wrap(bytes.fromhex(header.store_id), key, new, random_bytes))
    retire_way(header.unlock, old)


def way_in(directory: Path, passphrase: Callable[[], Passphrase]) -> Unlock:
    """What opens the profile in a directory, as its header says; `passphrase` is called for one that opens by it.

    Raises HeaderError, FileFault, and what `passphrase` raises.
    """
    match read_header(directory).unlock:
        case KeyFileWay():
            return KeyFile(directory / KEY_NAME)
        case KeyringWay():
            return Keyring()
        case PassphraseWay():
            return passphrase()


def read_header(directory: Path) -> Header:
    """Read and check `store.json`. Raises HeaderError, FileFault."""
    try:
        data = read_bounded(directory / HEADER_NAME, HEADER_MAX)
    except FileMissing:
        raise HeaderError(f"{HEADER_NAME} is missing", kind="store.header_missing") from None
    return _parse(data)


def write_header(directory: Path, header: Header) -> None:
    """Write `store.json`, whole or not at all. Raises DiskFull, FileFault."""
    data = msgspec.json.format(msgspec.json.encode(header), indent=2)
    write_atomic(directory / HEADER_NAME, data + b"\n")


def _parse(data: bytes) -> Header:
    try:
        version = msgspec.json.decode(data, type=_Version).version
        if version > HEADER_VERSION:
            raise HeaderError(
                f"{HEADER_NAME} has version {version}, and this program knows versions up to {HEADER_VERSION}",
                kind="store.newer",
                remedy="Use the newer Veery that wrote it",
            )
        header = msgspec.json.decode(data, type=Header)
        check_way(header.unlock)
        _check_sizes(header)
    except (msgspec.MsgspecError, ValueError):
        raise HeaderError(f"{HEADER_NAME} is damaged") from None
    return header


def _check_sizes(header: Header) -> None:
    wrapped, plain = len(bytes.fromhex(header.wrapped_key)), XCHACHA_NONCE_SIZE + KEY_SIZE
    if len(bytes.fromhex(header.store_id)) != STORE_ID_SIZE or wrapped != plain + XCHACHA_TAG_SIZE:
        raise ValueError("size")
    if header.version < 1:
        raise ValueError("version")


def _wrap(store_id: bytes, key: Secret, unlock: Unlock, random_bytes: RandomBytes) -> Header:
    way, unlocking = new_way(unlock, random_bytes)
    nonce = random_bytes(XCHACHA_NONCE_SIZE)
    wrapped = nonce + xchacha_encrypt(unlocking.reveal(), nonce, key.reveal(), _binding(store_id))
    return Header(store_id=store_id.hex(), unlock=way, wrapped_key=wrapped.hex())


def _binding(store_id: bytes) -> bytes:
    return _LABEL + store_id
