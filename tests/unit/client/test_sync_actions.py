"""What a user settles on one device, the others show; what is not understood survives; nothing else is pushed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests.conversations.engines import Device, account_of, make_device, store_of
from tests.conversations.group_devices import exchange, group_of
from tests.conversations.memory_swarm import MemorySwarm
from tests.conversations.syncing import pushes, sync
from tests.unit.client.mail import deliver
from veery.protocol.config import CONTACTS, CONVO_INFO_VOLATILE, USER_GROUPS, USER_PROFILE, ConfigKind, Data
from veery.protocol.config.data import get, put
from veery.protocol.content import DataMessage
from veery.protocol.expiry_rules import DisappearingMode
from veery.runtime.clock import ManualClock
from veery.secret import Secret
from veery.store.conversations import Conversation
from veery.store.tables import Tables

BOB = account_of(2).account_id.hex
STRANGER = account_of(9)
OWN = account_of(1).account_id.hex
Act = Callable[[Device], Awaitable[Any]]
Look = Callable[[Tables], Any]


@pytest.fixture
async def other(tmp_path: Path, swarm: MemorySwarm, clock: ManualClock) -> AsyncIterator[Device]:
    """Alice's other device."""
    device = await make_device(tmp_path, swarm, clock, "alice", 1, device=1)
    yield device
    await device.client.close()


def of(id_: str, look: Callable[[Conversation], Any]) -> Look:
    """What is to be seen of a conversation; None if there is none."""

    def work(tables: Tables) -> Any:
        held = tables.conversations.get(id_)
        return None if held is None else look(held)

    return work


async def set_picture(device: Device) -> None:
    await store_of(device.client).run(
        lambda tables: tables.accounts.set_picture(
            "http://127.0.0.1:2/file/7", Secret(bytes(range(32))), tables.accounts.get().profile_s + 1
        )
    )


async def several(*acts: Awaitable[Any]) -> None:
    for each in acts:
        await each


ACTIONS: Final[dict[str, tuple[Act, Look, Any]]] = {
    "name": (
        lambda device: device.client.profile.set_name("another"),
        lambda tables: tables.accounts.get().display_name,
        "another",
    ),
    "picture": (set_picture, lambda tables: tables.accounts.get().picture_url, "http://127.0.0.1:2/file/7"),
    "no picture": (
        lambda device: several(set_picture(device), sync(device), device.client.pictures.remove_own()),
        lambda tables: tables.accounts.get().picture_url,
        None,
    ),
    "nickname": (
        lambda device: device.client.conversations.set_nickname(BOB, "Bobby"),
        of(BOB, lambda held: held.nickname),
        "Bobby",
    ),
    "block": (lambda device: device.client.requests.block(BOB), of(BOB, lambda held: held.blocked), True),
    "unblock": (
        lambda device: several(device.client.requests.block(BOB), sync(device), device.client.requests.unblock(BOB)),
        of(BOB, lambda held: held.blocked),
        False,
    ),
    "accept": (
        lambda device: device.client.requests.accept(STRANGER.account_id.hex),
        of(STRANGER.account_id.hex, lambda held: (held.approved, held.is_request)),
        (True, False),
    ),
    "decline": (
        lambda device: device.client.requests.decline(STRANGER.account_id.hex),
        lambda tables: STRANGER.account_id.hex in {each.id for each in tables.conversations.all()},
        False,
    ),
    "write first": (
        lambda device: device.client.sending.send_text(account_of(11).account_id.hex, "hello"),
        of(account_of(11).account_id.hex, lambda held: (held.approved, held.hidden)),
        (True, False),
    ),
    "pin": (lambda device: device.client.conversations.pin(BOB), of(BOB, lambda held: held.priority), 1),
    "unpin": (
        lambda device: several(
            device.client.conversations.pin(BOB), sync(device), device.client.conversations.unpin(BOB)
        ),
        of(BOB, lambda held: held.priority),
        0,
    ),
    "hide": (lambda device: device.client.conversations.hide(BOB), of(BOB, lambda held: held.hidden), True),
    "show": (
        lambda device: several(
            device.client.conversations.hide(BOB), sync(device), device.client.conversations.show(BOB)
        ),
        of(BOB, lambda held: held.hidden),
        False,
    ),
    "mute": (lambda device: device.client.conversations.mute(BOB), of(BOB, lambda held: held.muted_until_ms > 0), True),
    "unmute": (
        lambda device: several(
            device.client.conversations.mute(BOB), sync(device), device.client.conversations.unmute(BOB)
        ),
        of(BOB, lambda held: held.muted_until_ms),
        0,
    ),
    "read": (
        lambda device: device.client.conversations.mark_read(STRANGER.account_id.hex),
        of(STRANGER.account_id.hex, lambda held: held.unread),
        0,
    ),
    "unread": (
        lambda device: device.client.conversations.mark_unread(BOB),
        of(BOB, lambda held: held.marked_unread),
        True,
    ),
    "read again": (
        lambda device: several(
            device.client.conversations.mark_unread(BOB), sync(device), device.client.conversations.mark_read(BOB)
        ),
        of(BOB, lambda held: held.marked_unread),
        False,
    ),
    "disappear": (
        lambda device: device.client.timers.set(BOB, DisappearingMode.AFTER_READ, 60),
        of(BOB, lambda held: (int(held.expiration_type), held.expiration_timer_s)),
        (1, 60),
    ),
    "disappear no more": (
        lambda device: several(
            device.client.timers.set(BOB, DisappearingMode.AFTER_SEND, 60),
            sync(device),
            device.client.timers.set(BOB, DisappearingMode.OFF),
        ),
        of(BOB, lambda held: held.expiration_timer_s),
        0,
    ),
    "note to self": (
        lambda device: device.client.sending.send_text(OWN, "remember"),
        of(OWN, lambda held: held.hidden),
        False,
    ),
    "note to self disappears": (
        lambda device: several(
            device.client.sending.send_text(OWN, "remember"),
            device.client.timers.set(OWN, DisappearingMode.AFTER_SEND, 3_600),
        ),
        of(OWN, lambda held: held.expiration_timer_s),
        3_600,
    ),
    "pinned note to self": (
        lambda device: several(device.client.sending.send_text(OWN, "remember"), device.client.conversations.pin(OWN)),
        of(OWN, lambda held: held.priority),
        1,
    ),
    "forget": (lambda device: device.client.conversations.forget(BOB), of(BOB, lambda held: held.id), None),
}


