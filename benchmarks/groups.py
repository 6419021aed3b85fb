"""A group of 100 members over real nodes: made, everybody speaks once, ten removed, keys rotated.

    python benchmarks/groups.py [--members 100] [--nodes 7]

Every member is an engine of its own with a store on the disk, all in one process beside the nodes; so times are those
of one machine that does all the work. Requests and bytes are counted at the road: what the engine of each member asks
of the network, and the JSON of what it gets.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from veery.client import profile as profiles
from veery.client.client import Client
from veery.errors import NetworkError
from veery.lab.network import LabNetwork
from veery.network.client_road import OnionRoad
from veery.network.road import MemberAnswer, Road, RoadStatus
from veery.protocol.account import Account
from veery.protocol.constants import ONION_REQUEST_TIMEOUT_S
from veery.protocol.onion import ServerDestination, ServerReply, ServerRequest
from veery.protocol.storage_rpc.requests import Simple
from veery.protocol.storage_rpc.write import write_call
from veery.protocol.swarm.nodes import ServiceNode
from veery.registry.network_file import NetworkFile
from veery.runtime.clock import SystemClock
from veery.runtime.randomness import Randomness, random_bytes
from veery.store.keys import KeyFile

AT_ONCE = 8  # members that work at the same time
AFTER = "after"  # what is said when some were removed


@dataclass
class Counted:
    """What one member has asked, in calls, sub-requests and bytes."""

    calls: int = 0
    requests: int = 0
    sent: int = 0
    received: int = 0

    def __sub__(self, other: Counted) -> Counted:
        return Counted(
            self.calls - other.calls,
            self.requests - other.requests,
            self.sent - other.sent,
            self.received - other.received,
        )


class CountingRoad:
    """The road of one member; the pool and the paths behind it are shared by all, as no member needs its own here."""

    def __init__(self, road: Road) -> None:
        self._road = road
        self.counted = Counted()

    def now_ms(self) -> int:
        return self._road.now_ms()

    async def members(self, account: bytes, *, refresh: bool = False) -> Sequence[ServiceNode]:
        return await self._road.members(account, refresh=refresh)

    async def call(
        self, account: bytes, requests: Sequence[Simple], *, member: bytes | None = None, ordered: bool = False
    ) -> Sequence[MemberAnswer]:
        answers = await self._road.call(account, requests, member=member, ordered=ordered)
        self.counted = Counted(
            self.counted.calls + 1,
            self.counted.requests + len(requests),
            self.counted.sent + sum(len(write_call(each)) for each in requests),
            self.counted.received + sum(len(json.dumps(each.body, default=_size)) for each in answers),
        )
        return answers

    async def request(
        self, server: ServerDestination, request: ServerRequest, *, timeout_s: float = ONION_REQUEST_TIMEOUT_S
    ) -> ServerReply:
        return await self._road.request(server, request, timeout_s=timeout_s)

    async def ask_nodes(self, request: Simple, count: int, *, timeout_s: float) -> Sequence[MemberAnswer]:
        return await self._road.ask_nodes(request, count, timeout_s=timeout_s)

    async def new_paths(self) -> None:
        await self._road.new_paths()

    def status(self) -> RoadStatus:
        return self._road.status()

    async def close(self) -> None:
        return None


def _size(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


@dataclass
class Member:
    """One member."""

    client: Client
    road: CountingRoad

    @property
    def id(self) -> str:
        return self.client.account.hex

    async def poll(self) -> None:
        """Send what waits, fetch the own swarm and the group's."""
        await self.client.pump.run_due()
        await self.client.receiving.fetch()
        await self.client.groups.fetch()
        await self.client.pump.run_due()


@dataclass(frozen=True)
class Step:
    """What one step took: seconds of this machine; what the admin asked, and a member (median)."""

    seconds: float
    admin: Counted
    member: Counted


@dataclass
class Report:
    """Prints what each step took, and keeps it."""

    members: list[Member]
    steps: dict[str, Step] = field(default_factory=dict)

    async def step(self, what: str, work: Coroutine[Any, Any, Any]) -> Any:
        """Do a step and print it."""
        before = [each.road.counted for each in self.members]
        started = time.monotonic()
        result = await work
        taken = time.monotonic() - started
        spent = [each.road.counted - was for each, was in zip(self.members, before, strict=True)]
        step = self.steps[what] = Step(taken, spent[0], _median(spent[1:]))
        print(f"{what:<46} {taken:7.1f} s   admin: {_cost(step.admin)}   a member: {_cost(step.member)}", flush=True)
        return result


def _median(spent: Sequence[Counted]) -> Counted:
    def middle(of: Callable[[Counted], int]) -> int:
        return int(statistics.median(of(each) for each in spent))

    return Counted(
        middle(lambda each: each.calls),
        middle(lambda each: each.requests),
        middle(lambda each: each.sent),
        middle(lambda each: each.received),
    )


