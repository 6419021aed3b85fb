"""Sealing a copy of the outbox: the bytes that its swarm will hold, made once, at the level of the recipient.

Who seals is told by whom the copy is for: `levels.copies` for people and for the own devices, `groups.sealing`
for groups.
"""

from __future__ import annotations

from typing import Final

from veery.client.core import Core
from veery.client.groups.sealing import seal_copy
from veery.client.levels.copies import CopySealing
from veery.client.levels.key_fetching import KeyFetching
from veery.client.levels.outcomes import Dropped, SealedCopy, Waits
from veery.protocol.constants import PREFIX_USER
from veery.store.outbox import Copy

__all__ = ["V1", "Dropped", "SealedCopy", "Sealing", "Waits"]

V1: Final = "v1"


class Sealing:
    """Seals copies of one account."""

    def __init__(self, core: Core, keys: KeyFetching) -> None:
        self._core = core
        self._copies = CopySealing(core, keys)

    async def seal(self, copy: Copy) -> SealedCopy | Waits | Dropped:
        """Seal a copy, or say that it waits, or that it is given up.

        Raises NetworkError when something has to be learnt from the network first, and ProtocolError when the copy can
        never be sealed.
        """
        if copy.destination == self._core.own:
            return await self._copies.to_own(copy)
        if copy.destination.prefix == PREFIX_USER:
            return await self._copies.to_contact(copy)
        return await seal_copy(self._core, copy)
