"""Real nodes over real sockets: joining, splitting, being away, and SIGKILL under load."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from tests.network import by_hand as hand
from tests.network.by_hand import Someone
from tests.network.by_hand_roads import Https, https_session
from tests.network.labs import ROADS, Lab, lab_of, ok
from tests.network.waiting import until, until_awaited
from veery.lab.network import LabNetwork
from veery.lab.plan import node_directory
from veery.node.message_table import newest_id
from veery.node.messages import DATABASE

pytestmark = pytest.mark.network


async def hashes(lab: Lab, number: int, who: Someone, namespace: int = 0) -> set[str]:
    answer = await ok(lab, ROADS["https"], "retrieve", hand.retrieve(who, namespace, max_size=-1), number)
    return {each["hash"] for each in answer["messages"]}


async def put(lab: Lab, number: int, who: Someone, data: bytes, namespace: int = 0) -> str:
    answer = await ok(lab, ROADS["https"], "store", hand.store(who, data, namespace), number)
    return str(answer["hash"])


async def has(lab: Lab, number: int, who: Someone, names: set[str], seconds: float = 30.0) -> None:
    """Wait until a node has just these messages of an account."""

    async def all_there() -> bool:
        return await hashes(lab, number, who) == names

    await until_awaited(all_there, seconds)


async def test_a_node_that_joins_gets_everything(tmp_path: Path) -> None:
    async with lab_of(tmp_path, 4, first=3) as lab:
        who = Someone.new()
        names = {await put(lab, 1 + at % 3, who, os.urandom(40_000)) for at in range(60)}
        await lab.network.start_node(4)
        await lab.network.wait_listed()
        await has(lab, 4, who, names)


async def test_the_fourteenth_node_splits_the_swarm_and_nothing_is_lost(tmp_path: Path) -> None:
    async with lab_of(tmp_path, 14, first=13) as lab:
        assert len(lab.swarms) == 1
        people = [Someone.new() for _ in range(40)]
        names = {who.id: {await put(lab, 1 + at % 13, who, os.urandom(500))} for at, who in enumerate(people)}
        await lab.network.start_node(14)
        await lab.network.wait_listed()
        await until(lambda: all(len(node.view.snapshot.ring.ids) == 2 for node in lab.nodes if node.view.snapshot))
        ids = lab.swarms
        assert {hand.swarm_of(who.account, ids) for who in people} == {*ids}
        for number in lab.numbers:
            for who in people:
                if hand.swarm_of(who.account, ids) == lab.swarm_of(number):
                    await has(lab, number, who, names[who.id])
                else:
                    assert (await ROADS["https"](lab, number, "retrieve", hand.retrieve(who)))[0] == 421


@pytest.mark.parametrize("longer", [False, True], ids=["less than the life of a proof", "more"])
async def test_a_node_that_was_away_catches_up(tmp_path: Path, longer: bool) -> None:
    async with lab_of(tmp_path, 3, lifetime_s=3.0 if longer else 600.0) as lab:
        who = Someone.new()
        kept, gone = await put(lab, 1, who, b"kept"), await put(lab, 1, who, b"gone")
        await lab.network.kill_node(3)
        if longer:
            await until(lambda: len(lab.node(1).view.others()) == 1)
        names = {kept, *await asyncio.gather(*(put(lab, 1 + at % 2, who, bytes([at])) for at in range(20)))}
        await ok(lab, ROADS["https"], "delete", hand.delete(who, [gone]))
        await lab.network.start_node(3)
        await lab.network.wait_listed()
        if longer:  # nobody owes it the deletion: it was no member; but what it has must not spread
            await has(lab, 3, who, names | {gone})
            await lab.network.restart_node(1)
            await lab.network.wait_listed()
            await has(lab, 1, who, names)
        else:
            await has(lab, 3, who, names)


async def test_restarting_one_after_the_other_loses_nothing(tmp_path: Path) -> None:
    async with lab_of(tmp_path, 3) as lab:
        who = Someone.new()
        names: set[str] = set()
        for number in (1, 2, 3, 1):
            names.add(await put(lab, number, who, os.urandom(10)))
            await lab.network.restart_node(number)
            await lab.network.wait_listed()
        for number in (1, 2, 3):
            await has(lab, number, who, names)
            assert lab.node(number).store.read(newest_id) >= 4


# -- SIGKILL under load ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Load:
    """Clients that store and delete at random nodes, and what was acknowledged."""

    network: LabNetwork
    session: aiohttp.ClientSession
    who: Someone = field(default_factory=Someone.new)
    kept: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    stopped: bool = False

    def https(self, number: int) -> Https | None:
        facts = self.network.node(number).facts
        return None if facts is None else Https(self.session, facts.address, facts.https_port)

    async def client(self, seed: int) -> None:
        chance = random.Random(seed)
        while not self.stopped:
            https = self.https(chance.randint(1, len(self.network.nodes)))
            if https is None:
                await asyncio.sleep(0.01)
                continue
            try:
                await self._one(https, chance)
            except (aiohttp.ClientError, TimeoutError, OSError):
                continue

    async def _one(self, https: Https, chance: random.Random) -> None:
        if self.kept and chance.random() < 0.1:
            name = chance.choice(sorted(self.kept))
            self.kept.discard(name)
            self.unsure.add(name)  # until it is acknowledged, it may be gone or not
            answer = await https.rpc("delete", hand.delete(self.who, [name]))
            if answer.code == 200 and not any("failed" in each for each in answer.value["swarm"].values()):
                self.unsure.discard(name)
                self.deleted.add(name)
            return
        data = chance.randbytes(chance.choice((100, 3_000, 50_000)))
        name = hand.message_hash(self.who.account, 0, data)
        self.unsure.add(name)
        answer = await https.rpc("store", hand.store(self.who, data))
        if answer.code == 200:
            self.unsure.discard(name)
            self.kept.add(name)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with https_session() as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_nothing_acknowledged_is_lost_by_sigkill(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    directory = tmp_path / "lab"
    async with LabNetwork(directory, 5, processes=True) as network:
        load = Load(network, session)
        clients = [asyncio.create_task(load.client(seed)) for seed in range(8)]
        chance = random.Random(5)
        for _ in range(8):
            await asyncio.sleep(2.0)
            number = chance.randint(1, 5)
            await network.kill_node(number)
            await asyncio.sleep(chance.choice((0.1, 1.0, 6.0)))
            await network.start_node(number)
        load.stopped = True
        await asyncio.gather(*clients)
        await network.wait_listed()
        assert len(load.kept) > 100

        async def caught_up() -> bool:
            return all([await _held(load, number) >= load.kept for number in range(1, 6)])

        await until_awaited(caught_up, 240, 1.0)
        for number in range(1, 6):
            assert not await _held(load, number) & load.deleted
    for number in range(1, 6):
        with closing(sqlite3.connect(node_directory(directory, number) / DATABASE)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def _held(load: Load, number: int) -> set[str]:
    https = load.https(number)
    assert https is not None
    found: set[str] = set()
    last = ""
    while True:
        answer = await https.rpc("retrieve", hand.retrieve(load.who, max_size=-1, last_hash=last))
        assert answer.code == 200, answer.text
        found |= {each["hash"] for each in answer.value["messages"]}
        if not answer.value["more"]:
            return found
        last = answer.value["messages"][-1]["hash"]