def _cost(spent: Counted) -> str:
    return f"{spent.calls:4} calls {spent.requests:5} requests {spent.sent:8} B out {spent.received:9} B in"


@asynccontextmanager
async def people(directory: Path, nodes: int, count: int) -> AsyncIterator[list[Member]]:
    """A lab, and so many people in it."""
    async with LabNetwork(directory / "lab", nodes) as lab, AsyncExitStack() as stack:
        text = lab.network_file.read_text()
        shared = await OnionRoad.open(NetworkFile.parse(text), None, clock=SystemClock(), random=Randomness())
        stack.push_async_callback(shared.close)
        found: list[Member] = []
        for number in range(count):
            account, key = Account.create(random_bytes), KeyFile(directory / f"{number}.key")
            profile = await profiles.create(directory / f"{number}", account, f"person {number}", text, key)
            road = CountingRoad(shared)
            client = await stack.enter_async_context(await Client.open(profile, road=road))
            found.append(Member(client, road))
        yield found


async def together(work: Sequence[Coroutine[Any, Any, Any]]) -> None:
    """Some at a time."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(each: Coroutine[Any, Any, Any]) -> None:
        async with slots:
            await each

    await asyncio.gather(*(one(each) for each in work))


async def run(nodes: int, count: int) -> None:
    """The whole life of the group. Raises AssertionError when somebody has not what they should have."""
    with tempfile.TemporaryDirectory() as place:
        async with people(Path(place), nodes, count) as members:
            await life(members)


async def life(members: list[Member]) -> Report:
    """As `run`, of people who are there; gives what each step took."""
    report, (admin, *others) = Report(members), members
    tenth = max(1, len(members) // 10)
    gone, left = others[:tenth], others[tenth:]
    create = admin.client.groups.create("Hundred", [each.id for each in others])
    group: str = await report.step(f"made, {len(others)} invited", create)
    await report.step("all fetch their invitation", together([each.client.receiving.fetch() for each in others]))
    await report.step("all accept", together([each.client.groups.accept(group) for each in others]))
    await report.step("their answers are sent", together([each.client.pump.run_due() for each in others]))
    await report.step("the admin notes who has joined", admin.poll())
    joined = await statuses(admin, group)
    assert [each for each in joined.values() if each == "invite_accepted"] == ["invite_accepted"] * len(others), joined
    await report.step("everybody speaks once", together([speak(each, group) for each in members]))
    await report.step("everybody reads all", together([each.poll() for each in members]))
    await check_texts(members, group, len(members))
    remove = admin.client.groups.remove(group, [each.id for each in gone])
    await report.step(f"{len(gone)} removed, keys rotated", remove)
    await check_refused(gone[0], group)
    await admin.client.sending.send_text(group, AFTER)
    await report.step("everybody polls", together([each.poll() for each in members]))
    await report.step("everybody polls again", together([each.poll() for each in members]))
    await check_texts([admin, *left], group, len(members) + 1)
    await check_gone(gone, group)
    agreed = await statuses(admin, group)
    assert len(agreed) == len(members) - tenth
    for each in left:
        assert await statuses(each, group) == agreed
    print(f"generation {(await admin.client.groups.show(group))['generation']}, all agree")
    return report


async def speak(member: Member, group: str) -> None:
    """Send one text, and see it stored."""
    message = await member.client.sending.send_text(group, f"I am {member.id[:8]}")
    await member.client.pump.run_due()
    await member.client.sending.wait_stored(message)


async def statuses(member: Member, group: str) -> dict[str, str]:
    """The status of every member, as one sees it."""
    return {each["id"]: each["status"] for each in (await member.client.groups.show(group))["list"]}


async def check_refused(member: Member, group: str) -> None:
    """The nodes refuse a removed member that has not heard of it."""
    message = await member.client.sending.send_text(group, "still here?")
    await member.client.pump.run_due()
    state = (await member.client.sending.get(message)).delivery
    assert state.stored_on in (None, 0), state


async def check_gone(gone: Sequence[Member], group: str) -> None:
    """Who was removed knows it, and has read nothing of what was written then."""
    for each in gone:
        shown = await each.client.groups.show(group)
        assert (shown["state"], shown["list"]) == ("kicked", []), shown
        found = await each.client.conversations.messages(group, 10_000)
        assert AFTER not in [message.body for message in found]
        with suppress(NetworkError):
            await each.client.groups.fetch(group)
        found = await each.client.conversations.messages(group, 10_000)
        assert [message.body for message in found if message.kind == "text"] == []


async def check_texts(members: Sequence[Member], group: str, count: int) -> None:
    """Everybody has that many texts."""
    for each in members:
        found = await each.client.conversations.messages(group, 10_000)
        assert sum(message.kind == "text" for message in found) == count


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--members", type=int, default=100)
    parser.add_argument("--nodes", type=int, default=7)
    options = parser.parse_args()
    asyncio.run(run(options.nodes, options.members))


if __name__ == "__main__":
    main()
