"""Ids of files: the hash of the blob, or a random number (09.7.2).

The HTTP server hashes with its label as salt, the QUIC server with the same label as key: each has its own name for one
blob. Clients take ids as they come; servers check their form before they touch a disk.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from veery.protocol import crypto
from veery.protocol.attachments.errors import FileIdMalformed
from veery.protocol.constants import (
    FILE_ID_DIGEST,
    FILE_ID_DIGITS_MAX,
    FILE_ID_LABEL,
    FILE_ID_LENGTH,
    FILE_ID_NUMBERS,
)

_HASH: Final = re.compile(rf"[A-Za-z0-9_-]{{{FILE_ID_LENGTH}}}", re.ASCII)
_NUMBER: Final = re.compile(rf"[0-9]{{1,{FILE_ID_DIGITS_MAX}}}", re.ASCII)
_HASH_FOLDER: Final = 2  # first characters
_NUMBER_FOLDER: Final = 3  # last digits


@dataclass(frozen=True, slots=True)
class FileId:
    """A valid id. Made by `parse`, `http_id`, `quic_id` or `numeric_id`."""

    text: str

    @classmethod
    def parse(cls, text: str) -> FileId:
        """Read an id. Raises FileIdMalformed for anything that is not one, such as a path."""
        if not (_HASH.fullmatch(text) or _NUMBER.fullmatch(text)):
            raise FileIdMalformed("not the id of a file")
        return cls(text)

    @property
    def is_hash(self) -> bool:
        """Whether it is the hash of the blob; else it is a number."""
        return len(self.text) == FILE_ID_LENGTH

    @property
    def is_extendable(self) -> bool:
        """Whether the life of the file can be extended (09.7.1)."""
        return self.is_hash

    @property
    def folder(self) -> str:
        """The folder of the file on the disk of a server (09.7.4)."""
        return self.text[:_HASH_FOLDER] if self.is_hash else self.text[-_NUMBER_FOLDER:].rjust(_NUMBER_FOLDER, "0")


class FileIdHasher:
    """Hashes a blob piece by piece to the id that the HTTP server gives it."""

    def __init__(self) -> None:
        self._state = crypto.blake2b_pieces(FILE_ID_DIGEST, salt=FILE_ID_LABEL)

    def update(self, data: bytes) -> None:
        """Take the next piece of the blob."""
        self._state.update(data)

    def id(self) -> FileId:
        """The id of the blob as far as it was given."""
        return FileId(base64.urlsafe_b64encode(self._state.digest()).decode())


def http_id(blob: bytes) -> FileId:
    """The id of a blob at an HTTP server."""
    hasher = FileIdHasher()
    hasher.update(blob)
    return hasher.id()


def quic_id(blob: bytes) -> FileId:
    """The id of a blob at a QUIC server."""
    return FileId(base64.urlsafe_b64encode(crypto.blake2b(FILE_ID_DIGEST, blob, key=FILE_ID_LABEL)).decode())


def numeric_id(randbelow: Callable[[int], int]) -> FileId:
    """A random numeric id. randbelow: gives a random number below its argument."""
    return FileId(str(randbelow(FILE_ID_NUMBERS)))
