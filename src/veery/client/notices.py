"""Telling a contact that something of theirs was taken out of the conversation (02.8.8)."""

from __future__ import annotations

from veery.client.contents import control, notice_expiration
from veery.client.conversations import needed
from veery.client.core import Core, Times
from veery.client.faults import no_message
from veery.client.read_receipts import is_told_of_reading
from veery.client.timestamps import next_timestamp
from veery.protocol.account import AccountId
from veery.protocol.content import DataExtraction, DataExtractionType
from veery.store.tables import Tables


class Notices:
    """Data extraction notices of one account."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def media_saved(self, message: int) -> bool:
        """An attachment of a received message was saved; tells whether its sender is told. Raises NotFound.

        Nobody is told of own messages, in groups, in requests, and when they are blocked.
        """
        core, times = self._core, self._core.times()

        def work(tables: Tables) -> bool:
            held = tables.messages.get(message)
            if held is None:
                raise no_message(message)
            notice = DataExtraction(DataExtractionType.MEDIA_SAVED, held.timestamp_ms)
            return not held.outgoing and _tell(tables, held.conversation, core.own, notice, times)

        return await self._queued(await core.write(work))

    async def screenshot(self, conversation: str) -> bool:
        """The conversation was captured; tells whether the contact is told. Raises NotFound."""
        core, times = self._core, self._core.times()
        notice = DataExtraction(DataExtractionType.SCREENSHOT)
        return await self._queued(await core.write(lambda tables: _tell(tables, conversation, core.own, notice, times)))

    async def _queued(self, told: bool) -> bool:
        if told:
            self._core.outbox_changed.set()
        return told


def _tell(tables: Tables, conversation: str, own: AccountId, notice: DataExtraction, times: Times) -> bool:
    held = needed(tables, conversation)
    if not is_told_of_reading(held, own):
        return False
    timestamp_ms = next_timestamp(tables, own, times.network_ms)
    copy = control(AccountId.from_hex(conversation), notice, timestamp_ms, notice_expiration(held, own))
    tables.deliveries.queue_control([copy], times.local_ms)
    return True
