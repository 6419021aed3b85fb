"""Message requests: people who wrote and were not accepted yet (02.8.6), and blocking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from veery.client.approval import Change, approve, tell
from veery.client.conversations import needed
from veery.client.core import Core
from veery.client.faults import SelfRefused
from veery.store.conversations import HIDDEN, Conversation
from veery.store.tables import Tables


class Requests:
    """The message requests of one account."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def list(self) -> tuple[Conversation, ...]:
        """The requests that wait for an answer, latest first."""
        return await self._core.read(lambda tables: tables.conversations.requests())

    async def accept(self, conversation: str) -> None:
        """Accept who wrote; they are told by a response. Raises NotFound."""
        core, times = self._core, self._core.times()
        await core.write(lambda tables: approve(tables, needed(tables, conversation), core.own, times))
        core.outbox_changed.set()

    async def decline(self, conversation: str, *, block: bool = False) -> None:
        """Hide a request; nothing is sent. A further message of the same person is a request again, unless blocked.

        Raises NotFound.
        """
        await self._change(conversation, Change.DECLINED, lambda held: replace(held, priority=HIDDEN))
        if block:
            await self.block(conversation)

    async def block(self, conversation: str) -> None:
        """Drop everything that this contact sends from now on; nothing is sent. Raises NotFound, SelfRefused."""
        if conversation == self._core.own.hex:
            raise SelfRefused("the own account cannot be blocked")
        await self._change(conversation, Change.BLOCKED, lambda held: replace(held, blocked=True))

    async def unblock(self, conversation: str) -> None:
        """Take messages of this contact again. What came meanwhile is lost. Raises NotFound."""
        await self._change(conversation, Change.UNBLOCKED, lambda held: replace(held, blocked=False))

    async def _change(self, conversation: str, change: Change, changed: Callable[[Conversation], Conversation]) -> None:
        now_ms = self._core.clock.now_ms()

        def work(tables: Tables) -> None:
            needed(tables, conversation)
            tell(tables, tables.conversations.update(conversation, changed), change, now_ms)

        await self._core.write(work)
