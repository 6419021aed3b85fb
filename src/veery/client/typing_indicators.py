"""Typing indicators of this account, if the user wants them told (02.7.7). What comes is told by `typing` events."""

from __future__ import annotations

import asyncio

from veery.client.contents import control
from veery.client.core import Core
from veery.client.read_receipts import is_told_of_reading
from veery.client.settings import Switch, switched_on
from veery.client.timestamps import next_timestamp
from veery.policy.typing import TypingState
from veery.protocol.account import AccountId
from veery.protocol.constants import HOUR_MS, SECOND_MS
from veery.protocol.content import TypingAction, TypingMessage
from veery.store.tables import Tables


class TypingIndicators:
    """Tells contacts that somebody types to them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._states: dict[str, TypingState] = {}
        self._changed = asyncio.Event()

    async def key_pressed(self, conversation: str) -> bool:
        """Call at every key stroke; tells whether the contact was told now. Does nothing while the setting is off."""
        state = self._states.setdefault(conversation, TypingState())
        if not state.receive_key(self._now()):
            return False
        if not await self._tell(conversation, TypingAction.STARTED):
            self._states.pop(conversation, None)  # it may be allowed at the next key
            return False
        self._changed.set()
        return True

    async def left(self, conversation: str) -> bool:
        """Whoever typed has given up; tells whether the contact was told."""
        state = self._states.pop(conversation, None)
        return state is not None and state.receive_left() and await self._tell(conversation, TypingAction.STOPPED)

    def message_sent(self, conversation: str) -> None:
        """A message went out: nothing is told, for receiving it clears the indicator."""
        self._states.pop(conversation, None)

    async def run(self) -> None:
        """Tell when typing has stopped, until cancelled."""
        clock = self._core.clock
        while True:
            self._changed.clear()
            await self.run_due()
            timers = [timer for state in self._states.values() if (timer := state.get_timer()) is not None]
            pause_ms = min(timers) - self._now() if timers else HOUR_MS
            await self._core.wait_until(clock.monotonic() + max(0, pause_ms) / SECOND_MS, self._changed.wait())

    async def run_due(self) -> None:
        """Tell what is due now."""
        now = self._now()
        for conversation in [each for each, state in self._states.items() if state.handle_timer(now)]:
            del self._states[conversation]
            await self._tell(conversation, TypingAction.STOPPED)

    async def _tell(self, conversation: str, action: TypingAction) -> bool:
        core, times = self._core, self._core.times()

        def work(tables: Tables) -> bool:
            held = tables.conversations.get(conversation)
            if held is None or not switched_on(tables, Switch.TYPING):
                return False
            if held.hidden or held.active_ms is None or not is_told_of_reading(held, core.own):
                return False
            timestamp_ms = next_timestamp(tables, core.own, times.network_ms)
            copy = control(AccountId.from_hex(conversation), TypingMessage(timestamp_ms, action), timestamp_ms)
            tables.deliveries.queue_control([copy], times.local_ms)
            return True

        told = await core.write(work)
        if told:
            core.outbox_changed.set()
        return told

    def _now(self) -> int:
        return int(self._core.clock.monotonic() * SECOND_MS)
