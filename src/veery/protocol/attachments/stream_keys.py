"""Keys of the stream scheme: hashed from the file itself, so that the same file gives the same blob (09.4.1).

A file server then keeps one copy of what an account uploads twice, and renewing an expired file gives it its old id.
Two accounts give different blobs: their seeds are part of the hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from veery.protocol import crypto
from veery.protocol.attachments.errors import FileUnfit
from veery.protocol.constants import (
    PERSON_ATTACHMENT,
    PERSON_PROFILE_PICTURE,
    STREAM_HEADER_SIZE,
    STREAM_KEY_SIZE,
    STREAM_SEED_SIZE,
)
from veery.protocol.crypto import RandomBytes
from veery.secret import Secret

_DIGEST_SIZE: Final = STREAM_HEADER_SIZE + STREAM_KEY_SIZE


class Domain(Enum):
    """What a file is for; its value personalises the hash."""

    ATTACHMENT = PERSON_ATTACHMENT
    PROFILE_PICTURE = PERSON_PROFILE_PICTURE


@dataclass(frozen=True, slots=True, eq=False)
class StreamKey:
    """header: 24 bytes, stands in the blob; key: 32 bytes, goes into the message and is all that a reader needs."""

    header: bytes
    key: Secret

    @classmethod
    def draw(cls, random: RandomBytes) -> StreamKey:
        """A random one: the same file then gives another blob each time. Readers cannot tell (09.4.1)."""
        return cls(random(STREAM_HEADER_SIZE), Secret(random(STREAM_KEY_SIZE)))

    def is_same(self, other: StreamKey) -> bool:
        """Whether header and key are equal, in constant time."""
        return crypto.equal(self.header + self.key.reveal(), other.header + other.key.reveal())


class StreamHasher:
    """Hashes a file piece by piece; `size` counts its bytes.

    seed: the account's Ed25519 seed, or another stable secret of at least 32 bytes, of which the first 32 count.
    Raises FileUnfit for a shorter one.
    """

    def __init__(self, seed: Secret, domain: Domain) -> None:
        if len(seed) < STREAM_SEED_SIZE:
            raise FileUnfit(f"A seed has at least {STREAM_SEED_SIZE} bytes", kind="files.seed")
        self._seed = seed
        self._domain = domain
        self._state = crypto.blake2b_pieces(_DIGEST_SIZE, key=seed.reveal()[:STREAM_SEED_SIZE], person=domain.value)
        self.size = 0

    def update(self, data: bytes) -> None:
        """Take the next piece of the file."""
        self._state.update(data)
        self.size += len(data)

    def key(self) -> StreamKey:
        """The key of the file as far as it was given."""
        digest = self._state.digest()
        return StreamKey(digest[:STREAM_HEADER_SIZE], Secret(digest[STREAM_HEADER_SIZE:]))

    def fresh(self) -> StreamHasher:
        """Another one of the same seed and domain that has seen nothing yet."""
        return StreamHasher(self._seed, self._domain)
