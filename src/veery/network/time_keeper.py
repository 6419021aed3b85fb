"""The shell of `policy.clock`: learns the network's time from answers, and asks for it when it matters (03.10).

Every JSON answer of a node tells its time. Besides, three random nodes are asked by onion requests when a request was
refused for its time, and after the machine slept or its clock was set. Only one such round runs at a time; whoever
needs it waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from veery.errors import ClockWrong, NetworkError
from veery.network.memory import RoadMemory, keep
from veery.network.onion_requests import Exchange
from veery.network.path_keeper import Asked
from veery.policy.clock import ClockVerdict, NetworkClock, Refusal, TimeSample
from veery.protocol.constants import ONION_REQUEST_TIMEOUT_S
from veery.protocol.onion import NodeReply
from veery.protocol.storage_rpc.requests import Info
from veery.protocol.storage_rpc.write import write_call
from veery.protocol.swarm.nodes import ServiceNode
from veery.runtime.clock import Clock

log = logging.getLogger(__name__)

_INFO: Final = write_call(Info())
_SAVED_STEP_MS: Final = 1_000  # smaller changes are not worth a write


class TimeCorrected(ClockWrong):
    """A request was refused for its time, and the network's time has been learnt since: the same call, signed anew
    with `Road.now_ms()`, will pass.
    """

    default_kind = "network.clock.corrected"
    default_remedy = "Try again"


class TimeKeeper:
    """Knows the network's time. nodes: gives the nodes to ask; ask: an onion request to a node."""

    def __init__(
        self,
        clock: Clock,
        memory: RoadMemory,
        *,
        nodes: Callable[[], Sequence[ServiceNode]],
        ask: Callable[[ServiceNode, bytes, float], Awaitable[Asked[NodeReply]]],
    ) -> None:
        self._clock = clock
        self._memory = memory
        self._nodes = nodes
        self._ask = ask
        self._policy = NetworkClock()
        self._saved_ms = 0
        self._round: asyncio.Task[bool] | None = None

    @property
    def offset_ms(self) -> int:
        """Network time less the machine's time."""
        return self._policy.offset_ms

    @property
    def verdict(self) -> ClockVerdict:
        """How the machine's clock stands."""
        return self._policy.verdict

    def now_ms(self) -> int:
        """Network time."""
        return self._policy.network_time(self._clock.now_ms())

    async def load(self) -> None:
        """Begin with the remembered offset."""
        offset_ms = await self._memory.clock_offset_ms()
        if offset_ms is not None:
            self._policy = NetworkClock(offset_ms=offset_ms)
            self._saved_ms = offset_ms

    def note(self, source: bytes, content: object, exchange: Exchange[NodeReply]) -> None:
        """Take the time of an answer, if its content tells one. source: Ed25519 key of the node."""
        sample = _sample(source, content, exchange)
        if sample is not None:
            self._policy.note(sample)

    async def refused(self, signed_offset_ms: int, *, proved: bool) -> None:
        """A request that was signed with this offset was refused for its time.

        proved: whether the destination says so, and not some hop in clear, whose word alone is worth a question.
        Returns when our time is right, so that another node may take the request. Raises TimeCorrected when it must be
        signed anew, ClockWrong when the network's time cannot be learnt.
        """
        decision = self._policy.refused(signed_offset_ms, self._clock.now_ms(), retried=False)
        if decision is Refusal.ELSEWHERE:
            return
        if decision is not Refusal.SIGN_AGAIN and not await self.resync() and proved:
            raise ClockWrong("The network refuses our time, and no node tells its own")
        if abs(self.offset_ms - signed_offset_ms) > self._policy.rules.step_ms:
            raise TimeCorrected("The network refused the time of a request; the right time is known now")

    async def resync(self) -> bool:
        """Ask nodes for their time, or wait for a round that is under way. False if none tells it."""
        if self._round is None or self._round.done():
            self._round = asyncio.create_task(self._ask_all(), name="network time")
        running = self._round
        await asyncio.wait((running,))  # others wait for it as well: it goes on when one of them is cancelled
        return not running.cancelled() and running.result()

    async def resync_if_due(self) -> None:
        """Ask nodes for their time unless that was done in the last ten minutes."""
        if self._policy.resume_due(self._clock.now_ms()):
            await self.resync()

    async def close(self) -> None:
        """End a round that is under way."""
        if self._round is not None:
            self._round.cancel()
            await asyncio.gather(self._round, return_exceptions=True)

    async def _ask_all(self) -> bool:
        found = await asyncio.gather(*map(self._time_of, self._nodes()))
        known = self._policy.resynced((sample for sample in found if sample is not None), self._clock.now_ms())
        if known and abs(self.offset_ms - self._saved_ms) > _SAVED_STEP_MS:
            self._saved_ms = self.offset_ms
            await keep(self._memory.save_clock_offset_ms(self.offset_ms), "the offset of the clock")
        return known

    async def _time_of(self, node: ServiceNode) -> TimeSample | None:
        try:
            asked = await self._ask(node, _INFO, ONION_REQUEST_TIMEOUT_S)
        except NetworkError as error:
            log.info("A node does not tell its time: %s", error)
            return None
        content = None if asked.reply is None else asked.reply.content()
        return _sample(node.ed25519, content, asked.exchange)


def _sample(source: bytes, content: object, exchange: Exchange[NodeReply]) -> TimeSample | None:
    told = content.get("t") if isinstance(content, Mapping) else None
    if type(told) is not int:
        return None
    return TimeSample(source, told, exchange.sent_ms, exchange.received_ms)
