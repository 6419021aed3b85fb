"""Conversations, requests, profile, doctor, and what the road remembers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conversations.engines import NETWORK, Device, account_of, exchange
from tests.conversations.memory_swarm import MemoryRoad
from tests.unit.client.mail import deliver, kinds
from veery.client.client import Client
from veery.client.doctor import Step
from veery.client.faults import SelfRefused
from veery.client.profile import Profile, create, restore
from veery.client.road_memory import StoreMemory
from veery.client.views import conversation_view
from veery.errors import NetworkError, NotFound, StoreBusy, StoreError, WrongKey
from veery.network.client_road import OnionRoad
from veery.network.faults import NoSwarm
from veery.network.memory import RememberedNodes
from veery.network.road import RoadStatus
from veery.policy.guards import Guard
from veery.protocol.account import DisplayNameWrong
from veery.protocol.constants import DAY_MS
from veery.protocol.content import DataMessage, ExpirationType, decode
from veery.protocol.recovery import RecoveryWordsWrong
from veery.protocol.swarm.nodes import ServiceNode
from veery.runtime.clock import ManualClock
from veery.store.keys import KeyFile
from veery.store.message_values import Deleted, Expiration
from veery.store.sql import INTEGER_MAX

CAROL = account_of(3)
CAROL_ID = CAROL.account_id.hex


# -- conversations and requests ------------------------------------------------------------------------------------


async def test_conversations_can_be_named_hidden_and_cleared(bob: Device) -> None:
    for text in ("1", "2"):
        await deliver(CAROL, bob, DataMessage(body=text))
    service = bob.client.conversations
    await service.set_nickname(CAROL_ID, " C ")
    view = conversation_view(await service.get(CAROL_ID), bob.id)
    assert (view["title"], view["unread"], view["request"]) == ("C", 2, True)
    await service.hide(CAROL_ID)
    assert await service.list() == ()
    assert len(await service.list(hidden=True)) == 1
    await service.show(CAROL_ID)
    assert len(await service.list()) == 1
    await service.hide(CAROL_ID)
    await deliver(CAROL, bob, DataMessage(body="3"))
    assert len(await service.list()) == 1
    await service.clear(CAROL_ID)
    assert await bob.texts(CAROL_ID) == []


async def test_messages_come_by_page(bob: Device) -> None:
    for number in range(5):
        await deliver(CAROL, bob, DataMessage(body=str(number)))
    service = bob.client.conversations
    newest = await service.messages(CAROL_ID, 2)
    assert [message.body for message in newest] == ["4", "3"]
    older = await service.messages(CAROL_ID, 2, before=newest[-1].position)
    assert [message.body for message in older] == ["2", "1"]
    newer = await service.messages(CAROL_ID, 2, after=older[0].position)
    assert [message.body for message in newer] == ["3", "4"]


async def test_reading_is_marked_and_told(bob: Device) -> None:
    for number in range(3):
        await deliver(CAROL, bob, DataMessage(body=str(number)))
    messages = await bob.messages(CAROL_ID)
    assert await bob.client.conversations.mark_read(CAROL_ID, messages[1].timestamp_ms) == 2
    assert (await bob.client.conversations.get(CAROL_ID)).unread == 1
    assert (await bob.events())[-1]["change"] == "read"


async def test_deleting_here_leaves_a_placeholder_once(bob: Device) -> None:
    await deliver(CAROL, bob, DataMessage(body="hello"))
    (message,) = await bob.messages(CAROL_ID)
    await bob.client.conversations.delete_message(message.id)
    assert (await bob.messages(CAROL_ID))[0].deleted is Deleted.HERE
    await bob.client.conversations.delete_message(message.id)
    assert await bob.messages(CAROL_ID) == []
    with pytest.raises(NotFound):
        await bob.client.conversations.delete_message(message.id)


async def test_what_is_not_there_is_not_found(bob: Device) -> None:
    for work in (
        bob.client.conversations.get(CAROL_ID),
        bob.client.conversations.messages(CAROL_ID, 1),
        bob.client.conversations.mark_read(CAROL_ID),
        bob.client.conversations.hide(CAROL_ID),
        bob.client.conversations.clear(CAROL_ID),
        bob.client.requests.accept(CAROL_ID),
        bob.client.requests.decline(CAROL_ID),
        bob.client.requests.unblock(CAROL_ID),
    ):
        with pytest.raises(NotFound):
            await work


async def test_accepting_tells_the_other_side(alice: Device, bob: Device) -> None:
    await alice.client.sending.send_text(bob.id, "hello")
    await exchange(alice, bob)
    await bob.client.requests.accept(alice.id)
    await bob.client.requests.accept(alice.id)
    await exchange(bob, alice)
    assert (await alice.client.conversations.get(bob.id)).approved_me
    assert (await kinds(alice)).count("notice") == 1
    assert [change["change"] for change in await bob.events() if change["event"] == "conversation"] == [
        "profile",
        "approved",
    ]


async def test_a_declined_request_comes_back_with_the_next_message(bob: Device) -> None:
    await deliver(CAROL, bob, DataMessage(body="hello"))
    await bob.client.requests.decline(CAROL_ID)
    assert await bob.client.requests.list() == ()
    await deliver(CAROL, bob, DataMessage(body="please"))
    assert len(await bob.client.requests.list()) == 1
    await bob.client.requests.decline(CAROL_ID, block=True)
    await deliver(CAROL, bob, DataMessage(body="please!"))
    assert await bob.client.requests.list() == ()
    with pytest.raises(SelfRefused):
        await bob.client.requests.block(bob.id)
    assert await bob.read(lambda tables: tables.outbox.due(INTEGER_MAX, 10)) == ()


# -- profiles ------------------------------------------------------------------------------------------------------


async def test_a_new_name_travels_with_the_next_message(alice: Device, bob: Device) -> None:
    before = await alice.client.profile.get()
    await alice.client.profile.set_name("  Alice L. ")
    after = await alice.client.profile.get()
    assert (after.name, after.account.hex) == ("Alice L.", alice.id)
    assert after.updated_s > before.updated_s
    await alice.client.sending.send_text(bob.id, "hello")
    await exchange(alice, bob)
    assert (await bob.client.conversations.get(alice.id)).name == "Alice L."
    with pytest.raises(DisplayNameWrong):
        await alice.client.profile.set_name(" ")


async def test_a_profile_is_made_once(tmp_path: Path, clock: ManualClock) -> None:
    account, unlock = account_of(5), KeyFile(tmp_path / "key")
    assert not Profile(tmp_path / "p", unlock).exists
    profile = await create(tmp_path / "p", account, " Eve ", NETWORK, unlock, clock=clock)
    assert profile.exists
    with pytest.raises(StoreError):
        await create(tmp_path / "p", account, "Eve", NETWORK, unlock, clock=clock)
    with pytest.raises(DisplayNameWrong):
        await create(tmp_path / "q", account, "", NETWORK, unlock, clock=clock)
    assert not (tmp_path / "q").exists()


async def test_a_restored_account_works_at_once(tmp_path: Path, alice: Device, bob: Device) -> None:
    words = alice.account.words()
    profile = await restore(tmp_path / "r", words, "?", NETWORK, KeyFile(tmp_path / "r.key"), clock=alice.clock)
    tablet = Device("tablet", alice.account, profile, alice.swarm, alice.clock, seed=77)
    await tablet.open()
    held = await tablet.client.profile.get()
    assert (held.account.hex, held.updated_s, held.restored) == (alice.id, 1, True)
    await tablet.client.sending.send_text(bob.id, "hello")
    await exchange(tablet, bob, alice)
    assert await bob.texts(alice.id) == ["hello"]
    assert await alice.texts(bob.id) == ["hello"]
    await tablet.client.close()
    with pytest.raises(RecoveryWordsWrong):
        await restore(tmp_path / "s", "no such words", "?", NETWORK, KeyFile(tmp_path / "s.key"))


async def test_one_engine_a_profile(alice: Device, tmp_path: Path) -> None:
    with pytest.raises(StoreBusy):
        await Client.open(alice.profile, road=alice.road)
    await alice.client.close()
    assert not alice.road.closed  # it was handed in
    other = tmp_path / "other.key"
    other.write_bytes(bytes(32))
    other.chmod(0o600)
    with pytest.raises(WrongKey):
        await Client.open(Profile(alice.profile.directory, KeyFile(other)), road=alice.road)
    await alice.open()


async def test_without_a_road_the_network_file_makes_one(alice: Device) -> None:
    await alice.client.close()
    async with await Client.open(alice.profile, clock=alice.clock) as client:
        assert isinstance(client.road, OnionRoad)
        assert client.road.status().network == "memory"
        await client.sending.send_text(account_of(2).account_id, "kept until there is a road")
        assert len(await client.outbox.waiting()) == 1
    assert client.closed
    await alice.open()


async def test_the_road_remembers_in_the_store(alice: Device) -> None:
    memory = StoreMemory(alice.client._core.store, alice.clock)
    assert await memory.nodes() is None
    assert await memory.guards() == ()
    assert await memory.clock_offset_ms() is None
    node = ServiceNode(b"", b"\x01" * 32, b"\x02" * 32, "10.0.0.1", 22021, 22020, 7)
    await memory.save_nodes(RememberedNodes((node,), 5, 6))
    await memory.save_guards([Guard(node.ed25519, 3)])
    await memory.save_clock_offset_ms(-9)
    await alice.restart()
    memory = StoreMemory(alice.client._core.store, alice.clock)
    assert await memory.nodes() == RememberedNodes((node,), 5, 6)
    assert await memory.guards() == (Guard(node.ed25519, 3),)
    assert await memory.clock_offset_ms() == -9


# -- doctor --------------------------------------------------------------------------------------------------------

ALL_STEPS = ["clock", "seeds", "node pool", "guard", "path", "swarm", "store", "retrieve", "delete"]


async def test_the_doctor_walks_the_whole_road_and_leaves_nothing(alice: Device) -> None:
    steps = await alice.client.doctor.run()
    assert [step.name for step in steps] == ALL_STEPS
    assert all(step.ok and step.detail for step in steps)
    for member in alice.swarm.members:
        assert not any(member.stored.values())
    assert (await alice.client.receiving.fetch()).new == 0


class Probed(MemoryRoad):
    """A road that can be probed, and that has no swarm."""

    async def probe_seeds(self) -> str:
        return "2 of 2 seeds answer"

    async def probe_guard(self) -> str:
        return "a guard answers"

    async def members(self, account: bytes, *, refresh: bool = False) -> tuple[ServiceNode, ...]:
        raise NoSwarm("No node told which nodes hold the account")


class NoGuard(Probed):
    """A road whose guard does not answer."""

    async def probe_guard(self) -> str:
        raise NetworkError("the guard does not answer", kind="network.guard", remedy="Build new paths")


@pytest.mark.parametrize(
    ("road", "failing", "kind"), [(Probed, "swarm", "network.no_swarm"), (NoGuard, "guard", "network.guard")]
)
async def test_the_walk_ends_at_the_first_step_that_fails(
    alice: Device, road: type[MemoryRoad], failing: str, kind: str
) -> None:
    alice.road_type = road
    await alice.restart()
    steps = await alice.client.doctor.run()
    assert [step.name for step in steps] == ALL_STEPS[: ALL_STEPS.index(failing) + 1]
    assert steps[1].detail == "2 of 2 seeds answer"
    last = steps[-1]
    assert (last.ok, last.kind) == (False, kind)
    assert last.remedy


class Timed(MemoryRoad):
    """A road over a network whose time is measured when somebody asks, and is days ahead of the machine's."""

    measured_ms: int | None = None

    async def probe_clock(self) -> None:
        self.measured_ms = DAY_MS * 3

    def status(self) -> RoadStatus:
        return replace(super().status(), clock_offset_ms=self.measured_ms)


