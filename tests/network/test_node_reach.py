"""Nodes testing each other (05.8), and what a node makes of its list of nodes and of its clock (05.7)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from tests.network.by_hand import Someone
from tests.network.by_hand_roads import unverified
from tests.network.labs import Lab, lab_of, stored
from tests.network.waiting import until
from veery.node.listing import Listing
from veery.node.reach import Reachability, _written
from veery.node.settings import NodeSettings
from veery.protocol.constants import DAY_MS, MINUTE_MS, PROOF_SLACK_MS
from veery.protocol.swarm.nodes import ServiceNode
from veery.runtime.clock import SystemClock

pytestmark = [pytest.mark.network, pytest.mark.asyncio(loop_scope="module")]


def record(lab: Lab, number: int) -> ServiceNode:
    found = lab.node(1).view.node(lab.hop(number).ed25519)
    assert found is not None
    return found


@asynccontextmanager
async def from_node_1(lab: Lab) -> AsyncIterator[tuple[Reachability, aiohttp.ClientSession]]:
    connector = aiohttp.TCPConnector(ssl=unverified(), force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=2)) as session:
        yield lab.node(1).reachability, session


async def test_a_node_that_is_there_passes(lab: Lab) -> None:
    async with from_node_1(lab) as (reach, session):
        node = record(lab, 2)
        assert await reach._https(session, node)
        assert await reach._queue(node)
        await reach._test(session, node.ed25519)
        assert reach.failing == 0
        assert lab.node(2).reachability._reached == {"https", "queue"}


async def test_the_key_must_be_the_node_s(lab: Lab) -> None:
    async with from_node_1(lab) as (reach, session):
        wrong = replace(record(lab, 2), https_port=lab.node(3).https_port)
        assert not await reach._https(session, wrong)
        closed = replace(record(lab, 2), https_port=9)
        assert not await reach._https(session, closed)


async def test_keys_in_the_forms_that_testers_accept() -> None:
    as_base64, as_hex, as_base32z = _written(bytes(range(32)))
    assert as_base64 == "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    assert as_hex == bytes(range(32)).hex()
    assert len(as_base32z) == 52
    assert as_base32z.startswith("yyyoryar")


async def test_a_node_that_is_gone_fails_and_passes_when_it_is_back(tmp_path: Path) -> None:
    async with lab_of(tmp_path, 3, untested) as lab, from_node_1(lab) as (reach, session):
        key = lab.hop(3).ed25519
        await lab.network.kill_node(3)
        await reach._test(session, key)
        assert reach.failing == 1
        await lab.network.start_node(3)
        await lab.network.wait_listed()
        await reach._test(session, key)
        assert reach.failing == 0


def untested(settings: NodeSettings) -> NodeSettings:
    return replace(settings, tests=False)


def unrefreshed(settings: NodeSettings) -> NodeSettings:
    return replace(settings, refresh_s=1000.0)


async def test_silence_is_told_once(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    reach = lab.node(4).reachability
    reach._reached = {"queue"}
    reach._told_at = 0.0
    with caplog.at_level(logging.WARNING):
        reach._tell_silence()
        reach._tell_silence()
    assert [record.getMessage() for record in caplog.records] == [
        "no other node has reached this one by https: is its port open to the network?"
    ]


# -- the list of nodes -------------------------------------------------------------------------------------------


async def test_an_older_list_replaces_nothing(lab: Lab) -> None:
    listing, view = lab.node(1).listing, lab.node(1).view
    assert view.snapshot is not None
    newest = view.snapshot
    listing._take(replace(newest, height=newest.height - 1, nodes=newest.nodes[:5], block_hash=bytes(32)))
    assert view.snapshot is newest


async def test_a_node_that_a_list_names_without_address_keeps_the_one_it_had(tmp_path: Path) -> None:
    async with lab_of(tmp_path, 2, unrefreshed) as lab:
        listing, view = lab.node(1).listing, lab.node(1).view
        assert view.snapshot is not None
        known = record(lab, 2)
        bare = replace(known, ip="0.0.0.0", https_port=0, queue_port=0)
        nodes = [bare if node.ed25519 == known.ed25519 else node for node in view.snapshot.nodes]
        listing._take(replace(view.snapshot, height=view.snapshot.height + 1, nodes=tuple(nodes)))
        assert view.node(known.ed25519) == known


# -- the clock ---------------------------------------------------------------------------------------------------


class JumpingClock:
    """A clock of the machine whose wall time can jump."""

    def __init__(self) -> None:
        self.wall_ms, self.ticks = 1_700_000_000_000, 1000.0

    def now_ms(self) -> int:
        return self.wall_ms

    def monotonic(self) -> float:
        return self.ticks

    async def sleep_until(self, moment: float) -> None:
        self.ticks = max(self.ticks, moment)
        await asyncio.sleep(0)


def listing_of(lab: Lab, clock: JumpingClock) -> Listing:
    node = lab.node(1)
    return Listing(node.view, node._seeds, clock, ("127.0.0.1", 1, 1), lambda before, after: None, refresh_s=10.0)


async def test_a_clock_in_doubt(lab: Lab) -> None:
    clock = JumpingClock()
    listing = listing_of(lab, clock)

    def doubted() -> bool:
        return listing.clock_doubted

    assert doubted()  # nobody has agreed yet
    clock.ticks += 601
    assert not doubted()  # seeds that take no proofs never will
    listing._agreed_ms = listing._offset_ms()
    assert not doubted()
    clock.ticks += 3_600
    clock.wall_ms += 3_600_000
    assert not doubted()
    for jump in (PROOF_SLACK_MS + 1, -PROOF_SLACK_MS - 1, DAY_MS * 365):
        clock.wall_ms += jump
        assert doubted()
        clock.wall_ms -= jump
    assert not doubted()
    listing._refused_time = True
    assert doubted()


@pytest.mark.parametrize("offset", [10 * MINUTE_MS, -10 * MINUTE_MS])
async def test_a_seed_that_refuses_the_time_casts_doubt(tmp_path: Path, offset: int) -> None:
    async with lab_of(tmp_path, 1) as lab:
        node = lab.node(1)
        await until(lambda: not node.listing.clock_doubted)
        real = node.view.now_ms
        node.view.now_ms = lambda: real() + offset
        await until(lambda: node.listing.clock_doubted)
        assert node.listing.last_error is not None
        node.view.now_ms = real
        await until(lambda: not node.listing.clock_doubted)


async def test_nothing_is_deleted_by_a_clock_in_doubt(tmp_path: Path) -> None:
    """The machine's clock jumps a year ahead: messages stay until the seeds agree with it."""
    async with lab_of(tmp_path, 1, unrefreshed) as lab:
        node = lab.node(1)
        await until(lambda: not node.listing.clock_doubted)
        await stored(lab, Someone.new(), b"x", ttl=10_000)
        clock = AheadClock()
        node.clock = node.listing._clock = clock
        clock.ahead_ms = 365 * DAY_MS
        await node._sweep()
        assert node.status()["messages"] == 1
        clock.ahead_ms = 11_000
        await node._sweep()
        assert node.status()["messages"] == 0


class AheadClock(SystemClock):
    """The machine's clock, so much ahead."""

    ahead_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms


async def test_lists_follow_each_other(lab: Lab) -> None:
    """Two fetches at the same time: the later one wins, whichever is answered first."""
    node = lab.node(1)
    order: list[str] = []
    fetch = node._seeds.fetch
    slow = asyncio.Event()

    async def first() -> object:
        order.append("first")
        await slow.wait()
        return await fetch()

    async def second() -> object:
        order.append("second")
        return await fetch()

    node._seeds.fetch = first  # type: ignore[method-assign, assignment]
    one = asyncio.create_task(node.listing.refresh())
    await asyncio.sleep(0)
    node._seeds.fetch = second  # type: ignore[method-assign, assignment]
    two = asyncio.create_task(node.listing.refresh())
    await asyncio.sleep(0)
    assert order == ["first"]
    slow.set()
    await asyncio.gather(one, two)
    node._seeds.fetch = fetch  # type: ignore[method-assign]
    assert order == ["first", "second"]
