"""At which level messages go out, what waits, and what the user chooses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.conversations.engines import Device, arm, store_of
from tests.conversations.memory_swarm import Fate, Killed, calm
from tests.unit.client.levels.peer import DAY, HOUR, Peer, equip, pump, send
from tests.unit.protocol.devices.people import account, account_pair
from veery.client import fates
from veery.client.faults import NotWaiting, SelfRefused, WaitsForKeys
from veery.client.levels.notices import OWN_KEYS, REQUIRED, WAITING
from veery.client.writing import Draft, write_change
from veery.errors import NotFound
from veery.policy.level import Level
from veery.protocol import message_v2
from veery.protocol.constants import V2_PREFIX
from veery.protocol.content import DataMessage, ReceiptMessage, ReceiptType, decode
from veery.protocol.devices import AccountKeys
from veery.protocol.storage_rpc import Retrieve, Store
from veery.store.outbox import CopyRole, NewCopy
from veery.store.tables import Tables


@pytest.fixture
def peer(alice: Device) -> Peer:
    return Peer(alice)


async def shown(device: Device, message: int) -> tuple[str, str | None, str | None]:
    """Level, mark and reason of a message."""
    held = await device.client.sending.get(message)
    return held.level, await device.read(lambda tables: tables.held.mark(message)), held.delivery.reason


async def told(device: Device, kind: str, name: str) -> list[str]:
    return [event[name] for event in await device.events() if event["event"] == kind]


def questions(device: Device) -> int:
    """How often the device asked for a record."""
    requests = [request for client in device.clients for request in client.road.requests]  # type: ignore[attr-defined]
    return len([each for each in requests if isinstance(each, Retrieve) and each.namespace == -21])


async def test_a_peer_without_a_record_gets_v1_without_any_addition(alice: Device, peer: Peer) -> None:
    number = await send(alice, peer.id, "hello")
    assert peer.read() == [("v1", "hello", None)]
    assert await shown(alice, number) == ("v1", None, None)
    assert await told(alice, "level", "protocol") == []
    await send(alice, peer.id, "again")
    assert questions(alice) == 1  # a denial holds for an hour


async def test_a_peer_with_a_record_gets_v2_with_its_echo(alice: Device, peer: Peer) -> None:
    record = peer.publish()
    number = await send(alice, peer.id, "hello")
    (level, text, extension), *_ = peer.read()
    assert (level, text) == ("v2", "hello")
    assert extension is not None
    assert (extension.echo, extension.record, extension.capabilities) == (record.echo, None, frozenset({"gossip"}))
    assert await shown(alice, number) == ("v2", None, None)
    states = [(event["state"], event["protocol"]) for event in await alice.events() if event["event"] == "state"]
    assert states == [("queued", None), ("sealed", "v2"), ("stored", "v2")]
    await send(alice, peer.id, "again")
    assert questions(alice) == 1


async def test_the_own_record_goes_along_once_a_day_also_to_those_who_have_none(alice: Device, peer: Peer) -> None:
    await equip(alice, publishes=True)
    for text in ("one", "two"):
        await send(alice, peer.id, text)
    first, second = (extension for _, _, extension in peer.read())
    assert first is not None
    assert second is not None
    own = await alice.read(lambda tables: tables.devices.publishing().raw)
    assert (first.record, second.record) == (own, None)
    assert first.capabilities == second.capabilities == frozenset({"gossip"})
    assert first.echo is second.echo is None
    assert [level for level, _ in peer.texts()] == ["v1", "v1"]


async def test_copies_for_own_devices_follow_the_level(alice: Device, peer: Peer) -> None:
    keys = await equip(alice, publishes=False)
    await send(alice, account(8).account_id.hex, "to somebody without keys")
    peer.publish()
    await send(alice, peer.id, "to somebody with keys")
    own = alice.account.account_id.raw
    copies = [each.data for each in alice.road.requests if isinstance(each, Store) and each.account == own]
    assert not copies[0].startswith(V2_PREFIX)
    opened = message_v2.open(copies[1], alice.account, [keys])
    assert opened.pfs
    content = decode(opened.content)
    assert isinstance(content.kind, DataMessage)
    assert (content.kind.body, content.kind.sync_target) == ("to somebody with keys", peer.id)


async def test_a_copy_of_a_v2_message_is_never_made_under_the_long_term_key(alice: Device, peer: Peer) -> None:
    """Without a key of the account the copy waits for one."""

    def forget(tables: Tables) -> None:
        state = tables.devices.group()
        if state is not None:
            tables.devices.save(replace(state, account_keys=AccountKeys()))

    await store_of(alice.client).run(forget)
    peer.publish()
    await send(alice, peer.id, "hello")
    (waiting,) = await alice.client.outbox.waiting()
    assert waiting.role == CopyRole.SYNC.value
    assert waiting.held is not None
    assert waiting.held.reason == OWN_KEYS
    assert peer.texts() == [("v2", "hello")]
    await equip(alice, publishes=False)
    await pump(alice)
    assert await alice.client.outbox.waiting() == ()


async def held_message(alice: Device, peer: Peer) -> int:
    """A message that waits, because keys were seen, and not again for eight days."""
    peer.publish()
    await send(alice, peer.id, "seen")
    peer.unpublish()
    alice.clock.move(8 * DAY)
    return await send(alice, peer.id, "held")


async def test_old_keys_are_used_for_a_week_and_marked(alice: Device, peer: Peer) -> None:
    peer.publish()
    await send(alice, peer.id, "seen")
    peer.unpublish()
    alice.clock.move(3 * DAY)
    number = await send(alice, peer.id, "three days later")
    assert await shown(alice, number) == ("v2", "unconfirmed", None)
    assert questions(alice) == 1 + 3  # nobody's word alone is enough


async def test_what_waits_says_why_and_since_when_and_does_not_keep_the_outbox_busy(alice: Device, peer: Peer) -> None:
    number = await held_message(alice, peer)
    assert await shown(alice, number) == ("v1", None, WAITING)
    (waiting,) = [each for each in await alice.client.outbox.waiting() if each.message == number]
    assert waiting.held is not None
    assert waiting.held.reason == WAITING
    assert alice.clock.now_ms() - waiting.held.since_ms == pytest.approx(20 * 60_000, abs=1_000)
    assert waiting.next_attempt_ms > alice.clock.now_ms()
    before = questions(alice)
    assert await alice.client.pump.run_due() == waiting.next_attempt_ms
    assert await alice.client.pump.run_due() == waiting.next_attempt_ms
    assert questions(alice) == before
    assert await told(alice, "security", "warning") == ["waiting"]
    with pytest.raises(WaitsForKeys, match=f"send-anyway {number}"):
        await alice.client.sending.wait_stored(number)
    assert peer.texts() == [("v2", "seen")]
    await alice.restart()
    await pump(alice)
    assert peer.texts() == [("v2", "seen")]


async def test_what_waits_goes_out_when_keys_are_seen(alice: Device, peer: Peer) -> None:
    number = await held_message(alice, peer)
    peer.rotate()
    alice.clock.move(HOUR)
    await pump(alice)
    assert peer.texts() == [("v2", "seen"), ("v2", "held")]
    assert await shown(alice, number) == ("v2", None, None)
    assert await told(alice, "level", "protocol") == []


async def test_a_retry_looks_for_keys_at_once(alice: Device, peer: Peer) -> None:
    number = await held_message(alice, peer)
    peer.rotate()
    await pump(alice)
    assert peer.texts() == [("v2", "seen")]  # the answer of the last hour holds
    await alice.client.sending.retry(number)
    await pump(alice)
    assert peer.texts() == [("v2", "seen"), ("v2", "held")]
    assert await shown(alice, number) == ("v2", None, None)


async def test_a_retry_that_finds_no_keys_asks_once_and_goes_on_waiting(alice: Device, peer: Peer) -> None:
    number = await held_message(alice, peer)
    before = questions(alice)
    await alice.client.sending.retry(number)
    await pump(alice)
    asked = questions(alice)
    assert asked > before
    assert (await shown(alice, number))[2] == WAITING
    await send(alice, peer.id, "another")
    assert questions(alice) == asked


async def test_a_record_in_a_message_wakes_what_waits_at_once(alice: Device, peer: Peer) -> None:
    await held_message(alice, peer)
    peer.keys.insert(0, account_pair(90))
    await peer.write("here are my keys", None, record=peer.record().raw)
    due = await alice.client.pump.run_due()
    assert due is None or due > alice.clock.now_ms()
    assert peer.texts() == [("v2", "seen"), ("v2", "held")]


async def test_one_message_may_be_sent_anyway(alice: Device, peer: Peer) -> None:
    number = await held_message(alice, peer)
    other = await send(alice, peer.id, "other")
    assert await alice.client.levels.send_anyway(number) == peer.id
    await pump(alice)
    assert peer.texts() == [("v2", "seen"), ("v2-fallback", "held")]
    assert await shown(alice, number) == ("v2-fallback", "chosen", None)
    assert (await shown(alice, other))[2] == WAITING
    assert await told(alice, "level", "protocol") == ["v2-fallback"]
    assert await told(alice, "level", "before") == ["v2"]
    with pytest.raises(NotWaiting):
        await alice.client.levels.send_anyway(number)
    with pytest.raises(NotFound):
        await alice.client.levels.send_anyway(999)


async def test_a_conversation_may_be_let_use_long_term_keys_until_keys_are_seen(alice: Device, peer: Peer) -> None:
    await held_message(alice, peer)
    await alice.client.levels.allow_long_term(peer.id)
    await pump(alice)
    await send(alice, peer.id, "more")
    assert peer.texts() == [("v2", "seen"), ("v2-fallback", "held"), ("v2-fallback", "more")]
    assert len(await told(alice, "level", "protocol")) == 1  # told once
    peer.rotate()
    alice.clock.move(2 * HOUR)
    await send(alice, peer.id, "well again")
    peer.unpublish()
    alice.clock.move(8 * DAY)
    number = await send(alice, peer.id, "held again")
    assert (await shown(alice, number))[2] == WAITING


async def test_what_is_no_content_is_dropped_and_what_is_waits(alice: Device, peer: Peer) -> None:
    await held_message(alice, peer)
    times = alice.client._core.times()

    def queue(tables: Tables) -> None:
        conversation = tables.conversations.get(peer.id)
        assert conversation is not None
        draft = Draft(DataMessage(body="a change that is no message"))
        write_change(tables, conversation, alice.account.account_id, draft, times)
        kind = ReceiptMessage(type=ReceiptType.READ, timestamp=(5,))
        receipt = peer.content(kind)
        tables.deliveries.queue_control(
            [NewCopy(CopyRole.CONTROL, peer.account.account_id, 0, 5, DAY * 1_000, receipt)], times.local_ms
        )

    await store_of(alice.client).run(queue)
    await pump(alice)
    waiting = [each for each in await alice.client.outbox.waiting() if each.message is None and each.held is not None]
    assert len(waiting) == 1
    conversation = await alice.client.levels.send_copy_anyway(waiting[0].id)
    await pump(alice)
    assert conversation == peer.id
    assert peer.texts() == [("v2", "seen"), ("v2-fallback", "a change that is no message")]
    with pytest.raises(NotFound):
        await alice.client.levels.send_copy_anyway(waiting[0].id)


async def test_a_withdrawal_is_believed_and_told_once(alice: Device, peer: Peer) -> None:
    peer.publish()
    await send(alice, peer.id, "seen")
    alice.clock.move(3 * DAY)
    peer.withdraw()
    numbers = [await send(alice, peer.id, text) for text in ("one", "two")]
    assert peer.texts() == [("v2", "seen"), ("v1", "one"), ("v1", "two")]
    assert [(await shown(alice, number))[1] for number in numbers] == ["switched_off", None]
    assert await told(alice, "security", "warning") == ["switched_off"]
    assert await told(alice, "level", "protocol") == ["v1"]


async def test_v2_may_be_required(alice: Device, peer: Peer) -> None:
    await alice.client.levels.require_v2(peer.id, required=True)
    first, second = [await send(alice, peer.id, text) for text in ("first", "second")]
    with pytest.raises(WaitsForKeys):
        await alice.client.sending.wait_stored(first)
    assert (await alice.client.levels.security(peer.id)).outlook.reason == REQUIRED
    assert await told(alice, "security", "warning") == ["required", "required"]
    await alice.client.levels.send_anyway(first)
    await pump(alice)
    assert peer.texts() == [("v1", "first")]
    assert await shown(alice, first) == ("v1", "chosen", None)
    assert (await shown(alice, second))[2] == REQUIRED
    await alice.client.levels.require_v2(peer.id, required=False)
    await pump(alice)
    assert peer.texts() == [("v1", "first"), ("v1", "second")]
    with pytest.raises(SelfRefused):
        await alice.client.levels.security(alice.id)


async def test_what_waits_because_v2_is_required_goes_out_when_keys_are_seen(alice: Device, peer: Peer) -> None:
    await alice.client.levels.require_v2(peer.id, required=True)
    await send(alice, peer.id, "hello")
    peer.publish()
    alice.clock.move(HOUR)
    await pump(alice)
    assert peer.texts() == [("v2", "hello")]


async def test_v2_that_is_required_ends_what_was_allowed_and_stops_after_a_withdrawal(
    alice: Device, peer: Peer
) -> None:
    peer.publish()
    await send(alice, peer.id, "seen")
    await alice.client.levels.allow_long_term(peer.id)
    await alice.client.levels.require_v2(peer.id, required=True)
    alice.clock.move(3 * DAY)
    peer.withdraw()
    number = await send(alice, peer.id, "held")
    assert (await shown(alice, number))[2] == WAITING
    assert await told(alice, "security", "warning") == ["required"]  # their keys were not away: they were withdrawn
    assert peer.texts() == [("v2", "seen")]


async def test_an_unconfirmed_message_is_sent_again_under_new_keys_while_the_contact_is_silent(
    alice: Device, peer: Peer
) -> None:
    peer.publish()
    await send(alice, peer.id, "seen")
    peer.unpublish()
    alice.clock.move(3 * DAY)
    await send(alice, peer.id, "perhaps lost")
    del peer.keys[:]
    peer.rotate()
    alice.clock.move(2 * HOUR)
    await send(alice, peer.id, "under new keys")
    new = [data for data in peer.stored() if _opens(peer, data)]
    found = [decode(message_v2.open(data, peer.account, peer.keys).content) for data in new]
    texts = sorted(each.kind.body or "" for each in found if isinstance(each.kind, DataMessage))
    assert texts == ["perhaps lost", "under new keys"]
    assert await alice.read(lambda tables: tables.unconfirmed.of(peer.account.account_id)) == ()


def _opens(peer: Peer, data: bytes) -> bool:
    try:
        message_v2.open(data, peer.account, peer.keys)
    except message_v2.NoKey:
        return False
    return True


async def test_nothing_is_sent_again_once_the_contact_was_heard(alice: Device, peer: Peer) -> None:
    peer.publish()
    await send(alice, peer.id, "seen")
    peer.unpublish()
    alice.clock.move(3 * DAY)
    await send(alice, peer.id, "read")
    peer.keys.insert(0, account_pair(90))
    await peer.write("I read it", None, record=peer.record().raw)
    await pump(alice)
    assert [text for _, text in peer.texts()].count("read") == 1


async def test_conversations_that_are_opened_have_their_keys_fetched(alice: Device, peer: Peer) -> None:
    record = peer.publish()
    alice.client.levels.opened(peer.id)
    alice.client.levels.opened(alice.id)
    await alice.client._keys.run_wanted()
    security = await alice.client.levels.security(peer.id)
    assert security.known.keys.record == record
    assert security.outlook.level is Level.PFS
    await send(alice, peer.id, "hello")
    assert questions(alice) == 1
    alice.clock.move(25 * HOUR)
    record = peer.rotate()
    await send(alice, peer.id, "with stale keys")  # sends at once, and asks beside it
    await alice.client._keys.run_wanted()
    assert (await alice.client.levels.security(peer.id)).known.keys.record == record


async def test_while_no_member_answers_the_message_waits_for_an_answer_and_goes_then(alice: Device, peer: Peer) -> None:
    peer.publish()
    for member in alice.swarm.members:
        member.down = True
    number = await alice.client.sending.send_text(peer.id, "hello")
    await alice.client.pump.run_due()
    (waiting, *_) = await alice.client.outbox.waiting()
    assert waiting.last_error == "client.keys.unknown"
    for member in alice.swarm.members:
        member.down = False
    await pump(alice)
    assert peer.texts() == [("v2", "hello")]
    assert await shown(alice, number) == ("v2", None, None)


async def test_a_failed_message_that_is_tried_again_uses_the_keys_that_were_seen_since(
    alice: Device, peer: Peer
) -> None:
    number = await alice.client.sending.send_text(peer.id, "hello")
    alice.weather = iter([Fate.ARRIVES, *[Fate.LOST] * 9]).__next__
    await alice.client.pump.run_due()
    (copy,) = await alice.read(lambda tables: tables.outbox.due(2**62, 10))
    assert copy.level == "v1"
    now_ms = alice.clock.now_ms()
    await store_of(alice.client).run(lambda tables: fates.fail(tables, copy, "network", now_ms))
    alice.weather = calm
    await peer.write("here are my keys", None, record=peer.record().raw)
    await alice.client.sending.retry(number)
    await pump(alice)
    assert peer.texts() == [("v2", "hello")]
    assert await shown(alice, number) == ("v2", None, None)


@pytest.mark.parametrize("writes", range(1, 12))
async def test_a_kill_at_any_write_repeats_the_same_bytes(alice: Device, peer: Peer, writes: int) -> None:
    await equip(alice, publishes=True)
    peer.publish()
    await alice.client.sending.send_text(peer.id, "hello")
    arm(store_of(alice.client), writes)
    try:
        await alice.client.pump.run_due()
    except Killed:
        await alice.restart()
    await pump(alice)
    assert peer.texts() == [("v2", "hello")]
    assert len(peer.stored()) == 1