@pytest.mark.parametrize("action", ACTIONS)
async def test_what_one_device_settles_another_shows(alice: Device, other: Device, action: str) -> None:
    act, look, expected = ACTIONS[action]
    await alice.client.sending.send_text(BOB, "hello")
    await deliver(account_of(2), alice, DataMessage(body="hello, too"))
    await deliver(STRANGER, alice, DataMessage(body="may I?"))
    await sync(alice, other)
    before = await other.read(look)
    alice.clock.move(5)
    await act(alice)
    await sync(alice, other)
    assert await alice.read(look) == expected
    assert await other.read(look) == expected
    assert (
        before != expected
        or action in ("unblock", "unpin", "show", "unmute", "read again", "disappear no more")
        or (action == "no picture")
    )


async def states(device: Device) -> dict[str, tuple[Any, ...]]:
    """The groups of a device: what the account is to each, and what is settled with it."""
    found = {}
    for each in await device.client.groups.list():
        held = await device.read(lambda tables, id_=each["id"]: tables.conversations.get(id_))  # type: ignore[misc]
        settled = None if held is None else (held.priority, held.muted_until_ms > 0, held.marked_unread)
        found[each["id"]] = (each["state"], each["admin"], each["name"], settled)
    return found


async def test_groups_follow(alice: Device, other: Device, bob: Device) -> None:
    """Made, joined, pinned, muted, renamed, and left."""

    async def everybody() -> None:
        await sync(alice, other)
        await exchange(alice, other, bob)
        await sync(alice, other)

    await everybody()
    own = await group_of(alice, bob, name="Made here")
    await everybody()
    assert await states(other) == await states(alice)
    assert (await states(other))[own] == ("joined", True, "Made here", (0, False, False))

    theirs = await group_of(bob, alice, name="Joined here")
    await everybody()
    assert (await states(other))[theirs][:3] == ("joined", False, "Joined here")

    alice.clock.move(5)
    await alice.client.conversations.pin(theirs)
    await alice.client.conversations.mute(theirs)
    await alice.client.conversations.mark_unread(theirs)
    await other.client.groups.rename(own, "Renamed there")
    await everybody()
    assert (await states(other))[theirs] == ("joined", False, "Joined here", (1, True, True))
    assert (await states(alice))[own][2] == "Renamed there"

    await other.client.groups.leave(theirs)
    await everybody()
    assert theirs not in await states(alice)
    assert await states(alice) == await states(other)


