"""Header and frames of a backup file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, Final, Literal, TypeAlias

import msgspec

from veery.errors import StoreError
from veery.protocol.crypto import (
    XCHACHA_NONCE_SIZE,
    XCHACHA_TAG_SIZE,
    CryptoFailed,
    RandomBytes,
    blake2b,
    xchacha_decrypt,
    xchacha_encrypt,
)
from veery.secret import Secret
from veery.store.keys import Passphrase, PassphraseWay, check_way, new_way, unlocking_key

VERSION: Final = 1
HEADER_MAX: Final = 4096  # bytes
FRAME_MAX: Final = 8 * 1024 * 1024  # bytes of a record: a batch of rows, one of them may be the largest message
LENGTH_SIZE: Final = 4
NUMBER_SIZE: Final = 8
_OVERHEAD: Final = XCHACHA_NONCE_SIZE + XCHACHA_TAG_SIZE


class BackupWrong(StoreError):
    """The file is no backup, is damaged, or was changed."""

    default_kind = "store.backup"
    default_remedy = "Take another copy of the backup; nothing was changed"


class BackupIncomplete(BackupWrong):
    """The file ends too early: its creation or its copying was broken off."""

    default_kind = "store.backup.incomplete"


class BackupTooNew(BackupWrong):
    """A newer Veery has made the backup."""

    default_kind = "store.backup.newer"
    default_remedy = "Use the newer Veery that made it"


class BackupKeyWrong(BackupWrong):
    """The passphrase does not open the backup, or its first frame is damaged."""

    default_kind = "store.backup.passphrase"
    default_remedy = "Give the passphrase that the backup was made with"


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line. schema: version of the tables whose rows follow. created_ms: local time."""

    unlock: PassphraseWay
    schema: int
    created_ms: int
    format: Literal["veery-backup"] = "veery-backup"
    version: int = VERSION


class _Version(msgspec.Struct, frozen=True):
    format: Literal["veery-backup"]
    version: int


class FilePart(msgspec.Struct, frozen=True, tag="file"):
    """A piece of a local file, in order. last: nothing of it follows."""

    name: str
    data: bytes
    last: bool


class Rows(msgspec.Struct, frozen=True, tag="rows"):
    """Rows of one table; a cell is an integer, a float, text, bytes or None."""

    table: str
    columns: list[str]
    rows: list[list[Any]]


class End(msgspec.Struct, frozen=True, tag="end"):
    """Ends the backup. files and rows: how many went before."""

    files: int
    rows: int


Record: TypeAlias = FilePart | Rows | End


def new_header(passphrase: Passphrase, schema: int, now_ms: int, random: RandomBytes) -> tuple[bytes, Secret]:
    """The header line of a new backup, and its key (32 bytes). Raises StoreError."""
    way, key = new_way(passphrase, random)
    assert isinstance(way, PassphraseWay)  # it was made from a passphrase
    return msgspec.json.encode(Header(way, schema, now_ms)) + b"\n", key


def read_header(file: BinaryIO) -> tuple[Header, bytes]:
    """Read and check the header line; gives it also as it stands. Raises BackupWrong, BackupTooNew."""
    line = file.readline(HEADER_MAX)
    try:
        version = msgspec.json.decode(line, type=_Version).version
        if version > VERSION:
            raise BackupTooNew(f"the backup has version {version}, this program knows versions up to {VERSION}")
        header = msgspec.json.decode(line, type=Header)
        check_way(header.unlock)
        if header.version < 1 or header.schema < 1 or not line.endswith(b"\n"):
            raise ValueError("header")
    except (msgspec.MsgspecError, ValueError):
        raise BackupWrong("the file is not a backup of Veery") from None
    return header, line


def backup_key(header: Header, passphrase: Passphrase) -> Secret:
    """The key of a backup (32 bytes). A wrong passphrase shows at the first frame. Raises StoreError."""
    return unlocking_key(header.unlock, passphrase)


class FrameWriter:
    """Writes records. number: of the next frame."""

    def __init__(self, file: BinaryIO, key: Secret, header_line: bytes, random: RandomBytes, number: int = 0) -> None:
        self._file = file
        self._key = key
        self._binding = _binding(header_line)
        self._random = random
        self._number = number
        self._encoder = msgspec.msgpack.Encoder()

    def write(self, record: Record) -> int:
        """Write one record; gives the bytes that it takes in the file."""
        nonce = self._random(XCHACHA_NONCE_SIZE)  # random: a frame that is written again after a kill needs another
        ad = self._binding + self._number.to_bytes(NUMBER_SIZE, "big")
        sealed = nonce + xchacha_encrypt(self._key.reveal(), nonce, self._encoder.encode(record), ad)
        self._file.write(len(sealed).to_bytes(LENGTH_SIZE, "big") + sealed)
        self._number += 1
        return LENGTH_SIZE + len(sealed)


class FrameReader:
    """Reads records from after the header. position: of the first byte that was not read yet."""

    def __init__(self, file: BinaryIO, key: Secret, header_line: bytes) -> None:
        self._file = file
        self.key = key
        self._binding = _binding(header_line)
        self._decoder = msgspec.msgpack.Decoder(FilePart | Rows | End)
        self.number = 0
        self.position = len(header_line)

    def __iter__(self) -> Iterator[Record]:
        """The records to the end of the file. Raises BackupIncomplete, BackupWrong, BackupKeyWrong."""
        while (record := self.read()) is not None:
            yield record

    def read(self) -> Record | None:
        """The next record; None where the file ends between two frames."""
        prefix = self._file.read(LENGTH_SIZE)
        if not prefix:
            return None
        size = int.from_bytes(prefix, "big")
        if len(prefix) == LENGTH_SIZE and not _OVERHEAD < size <= FRAME_MAX + _OVERHEAD:
            raise BackupWrong(f"frame {self.number} of the backup has an impossible size")
        sealed = self._file.read(size) if len(prefix) == LENGTH_SIZE else b""
        if len(prefix) < LENGTH_SIZE or len(sealed) < size:
            raise BackupIncomplete("the backup ends in the middle")
        record = self._opened(sealed)
        self.number += 1
        self.position += LENGTH_SIZE + size
        return record

    def _opened(self, sealed: bytes) -> Record:
        ad = self._binding + self.number.to_bytes(NUMBER_SIZE, "big")
        nonce, ciphertext = sealed[:XCHACHA_NONCE_SIZE], sealed[XCHACHA_NONCE_SIZE:]
        try:
            record: Record = self._decoder.decode(xchacha_decrypt(self.key.reveal(), nonce, ciphertext, ad))
        except CryptoFailed:
            if self.number == 0:
                raise BackupKeyWrong("the passphrase does not open this backup") from None
            raise BackupWrong(f"frame {self.number} of the backup was changed") from None
        except msgspec.MsgspecError:
            raise BackupWrong(f"frame {self.number} of the backup holds no record") from None
        return record


def _binding(header_line: bytes) -> bytes:
    return blake2b(32, header_line)
