"""Testing whether other nodes can be reached, and noting that others reach us (05.8)."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import Callable

import aiohttp

from veery.errors import VeeryError
from veery.node.front import PING
from veery.node.view import NodeView
from veery.node.writes import Members
from veery.policy.reachability import TestSchedule
from veery.protocol.constants import NO_SWARM, PING_SILENCE_MS, SECOND_MS, TEST_TICK_MS, TEST_TIMEOUT_S
from veery.protocol.swarm import base32z
from veery.protocol.swarm.nodes import ServiceNode, node_address
from veery.runtime.clock import Clock, sleep
from veery.runtime.tls import node_context

log = logging.getLogger(__name__)


class Reachability:
    """Tests nodes in turn; `failing` are those that did not answer lately."""

    def __init__(
        self,
        view: NodeView,
        members: Members,
        clock: Clock,
        gauss: Callable[[float, float], float],
        randbelow: Callable[[int], int],
    ) -> None:
        self._view = view
        self._members = members
        self._clock = clock
        self._schedule = TestSchedule(gauss, randbelow, clock.monotonic())
        self._others: list[bytes] = []
        self._reached: set[str] = set()
        self._told_at: float | None = clock.monotonic() + PING_SILENCE_MS / SECOND_MS

    @property
    def failing(self) -> int:
        """How many nodes fail their tests now."""
        return self._schedule.failing

    def pinged(self, road: str) -> None:
        """Somebody reached this node over `road` (https, queue)."""
        self._reached.add(road)

    def list_changed(self) -> None:
        """The node list is another."""
        snapshot = self._view.snapshot
        nodes = () if snapshot is None else snapshot.nodes
        own = self._view.keys.ed25519
        self._others = [node.ed25519 for node in nodes if node.contactable and node.ed25519 != own]
        self._schedule.set_nodes(self._others)

    async def run(self) -> None:
        """Test for ever; only active nodes test."""
        context = node_context()
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, force_close=True),
            timeout=aiohttp.ClientTimeout(total=TEST_TIMEOUT_S),
        ) as session:
            while True:
                if self._view.own_swarm != NO_SWARM:
                    due = self._schedule.due(self._clock.monotonic())
                    await asyncio.gather(*(self._test(session, key) for key in due))
                    self._tell_silence()
                await sleep(self._clock, TEST_TICK_MS / SECOND_MS)

    def _tell_silence(self) -> None:
        """Say once, a while after the start, which ports nobody has reached."""
        if self._told_at is None or self._clock.monotonic() < self._told_at:
            return
        self._told_at = None
        for road in sorted({"https", "queue"} - self._reached):
            if self._others:
                log.warning("no other node has reached this one by %s: is its port open to the network?", road)

    async def _test(self, session: aiohttp.ClientSession, key: bytes) -> None:
        node = self._view.node(key)
        if node is None or not node.contactable:
            return
        passed = all(await asyncio.gather(self._https(session, node), self._queue(node)))
        if self._schedule.result(key, passed, self._clock.monotonic()):
            log.info("a node %s its reachability test", "passed again" if passed else "failed")

    async def _https(self, session: aiohttp.ClientSession, node: ServiceNode) -> bool:
        try:
            async with session.post(
                f"https://{node.ip}:{node.https_port}{PING}", headers={"Host": node_address(node.ed25519)}
            ) as answer:
                told = answer.headers.get("X-Oxen-Snode-Pubkey", "")
                return answer.status == 200 and told.rstrip("=") in _written(node.legacy)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return False

    async def _queue(self, node: ServiceNode) -> bool:
        try:
            await self._members.ask(node, b"sn.ping", timeout_s=TEST_TIMEOUT_S, outgoing_only=True)
        except VeeryError:
            return False
        return True


def _written(key: bytes) -> tuple[str, ...]:
    """The forms in which nodes write their key (05.8)."""
    return b64encode(key).decode().rstrip("="), key.hex(), base32z.encode(key)