# -- what other programs wrote ---------------------------------------------------------------------------------

_SERVER: Final[Data] = {b"#": b"k" * 32, b"R": {b"room": {b"n": b"Room", b"+": 3, b"zz": b"later"}}}
_FOREIGN: Final[dict[ConfigKind, list[tuple[tuple[bytes, ...], Any]]]] = {
    USER_PROFILE: [((b"zz",), b"later"), ((b"E",), 1_900_000_000), ((b"f",), frozenset({0, 9}))],
    CONTACTS: [
        ((b"zz", b"inner"), 7),
        ((b"c", bytes.fromhex(BOB), b"zz"), b"later"),
        ((b"b", b"http://example.org"), {b"#": b"k" * 32, b"R": {b"ab" * 32: {b"n": b"Blinded", b"y": 1}}}),
    ],
    CONVO_INFO_VOLATILE: [
        ((b"o", b"http://example.org"), {b"#": b"k" * 32, b"R": {b"room": {b"r": 1_700_000_000_000}}}),
        ((b"b", b"\x25" + bytes(32)), {b"r": 1_700_000_000_000}),
        ((b"1", bytes.fromhex(BOB), b"zz"), 5),
    ],
    USER_GROUPS: [
        ((b"o", b"http://example.org"), _SERVER),
        ((b"C", b"\x05" + bytes(32)), {b"n": b"Legacy", b"m": frozenset({b"\x05" + bytes(32)})}),
        ((b"zz",), frozenset({1, b"x"})),
    ],
}


async def document(device: Device, kind: ConfigKind) -> Data:
    held = device.client.documents.documents
    return await device.read(lambda tables: held.data(tables, kind))


async def test_what_is_not_understood_survives_edits_and_merges(alice: Device, other: Device) -> None:
    await alice.client.sending.send_text(BOB, "hello")
    await alice.client.conversations.mark_unread(BOB)
    await sync(alice, other)
    documents, times = alice.client.documents.documents, alice.client._core.times()

    def write(tables: Tables) -> None:
        for kind, values in _FOREIGN.items():
            for path, value in values:
                documents.change(tables, kind, lambda data, p=path, v=value: put(data, p, v), times)  # type: ignore[misc]

    await store_of(alice.client).run(write)
    await sync(alice, other)
    alice.clock.move(5)
    await other.client.conversations.set_nickname(BOB, "from there")
    await alice.client.conversations.pin(BOB)
    await other.client.profile.set_name("from there")
    await sync(other, alice)
    for device in (alice, other):
        for kind, values in _FOREIGN.items():
            data = await document(device, kind)
            for path, value in values:
                assert get(data, path) == value, (kind.name, path)
        row = await device.read(of(BOB, lambda held: (held.nickname, held.priority)))
        assert row == ("from there", 1)


# -- nothing is pushed that did not change ---------------------------------------------------------------------


async def test_what_changes_nothing_pushes_nothing(alice: Device, other: Device, bob: Device) -> None:
    await alice.client.sending.send_text(BOB, "hello")
    await alice.client.conversations.set_nickname(BOB, "Bobby")
    await alice.client.conversations.pin(BOB)
    await alice.client.requests.block(BOB)
    await alice.client.conversations.mark_unread(BOB)
    await set_picture(alice)
    await sync(alice, other)
    sent = pushes(alice), pushes(other)
    alice.clock.move(60)
    conversations, requests = alice.client.conversations, alice.client.requests
    await several(
        conversations.set_nickname(BOB, "Bobby"),
        conversations.set_nickname(BOB, " Bobby "),
        conversations.pin(BOB),
        conversations.show(BOB),
        conversations.unmute(BOB),
        conversations.mark_unread(BOB),
        conversations.mute(BOB),
        conversations.unmute(BOB),
        requests.block(BOB),
        requests.unblock(BOB),
        requests.block(BOB),
    )
    await sync(alice, other)
    assert (pushes(alice), pushes(other)) == sent


async def test_idle_devices_push_nothing(alice: Device, other: Device) -> None:
    await alice.client.sending.send_text(BOB, "hello")
    await sync(alice, other)
    sent = pushes(alice), pushes(other)
    for _ in range(10):
        alice.clock.move(3_600)
        await sync(alice, other, rounds=1)
    assert (pushes(alice), pushes(other)) == sent
    status = await alice.client.sync.status()
    assert not any(each["pending"] for each in status["documents"])
    assert not status["unwritten"]
