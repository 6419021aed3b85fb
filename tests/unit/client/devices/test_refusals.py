"""What comes from somebody else, or is broken, changes nothing, not even in part (06.16)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from tests.conversations.engines import Device, account_of
from tests.conversations.memory_swarm import MemorySwarm
from tests.conversations.own_devices import ask, link, stored, sync, told, view
from veery.policy import device_group
from veery.policy.device_group import DeviceGroup, DeviceInfo
from veery.protocol import bt
from veery.protocol.account import Account
from veery.protocol.crypto import ed25519_sign
from veery.protocol.devices import GroupId, Payload, group_message, link_request, table
from veery.protocol.devices import payload as payloads
from veery.protocol.storage_rpc import Namespace
from veery.runtime.clock import ManualClock

RANDOM = Random(16).randbytes
DEVICES = int(Namespace.DEVICE_GROUP)
STRANGER = account_of(9)


async def group_of(device: Device) -> DeviceGroup:
    found = await device.read(lambda tables: tables.devices.group())
    assert found is not None
    return found


def sealed(account: Account, payload: Payload, group: GroupId, root: Account | None = None) -> bytes:
    """A group message, signed by an account. root: whose recovery phrase its identifier is encrypted with."""
    return group_message.seal(
        payload,
        group=group,
        root_seed=(root or account).seed32,
        ed25519_secret=account.ed25519_secret,
        random=RANDOM,
    )


def altered(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def resigned(data: bytes, account: Account, change: Callable[[dict[bytes, Any]], None]) -> bytes:
    """A group message with other fields and a signature that holds."""
    fields: Any = bt.decode(data)
    fields.pop(b"~")
    change(fields)
    signed = bt.encode(fields)[:-1]
    return signed + b"1:~64:" + ed25519_sign(account.ed25519_secret.reveal(), signed) + b"e"


async def with_content(laptop: Device, monkeypatch: pytest.MonkeyPatch, content: dict[bytes, Any]) -> bytes:
    """A readable message of the laptop's group, with a new key and this besides."""
    state = await group_of(laptop)
    assert state.group is not None
    stranger = device_group.generated(DeviceInfo("stranger", "c"), laptop.clock.now_ms(), RANDOM)
    good = payloads.encode(Payload(table.payload_devices(state.rows), tuple(stranger.account_keys)))
    whole: Any = bt.decode(good)
    joined: Any = {
        b"D": {**whole[b"D"], **content[b"D"]},
        **({b"K": [*whole[b"K"], *content[b"K"]]} if b"K" in content else {}),
    }
    monkeypatch.setattr(payloads, "encode", lambda _: bt.encode(joined))
    data = sealed(laptop.account, Payload(table.payload_devices(state.rows), tuple(state.account_keys)), state.group)
    monkeypatch.undo()
    return data


async def unchanged_by(device: Device, swarm: MemorySwarm, data: bytes) -> None:
    """A message in namespace 21 leaves everything as it was, and is refused."""
    before, state = await view(device), await group_of(device)
    count, changes = len(stored(swarm, device, Namespace.DEVICE_GROUP)), await told(device)
    swarm.put(device.account.account_id.raw, data, namespace=DEVICES)
    await sync(device)
    assert await view(device) == before
    after = await group_of(device)
    assert (after.rows, after.merged, after.broadcast, after.seen) == (
        state.rows,
        state.merged,
        state.broadcast,
        state.seen,
    )
    assert await told(device) == changes
    assert len(stored(swarm, device, Namespace.DEVICE_GROUP)) == count + 1  # and nobody deletes it


async def test_a_group_message_of_another_account_changes_nothing(laptop: Device, swarm: MemorySwarm) -> None:
    state = await group_of(laptop)
    assert state.group is not None
    stranger = device_group.generated(DeviceInfo("stranger", "c"), laptop.clock.now_ms(), RANDOM)
    members = {**table.payload_devices(state.rows), **table.payload_devices(stranger.rows)}
    payload = Payload(members, tuple(stranger.account_keys))
    await unchanged_by(laptop, swarm, sealed(STRANGER, payload, state.group))
    await unchanged_by(laptop, swarm, sealed(STRANGER, payload, state.group, laptop.account))


async def test_a_group_message_that_was_altered_anywhere_changes_nothing(laptop: Device, swarm: MemorySwarm) -> None:
    (data,) = stored(swarm, laptop, Namespace.DEVICE_GROUP)
    for place in (10, 60, 3_000, len(data) - 100, len(data) - 2):
        await unchanged_by(laptop, swarm, altered(data, place))
    await unchanged_by(laptop, swarm, data[:-1])
    await unchanged_by(laptop, swarm, data + b"e")


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: fields.pop(b"X"),
        lambda fields: fields.update({b"C": fields[b"C"][:-1]}),
        lambda fields: fields.update({b"K": fields[b"K"][:-34]}),
        lambda fields: fields.update({b"d": fields[b"d"][:16]}),
        lambda fields: fields.update({b"A": fields[b"A"][:-1]}),
    ],
)
async def test_lists_of_wrong_sizes_change_nothing_though_the_account_signed_them(
    laptop: Device, swarm: MemorySwarm, change: Callable[[dict[bytes, Any]], None]
) -> None:
    (data,) = stored(swarm, laptop, Namespace.DEVICE_GROUP)
    await unchanged_by(laptop, swarm, resigned(data, laptop.account, change))


