"""When a typing indicator is sent, in one conversation (02.7.7).

Times are milliseconds of a clock that does not jump.
"""

from __future__ import annotations

from veery.protocol.constants import TYPING_IDLE_MS, TYPING_REPEAT_MS


class TypingState:
    """STARTED at the first key stroke and again every ten seconds; STOPPED ten seconds after the last one."""

    def __init__(self) -> None:
        self._last_key: int | None = None
        self._last_started: int | None = None

    def receive_key(self, now: int) -> bool:
        """A key was pressed; tells whether STARTED is to be sent."""
        self._last_key = now
        if self._last_started is not None and now - self._last_started < TYPING_REPEAT_MS:
            return False
        self._last_started = now
        return True

    def receive_sent(self) -> None:
        """The message was sent: its receiver forgets the indicator, so nothing more is told."""
        self._last_key = self._last_started = None

    def receive_left(self) -> bool:
        """Whoever typed has gone elsewhere; tells whether STOPPED is to be sent."""
        typing = self._last_key is not None
        self.receive_sent()
        return typing

    def get_timer(self) -> int | None:
        """When `handle_timer` is to be called; None while nobody types."""
        return None if self._last_key is None else self._last_key + TYPING_IDLE_MS

    def handle_timer(self, now: int) -> bool:
        """Time went by; tells whether STOPPED is to be sent."""
        timer = self.get_timer()
        if timer is None or now < timer:
            return False
        self.receive_sent()
        return True
