"""Files of this device, below `files/` of the profile: random names, each encrypted with a key of its own.

A file is a nonce (24 bytes) and the content under XChaCha20-Poly1305, bound to its name. It is written under another
name, and takes its own only when it is whole and on the disk.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from veery.client.core import Core
from veery.errors import NotFound
from veery.protocol.constants import KEY_SIZE
from veery.protocol.crypto import XCHACHA_NONCE_SIZE, XCHACHA_TAG_SIZE, CryptoFailed, xchacha_decrypt, xchacha_encrypt
from veery.runtime.faults import FileMissing
from veery.runtime.paths import private_directory, read_bounded, write_atomic
from veery.secret import Secret
from veery.store.database import FILES_NAME

_NAME_SIZE: Final = 16  # bytes, of which a name is the hex
_MAX: Final = 64 * 1024 * 1024  # bytes
_LABEL: Final = b"veery file 1 "


class FileDamaged(NotFound):
    """A local file is missing, or is not what was written."""

    default_kind = "client.file"
    default_remedy = "Fetch it again with `veery attachments save`, if the file server still has it"


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A local file that was written."""

    name: str
    key: Secret


class LocalFiles:
    """The files of one account."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._directory: Path = core.store.directory / FILES_NAME

    async def write(self, data: bytes) -> LocalFile:
        """Write a file; whoever needs it refers to it in a transaction, else it goes at the next start."""
        random = self._core.random.random_bytes
        file = LocalFile(random(_NAME_SIZE).hex(), Secret(random(KEY_SIZE)))
        nonce = random(XCHACHA_NONCE_SIZE)
        size = XCHACHA_NONCE_SIZE + len(data) + XCHACHA_TAG_SIZE
        now_ms = self._core.clock.now_ms()
        await self._core.write(lambda tables: tables.blobs.add(file.name, size, now_ms))
        await asyncio.to_thread(self._write, file, nonce, data)
        return file

    async def read(self, name: str, key: Secret) -> bytes:
        """The content of a file. Raises FileDamaged, FileFault."""
        return await asyncio.to_thread(self._read, name, key)

    def _write(self, file: LocalFile, nonce: bytes, data: bytes) -> None:
        sealed = nonce + xchacha_encrypt(file.key.reveal(), nonce, data, _LABEL + file.name.encode())
        write_atomic(private_directory(self._directory) / file.name, sealed)

    def _read(self, name: str, key: Secret) -> bytes:
        try:
            sealed = read_bounded(self._directory / Path(name).name, _MAX)
            nonce, rest = sealed[:XCHACHA_NONCE_SIZE], sealed[XCHACHA_NONCE_SIZE:]
            return xchacha_decrypt(key.reveal(), nonce, rest, _LABEL + name.encode())
        except FileMissing:
            raise FileDamaged("the local file is missing") from None
        except CryptoFailed:
            raise FileDamaged("the local file is damaged") from None