@pytest.mark.parametrize(
    "content",
    [
        {b"D": {}, b"K": [{b"c": 1, b"s": bytes(31)}]},
        {b"D": {}, b"K": [{b"s": bytes(32)}]},
        {b"D": {bytes(31): 5}, b"K": []},
        {b"D": {bytes(32): 0}, b"K": []},
        {b"D": {bytes(32): -(2**63)}, b"K": []},
        {b"D": {bytes(32): b"text"}, b"K": []},
        {b"D": {bytes(32): {b"#": 1, b"@": 1}}, b"K": []},
        {b"D": {bytes(32): 5}},
    ],
)
async def test_a_payload_that_is_partly_wrong_is_merged_in_no_part(
    laptop: Device, swarm: MemorySwarm, monkeypatch: pytest.MonkeyPatch, content: dict[bytes, Any]
) -> None:
    """Written by a device of the group, readable, and wrong inside."""
    await unchanged_by(laptop, swarm, await with_content(laptop, monkeypatch, content))


async def test_and_one_that_is_right_is_merged(
    laptop: Device, swarm: MemorySwarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = await with_content(laptop, monkeypatch, {b"D": {bytes(32): 5}, b"K": []})
    swarm.put(laptop.account.account_id.raw, data, namespace=DEVICES)
    await sync(laptop)
    state = await group_of(laptop)
    assert bytes(32) in state.rows
    assert len(state.account_keys) == 2


async def test_messages_of_no_known_form_are_kept_or_refused_and_change_nothing(
    laptop: Device, swarm: MemorySwarm
) -> None:
    for data in (b"x", b"le", b"d0:1:Ze", b"d0:1:L1:L4:blobe", b"d0:1:Ge", b"d0:1:Le"):
        await unchanged_by(laptop, swarm, data)
    kept = await laptop.read(lambda tables: tables.inbox.kept(100))
    assert [each.item.data for each in kept] == [b"d0:1:Ze"]  # a type of a later build


async def test_requests_that_are_not_ours_to_answer_ask_nobody(
    laptop: Device, phone: Device, swarm: MemorySwarm, clock: ManualClock
) -> None:
    """Another group's key, no signature of the account, the own id, and a copy of an old request."""
    state = await group_of(laptop)
    active = state.account_keys.active
    assert active is not None
    other = device_group.restored(DeviceInfo("other", "c"), clock.now_ms(), RANDOM)

    def request(own_id: bytes, signer: Account, key: bytes) -> bytes:
        made = link_request.make(own_id, other.own_record, signer.ed25519_secret)
        return link_request.seal(made, link_key=key, account_x25519=laptop.account.x25519_public, random=RANDOM)

    ours = active.keys.public.x25519
    foreign = device_group.generated(DeviceInfo(), clock.now_ms(), RANDOM).account_keys.active
    assert foreign is not None
    await unchanged_by(laptop, swarm, request(other.own_id, STRANGER, ours))
    await unchanged_by(laptop, swarm, request(other.own_id, laptop.account, foreign.keys.public.x25519))
    await unchanged_by(laptop, swarm, request(state.own_id, laptop.account, ours))
    good = request(other.own_id, laptop.account, ours)
    await unchanged_by(laptop, swarm, altered(good, len(good) - 40))


async def test_a_spent_id_asks_nobody(laptop: Device, phone: Device, swarm: MemorySwarm, clock: ManualClock) -> None:
    await link(laptop, phone)
    gone = await group_of(phone)
    await laptop.client.devices.remove(gone.own_id.hex())
    await sync(laptop)
    active = (await group_of(laptop)).account_keys.active
    assert active is not None
    record = gone.own_record.renumbered(9)
    made = link_request.make(gone.own_id, replace(record), laptop.account.ed25519_secret)
    key = active.keys.public.x25519
    data = link_request.seal(made, link_key=key, account_x25519=laptop.account.x25519_public, random=RANDOM)
    await unchanged_by(laptop, swarm, data)


async def test_an_old_request_that_is_stored_again_does_not_ask_again(
    laptop: Device, phone: Device, swarm: MemorySwarm
) -> None:
    await ask(phone)
    requests = [each for each in stored(swarm, laptop, Namespace.DEVICE_GROUP) if each.startswith(b"d0:1:L")]
    await sync(laptop)
    (prompt,) = (await view(laptop))["requests"]
    await laptop.client.devices.ignore(prompt["id"])
    state = await group_of(laptop)
    active = state.account_keys.active
    assert active is not None
    opened = link_request.open(requests[0], laptop.account, [key.keys for key in state.account_keys])
    assert opened is not None
    again = link_request.seal(
        opened,
        link_key=active.keys.public.x25519,
        account_x25519=laptop.account.x25519_public,
        random=RANDOM,
    )
    await unchanged_by(laptop, swarm, again)
    assert (await view(laptop))["requests"] == []


async def test_a_holder_of_the_phrase_cannot_lure_a_new_device(
    laptop: Device, phone: Device, swarm: MemorySwarm, clock: ManualClock
) -> None:
    """A readable group message proves nothing: without the request and the confirmed emoji nobody joins (06.8.4)."""
    await ask(phone)
    victim = await group_of(phone)
    thief = device_group.generated(DeviceInfo("thief", "c"), clock.now_ms(), Random(99).randbytes)
    assert thief.group is not None
    members = {**table.payload_devices(thief.rows), victim.own_id: victim.own_record}
    swarm.put(
        phone.account.account_id.raw,
        sealed(phone.account, Payload(members, tuple(thief.account_keys)), thief.group),
        namespace=DEVICES,
    )
    await sync(phone)
    shown = await view(phone)
    assert shown["membership"] == "waiting"
    assert shown["keys"]["held"] == 0
    assert not shown["own_request"]["admitted"]
    await phone.client.devices.confirm()
    assert (await view(phone))["membership"] == "waiting"
