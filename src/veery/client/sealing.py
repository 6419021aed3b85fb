"""Sealing a copy of the outbox: the bytes that its swarm will hold, made once, at the level of the recipient."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from veery.client.core import Core
from veery.protocol import message_v1
from veery.store.outbox import Copy

V1: Final = "v1"


@dataclass(frozen=True, slots=True)
class SealedCopy:
    """The bytes for `store`, and the protocol level that they have."""

    data: bytes = field(repr=False)
    level: str


class Sealing:
    """Seals copies of one account."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def seal(self, copy: Copy) -> SealedCopy | None:
        """Seal a copy; None when it has to wait for something first. Raises ProtocolError when it never can be."""
        data = message_v1.seal(
            copy.content,
            sender_ed25519_secret=self._core.account.ed25519_secret,
            recipient=copy.destination.raw,
            timestamp_ms=copy.timestamp_ms,
            random=self._core.random.random_bytes,
        )
        return SealedCopy(data, V1)
