"""What lies in the files of a store for whoever holds its key: every page, in use or free, and every frame of the log.

Pages of SQLCipher 4: AES-256-CBC; the last 80 bytes of a page are IV (16) and HMAC-SHA512 (64); a raw key is used as it
is; the first 16 bytes of the file are the salt and no ciphertext.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from veery.secret import Secret
from veery.store.database import DATABASE_NAME
from veery.store.header import open_header, read_header
from veery.store.keys import Unlock

PAGE: Final = 4096
RESERVED: Final = 80
IV: Final = 16
SALT: Final = 16
LOG_HEADER: Final = 32
FRAME_HEADER: Final = 24


def decrypted(directory: Path, unlock: Unlock) -> bytes:
    """The plain text of all pages of the database, then of all frames of its log."""
    key = open_header(read_header(directory), unlock)
    database = directory / DATABASE_NAME
    log = database.with_name(database.name + "-wal")
    data = database.read_bytes()
    found = [_page(key, data[at : at + PAGE], first=at == 0) for at in range(0, len(data), PAGE)]
    if log.exists():
        frames = log.read_bytes()
        for at in range(LOG_HEADER, len(frames), FRAME_HEADER + PAGE):
            number = int.from_bytes(frames[at : at + 4])
            page = frames[at + FRAME_HEADER : at + FRAME_HEADER + PAGE]
            found.append(_page(key, page, first=number == 1))
    return b"".join(found)


def _page(key: Secret, page: bytes, *, first: bool) -> bytes:
    usable = len(page) - RESERVED
    iv = page[usable : usable + IV]
    decryptor = Cipher(algorithms.AES(key.reveal()), modes.CBC(iv)).decryptor()
    return decryptor.update(page[SALT if first else 0 : usable]) + decryptor.finalize()