async def test_a_wrong_clock_is_told_and_does_not_end_the_walk(alice: Device) -> None:
    alice.road_type = Timed
    await alice.restart()
    steps = await alice.client.doctor.run()
    assert [step.name for step in steps] == [*ALL_STEPS[1:5], "clock", *ALL_STEPS[5:]]
    assert [step.name for step in steps if not step.ok] == ["clock"]
    clock = steps[4]
    assert clock.detail == "this machine's clock is 3 days behind"
    assert clock.remedy.startswith("Set the clock of this machine")
    again = await alice.client.doctor.run()
    assert [step.name for step in again] == ALL_STEPS


async def test_the_doctor_notices_members_that_disagree(alice: Device) -> None:
    for member in alice.swarm.members:
        member.lagging = True
    steps: list[Step] = list(await alice.client.doctor.run())
    assert steps[-1].name == "retrieve"
    assert not steps[-1].ok


async def test_own_messages_carry_the_own_profile(alice: Device, bob: Device) -> None:
    await alice.client.sending.send_text(bob.id, "hello")
    copy = (await alice.read(lambda tables: tables.outbox.due(INTEGER_MAX, 10)))[0]
    kind = decode(copy.content).kind
    assert isinstance(kind, DataMessage)
    assert kind.profile is not None
    assert kind.profile.last_profile_update_seconds == alice.clock.now_ms() // 1_000


async def test_messages_disappear_in_the_background(bob: Device) -> None:
    await deliver(CAROL, bob, DataMessage(body="soon gone"))
    (message,) = await bob.messages(CAROL_ID)
    over = Expiration(int(ExpirationType.DELETE_AFTER_SEND), 60, bob.clock.now_ms(), bob.clock.now_ms() + 60_000)
    await bob.client._core.write(lambda tables: tables.reading.set_expiration(message.id, over))
    stream = bob.client.events(after=await bob.client.events.last())
    bob.client.start()
    reader = asyncio.ensure_future(anext(stream))
    async with asyncio.timeout(20):
        while not reader.done():
            await bob.clock.until_sleeping(1)
            await bob.clock.advance(5)
    assert (await reader)["event"] == "deleted"
    assert await bob.messages(CAROL_ID) == []
