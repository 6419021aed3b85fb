"""When an account is polled, and at which member of its swarm (04.9).

A retrieve is answered from one node's database alone (05.5), so no member is trusted to have everything: each poll goes
to the member that was asked longest ago. What one of them lacks, lags behind with or keeps back comes from the next.
After the start and after a spell without answers two members are asked, one after the other, so that what is shown
first is already cross-checked. A member that fails is left alone for a while that doubles; the others go on.

    begin(now) -> member | None      answered(member, more, now)      failed(member, now)      get_timer() -> ms | None

One poll at a time: after `begin` gave a member, `answered` or `failed` must follow.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from veery.policy.chance import RandBelow, doubled, pick
from veery.protocol.constants import (
    MINUTE_MS,
    POLL_ACTIVE_FOR_MS,
    POLL_DORMANT_MS,
    POLL_OPEN_MS,
    POLL_QUIET_FOR_MS,
    POLL_QUIET_MS,
    SECOND_MS,
)


class Activity(Enum):
    """How lively an account or conversation is: that decides how often it is polled."""

    OPEN = "open"  # somebody looks at it
    ACTIVE = "active"  # used in the last two days
    QUIET = "quiet"  # used in the last week, or nobody looks at the client
    DORMANT = "dormant"  # not used for longer


def activity_of(last_used_ms: int | None, now_ms: int, *, is_open: bool) -> Activity:
    """The activity of a conversation by its last message (04.9)."""
    if is_open:
        return Activity.OPEN
    if last_used_ms is None or now_ms - last_used_ms > POLL_QUIET_FOR_MS:
        return Activity.DORMANT
    return Activity.ACTIVE if now_ms - last_used_ms <= POLL_ACTIVE_FOR_MS else Activity.QUIET


@dataclass(frozen=True, slots=True)
class PollRules:
    """Times in milliseconds. checked: members asked after the start and after `offline_ms` without any answer.

    pages: answers fetched from one member in a row before the others have their turn.
    """

    open_ms: int = POLL_OPEN_MS
    active_ms: int = POLL_OPEN_MS
    quiet_ms: int = POLL_QUIET_MS
    dormant_ms: int = POLL_DORMANT_MS
    checked: int = 2
    offline_ms: int = MINUTE_MS
    pause_first_ms: int = 5 * SECOND_MS
    pause_most_ms: int = 5 * MINUTE_MS
    pages: int = 100

    def interval_ms(self, activity: Activity) -> int:
        """From the beginning of one poll to the next."""
        return {
            Activity.OPEN: self.open_ms,
            Activity.ACTIVE: self.active_ms,
            Activity.QUIET: self.quiet_ms,
            Activity.DORMANT: self.dormant_ms,
        }[activity]


@dataclass(slots=True)
class _Member:
    asked: int = 0  # number of the poll that asked it last; 0 for never
    failures: int = 0
    not_before_ms: int = 0


class PollSchedule:
    """The polls of one account. Members are named by their Ed25519 keys."""

    def __init__(self, randbelow: RandBelow, rules: PollRules | None = None) -> None:
        self.rules = rules or PollRules()
        self._randbelow = randbelow
        self._activity = Activity.OPEN
        self._members: dict[bytes, _Member] = {}
        self._polling: bytes | None = None
        self._again: bytes | None = None  # it has more
        self._pages = 0
        self._polls = 0
        self._checks = 0  # members still to be asked in this round of checking
        self._checked: set[bytes] = set()
        self._due_ms = 0
        self._started_ms = 0
        self._answered_ms: int | None = None

    # -- what the shell tells --------------------------------------------------------------------------------------

    def set_members(self, members: Iterable[bytes]) -> None:
        """The swarm as it is known now. What is known of members that stay is kept."""
        self._members = {key: self._members.get(key) or _Member() for key in members}

    def set_activity(self, activity: Activity) -> None:
        """How often to poll from now on; a shorter interval counts from the last poll."""
        self._activity = activity
        self._due_ms = min(self._due_ms, self._started_ms + self._interval_ms)

    def resumed(self, now_ms: int) -> None:
        """The machine woke up or has another network: nothing is held against members, two are asked at once."""
        for member in self._members.values():
            member.failures, member.not_before_ms = 0, 0
        self._answered_ms = None
        self._due_ms = now_ms

    def poll_now(self, now_ms: int) -> None:
        """Somebody has a reason to believe that there is something new."""
        self._due_ms = min(self._due_ms, now_ms)

    # -- polls -----------------------------------------------------------------------------------------------------

    def get_timer(self) -> int | None:
        """When `begin` is to be called next (ms), or None while a poll is under way or no member is known."""
        if self._polling is not None or not self._members:
            return None
        return max(self._due_ms, min(member.not_before_ms for member in self._members.values()))

    def begin(self, now_ms: int) -> bytes | None:
        """The member to poll now, or None if none is due."""
        timer = self.get_timer()
        if timer is None or now_ms < timer:
            return None
        if self._again not in self._members:
            self._again, self._pages = None, 0
            self._started_ms = now_ms
        self._polling = self._again or self._next_member(now_ms)
        self._polls += 1
        self._members[self._polling].asked = self._polls
        return self._polling

    def answered(self, member: bytes, now_ms: int, *, more: bool) -> bool:
        """The polled member answered, and says whether it has more. True when its reading is finished for now."""
        if member != self._polling:
            return True
        self._polling = None
        known = self._members.get(member)
        if known is not None:
            known.failures = 0
        silent_ms = max(self.rules.offline_ms, 2 * self._interval_ms)
        if self._answered_ms is None or now_ms - self._answered_ms > silent_ms:
            self._checks, self._checked = self.rules.checked, set()
        self._answered_ms = now_ms
        self._pages += 1
        if more and self._pages < self.rules.pages:
            self._again, self._due_ms = member, now_ms
            return False
        self._finish(member, now_ms)
        return True

    def failed(self, member: bytes, now_ms: int) -> None:
        """The polled member did not answer, or not usably: another one is due at once if there is one."""
        if member != self._polling:
            return
        self._polling = self._again = None
        known = self._members.get(member)
        if known is not None:
            known.failures += 1
            pause = doubled(self.rules.pause_first_ms, self.rules.pause_most_ms, known.failures)
            known.not_before_ms = now_ms + pause
        self._due_ms = now_ms

    def _finish(self, member: bytes, now_ms: int) -> None:
        self._again = None
        self._checked.add(member)
        self._checks = max(0, self._checks - 1)
        unchecked = any(m.not_before_ms <= now_ms for key, m in self._members.items() if key not in self._checked)
        self._due_ms = now_ms if self._checks and unchecked else self._started_ms + self._interval_ms

    @property
    def _interval_ms(self) -> int:
        return self.rules.interval_ms(self._activity)

    def _next_member(self, now_ms: int) -> bytes:
        free = {key: member for key, member in self._members.items() if member.not_before_ms <= now_ms}
        oldest = min(member.asked for member in free.values())
        return pick([key for key, member in free.items() if member.asked == oldest], self._randbelow)
