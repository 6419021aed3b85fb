"""Messages of each version: what opens them, at which level they are shown, and what they teach about their sender."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from tests.conversations.engines import Device, store_of
from tests.unit.client.levels.peer import DAY, HOUR, Peer, equip, send
from tests.unit.protocol.devices.people import account
from veery.client.levels.notices import LEVEL_NOTICE
from veery.client.opening import NO_KEY, UNKNOWN_VERSION
from veery.policy.record_exchange import Echo
from veery.protocol.content import DataMessage
from veery.protocol.devices import AccountKeys
from veery.protocol.extension import Extension
from veery.store.tables import Tables


@pytest.fixture
def peer(alice: Device) -> Peer:
    return Peer(alice)


async def levels(device: Device, other: str) -> list[tuple[str, str]]:
    return [(message.level, message.body) for message in await device.messages(other) if message.kind != LEVEL_NOTICE]


async def told(device: Device, kind: str, name: str) -> list[str]:
    return [event[name] for event in await device.events() if event["event"] == kind]


async def kept(device: Device) -> list[str]:
    found = await device.read(lambda tables: tables.inbox.kept(10))
    return [each.reason for each in found]


async def test_every_version_is_read_and_carries_its_level(alice: Device, peer: Peer) -> None:
    own = await equip(alice, publishes=True)
    await peer.write("first", None)
    await peer.write("second", own.public)
    await peer.deliver(peer.seal_fallback(peer.content(DataMessage(body="third"))))
    assert await levels(alice, peer.id) == [("v1", "first"), ("v2", "second"), ("v2-fallback", "third")]
    assert await told(alice, "message", "protocol") == ["v1", "v2", "v2-fallback"]
    assert await told(alice, "level", "protocol") == ["v2-fallback"]
    assert await told(alice, "level", "before") == ["v2"]
    await peer.write("fourth", None)
    await peer.write("fifth", None)
    assert await told(alice, "level", "protocol") == ["v2-fallback", "v1"]
    await peer.write("sixth", own.public)
    await peer.write("seventh", None)
    assert await told(alice, "level", "protocol") == ["v2-fallback", "v1", "v1"]
    notices = [each for each in await alice.messages(peer.id) if each.kind == LEVEL_NOTICE]
    assert [(each.id, each.body) for each in notices] == [
        (event["notice"], event["text"]) for event in await alice.events() if event["event"] == "level"
    ]
    assert all(each.read and not each.outgoing for each in notices)
    assert (await alice.client.conversations.get(peer.id)).unread == 7
    await alice.restart()
    shown = await alice.client.conversations.shown(peer.id, 20)
    assert [each["protocol"] for each in shown if each["kind"] == LEVEL_NOTICE] == ["v1", "v1", "v2-fallback"]


async def test_a_message_for_a_key_that_is_not_there_is_kept_and_read_when_it_is(alice: Device, peer: Peer) -> None:
    await equip(alice, publishes=False)
    group = await alice.read(lambda tables: tables.devices.group())
    assert group is not None
    active = group.account_keys.active
    assert active is not None
    await store_of(alice.client).run(_without_keys)
    await peer.write("early", active.keys.public)
    assert await levels(alice, peer.id) == []
    assert await kept(alice) == [NO_KEY]
    assert len(await told(alice, "unreadable", "hash")) == 1
    assert await alice.client.rereading.reread(alice.client.receiving._fetching.mailbox, {NO_KEY}) == 0
    assert len(await told(alice, "unreadable", "hash")) == 1
    await store_of(alice.client).run(lambda tables: tables.devices.save(group))
    assert await alice.client.rereading.reread(alice.client.receiving._fetching.mailbox, {NO_KEY}) == 1
    assert await levels(alice, peer.id) == [("v2", "early")]
    assert await kept(alice) == []


def _without_keys(tables: Tables) -> None:
    state = tables.devices.group()
    assert state is not None
    tables.devices.save(replace(state, account_keys=AccountKeys()))


async def test_a_later_version_is_kept_and_what_is_broken_is_refused(alice: Device, peer: Peer) -> None:
    own = await equip(alice, publishes=False)
    content = peer.content(DataMessage(body="hello"))
    await peer.deliver(b"\x00\x03" + os.urandom(2_000))
    assert await kept(alice) == [UNKNOWN_VERSION]
    other = Peer(alice, account(9))
    spoilt = other.seal(content, own.public)
    await peer.deliver(b"\x00\x02" + bytes(100))
    await peer.deliver(b"")
    await peer.deliver(spoilt[:-1] + bytes([spoilt[-1] ^ 1]))  # no key opens it
    assert await kept(alice) == [UNKNOWN_VERSION, NO_KEY]
    assert await alice.texts(peer.id) == []


async def test_a_record_in_a_message_is_taken_and_the_answer_is_v2(alice: Device, peer: Peer) -> None:
    await peer.write("hello", None, capabilities=frozenset({"gossip"}), record=peer.record().raw)
    security = await alice.client.levels.security(peer.id)
    assert security.known.keys.remembered
    await send(alice, peer.id, "answer")
    assert ("v2", "answer") in peer.texts()


async def test_a_record_of_somebody_else_teaches_nothing(alice: Device, peer: Peer) -> None:
    other = Peer(alice, account(9))
    await peer.write("hello", None, record=other.record().raw)
    await peer.write("again", None, record=b"d1:Me")
    for contact in (peer, other):
        assert not (await alice.client.levels.security(contact.id)).known.keys.remembered
    assert await alice.texts(peer.id) == ["hello", "again"]


async def test_a_record_in_a_refused_message_teaches_nothing(alice: Device, peer: Peer) -> None:
    await peer.write("hello", None)
    await alice.client.requests.block(peer.id)
    await peer.write("blocked", None, record=peer.record().raw)
    assert not (await alice.client.levels.security(peer.id)).known.keys.remembered


async def test_an_older_record_in_a_message_does_not_set_back(alice: Device, peer: Peer) -> None:
    old = peer.record()
    alice.clock.move(HOUR)
    record = peer.rotate()
    await send(alice, peer.id, "seen")
    await peer.write("replayed", None, record=old.raw)
    assert (await alice.client.levels.security(peer.id)).known.keys.record == record


async def test_an_echo_of_our_record_confirms_and_another_warns_once(alice: Device, peer: Peer) -> None:
    own = await equip(alice, publishes=True)
    raw = await alice.read(lambda tables: tables.devices.publishing().raw)
    assert raw is not None
    published = (await alice.client.levels.security(peer.id)).own.record
    assert published is not None
    await peer.write("true", own.public, echo=published.echo)
    assert (await alice.client.levels.security(peer.id)).known.echo is Echo.CONFIRMED
    assert await told(alice, "security", "warning") == []
    for _ in range(2):
        await peer.write("in between", own.public, echo=b"a-thiefs")
    assert (await alice.client.levels.security(peer.id)).known.echo is Echo.FOREIGN
    assert await told(alice, "security", "warning") == ["foreign_record"]
    (text,) = await told(alice, "security", "text")
    assert text.startswith("Someone else can read your messages; your recovery phrase has leaked")


async def test_three_contacts_who_were_denied_our_record_are_told_of(alice: Device) -> None:
    await equip(alice, publishes=True)
    capable = frozenset({"gossip"})
    await Peer(alice, account(20)).write("too early to tell", None, capabilities=capable)
    alice.clock.move(3 * DAY)
    for number in (20, 20, 21, 22, 23):
        before = await told(alice, "security", "warning")
        await Peer(alice, account(number)).write("hello", None, capabilities=capable)
        assert len(await told(alice, "security", "warning")) <= len(before) + 1
    assert await told(alice, "security", "warning") == ["denied"]


async def test_a_malformed_extension_does_not_hide_the_message(alice: Device, peer: Peer) -> None:
    extended = Extension(others={b"p": b"later"}, echo=b"12345678")
    await peer.deliver(peer.seal_v1(peer.content(DataMessage(body="hello"), extended)))
    content = peer.content(DataMessage(body="again")) + b"\x82\xe5\x09\x03d1:"
    await peer.deliver(peer.seal_v1(content))
    assert await alice.texts(peer.id) == ["hello", "again"]
