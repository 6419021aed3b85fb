"""Receiving: when and whom `policy.polling` says, what a member gives, and what comes of it.

A poll asks one member for all namespaces in one batch, each after the last hash that *this* member gave, because the
order differs among members (04.6.2). The answer is opened away from the loop, sorted by T so that a message comes
before what refers to it, and applied in one transaction together with the cursor: a kill in between repeats the poll,
and hashes that were seen are passed over. Cursors live in the store alone, so that none is ever ahead of what was kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from veery.client.core import Core
from veery.client.fetching import Answered, Fetching
from veery.errors import NetworkError, ProtocolError, Unreachable
from veery.policy.late import Horizon
from veery.policy.poll_schedule import Activity, PollSchedule
from veery.policy.polling import Reading
from veery.protocol.constants import POLL_OPEN_MS, SECOND_MS

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What polls gave: items that were not seen before, those of them that broke a rule, and polls answered."""

    new: int = 0
    refused: int = 0
    polls: int = 0

    def __add__(self, other: Fetched) -> Fetched:
        return Fetched(self.new + other.new, self.refused + other.refused, self.polls + other.polls)


class Receiving:
    """Fetches and applies the messages of one mailbox. Polls never overlap.

    answered: called when the first answer came after a spell without any; settled: called when all was read that a
    member holds.
    """

    def __init__(
        self,
        core: Core,
        fetching: Fetching,
        answered: Callable[[], Awaitable[None]],
        settled: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._core = core
        self._fetching = fetching
        self._answered = answered
        self._settled = settled
        self._account = fetching.mailbox.account
        self._namespaces = tuple(fetching.mailbox.handlers)
        self._schedule = PollSchedule(core.random.randbelow)
        self._horizons = {namespace: Horizon() for namespace in self._namespaces}
        self._polling = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._silent = False

    def set_activity(self, activity: Activity) -> None:
        """How often to poll from now on."""
        self._schedule.set_activity(activity)
        self._wanted.set()

    async def run(self) -> None:
        """Poll when it is due, until cancelled. Faults of the network and of members only postpone."""
        while True:
            self._wanted.clear()
            try:
                async with self._polling:
                    await self._learn_members()
                    await self._poll_due()
            except NetworkError as error:
                self._silent = True
                log.info("A swarm is not known: %s", error)
            await self._rest()

    async def fetch(self) -> Fetched:
        """Poll now, until those who are asked have nothing more.

        Raises NetworkError when no member of the swarm gave a usable answer.
        """
        found = Fetched()
        failure: NetworkError = Unreachable("no member of the swarm can be asked now")
        async with self._polling:
            await self._learn_members()
            self._schedule.poll_now(self._now())
            timer = self._schedule.get_timer()
            if timer is not None and timer > self._now():
                self._schedule.resumed(self._now())  # whoever asks now does not wait out earlier failures
            while (member := self._schedule.begin(self._now())) is not None:
                try:
                    found += await self._poll(member)
                except NetworkError as error:
                    failure = error
        if not found.polls:
            raise failure
        return found

    # -- polls -------------------------------------------------------------------------------------------------

    async def _learn_members(self) -> None:
        members = await self._core.road.members(self._account.raw)
        self._schedule.set_members(member.ed25519 for member in members)

    async def _poll_due(self) -> None:
        while (member := self._schedule.begin(self._now())) is not None:
            try:
                await self._poll(member)
            except NetworkError as error:
                self._silent = True
                log.info("A poll failed: %s", error)

    async def _poll(self, member: bytes) -> Fetched:
        """One request to a member that the schedule has chosen. Raises NetworkError."""
        found, again = Fetched(polls=1), False
        try:
            answers = await self._fetching.ask(member, self._namespaces)
            for answer in answers:
                reading, outcome = await self._take(answer)
                found += outcome
                again = again or reading.again
        except ProtocolError as error:
            self._schedule.failed(member, self._now())
            raise Unreachable("a member of the swarm gives answers that are none") from error
        except BaseException:  # also when cancelled: the schedule must not wait for this poll for ever
            self._schedule.failed(member, self._now())
            raise
        if self._schedule.answered(member, self._now(), more=again):
            self._horizons = {namespace: horizon.settled() for namespace, horizon in self._horizons.items()}
        if self._silent:
            self._silent = False
            await self._answered()
        if not again and self._settled is not None:
            await self._settled()
        return found

    async def _take(self, answer: Answered) -> tuple[Reading, Fetched]:
        horizon = self._horizons[answer.namespace]
        reading, recorded = await self._fetching.record(answer, horizon)
        self._horizons[answer.namespace] = reading.horizon
        new = len(recorded.applied) + len(recorded.undecoded) + len(recorded.refused)
        return reading, Fetched(new, len(recorded.refused))

    async def _rest(self) -> None:
        """Wait until the next poll is due, or something asks for one."""
        timer, now = self._schedule.get_timer(), self._now()
        pause_ms = POLL_OPEN_MS if timer is None else max(0, timer - now)
        moment = self._core.clock.monotonic() + pause_ms / SECOND_MS
        await self._core.wait_until(moment, self._wanted.wait())

    def _now(self) -> int:
        """Milliseconds of a clock that does not jump."""
        return int(self._core.clock.monotonic() * SECOND_MS)
