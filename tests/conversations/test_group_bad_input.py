"""What members and strangers may put into a group's swarm, and by which name each of it is refused (08.10).

Every case is made like a good message or document but for one thing. `good` are the same without that thing: they are
taken, which shows that the cases fail for no other reason.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.conversations.engines import Device
from tests.conversations.group_devices import exchange, group_of, people, said
from tests.conversations.memory_swarm import MemorySwarm
from tests.conversations.test_group_faults import newest_key, reasons, refusals, sealed
from veery.protocol import bt, crypto
from veery.protocol.account import AccountId
from veery.protocol.config import GROUP_INFO, ConfigObject, GroupSealer
from veery.protocol.config.compression import deflate
from veery.protocol.content import Content, DataMessage, GroupUpdate, GroupUpdateMessage, encode
from veery.protocol.envelope import Envelope, EnvelopeType, encode_envelope
from veery.protocol.groups import GroupAdminKeys, control, group_auth_data, info, key_messages, kicked_notice
from veery.protocol.groups import messages as group_messages
from veery.protocol.storage_rpc import Namespace
from veery.runtime.clock import ManualClock
from veery.runtime.randomness import random_bytes
from veery.secret import Secret

MESSAGES, KEYS, INFO, REVOKED = (
    int(each)
    for each in (Namespace.GROUP_MESSAGES, Namespace.GROUP_KEYS, Namespace.GROUP_INFO, Namespace.GROUP_REVOKED)
)
TEXT: Final = "as good as any"
Fields = dict[bytes, bt.Encodable]


@dataclass
class World:
    """A group of Alice (admin), Bob and Carol. key: what messages are sealed with now."""

    alice: Device
    bob: Device
    carol: Device
    swarm: MemorySwarm
    group: str
    key: Secret
    admin: GroupAdminKeys

    @property
    def raw(self) -> bytes:
        return bytes.fromhex(self.group)

    def put(self, data: bytes, namespace: int = MESSAGES) -> None:
        self.swarm.put(self.raw, data, namespace=namespace)

    def envelope(self, content: bytes | None = None, *, timestamp_ms: int | None = None) -> bytes:
        """The Envelope of a text of Bob, or of something else."""
        now_ms = self.bob.clock.now_ms()
        held = encode(Content(DataMessage(body=TEXT), timestamp=now_ms)) if content is None else content
        return encode_envelope(
            Envelope(timestamp=timestamp_ms or now_ms, content=held, type=EnvelopeType.CLOSED_GROUP_MESSAGE)
        )

    def fields(self, plain: bytes) -> Fields:
        """The bt-dict of a message of Bob."""
        secret = self.bob.account.ed25519_secret.reveal()
        signature = crypto.ed25519_sign(secret, plain + self.raw[1:])
        return {b"": 1, b"a": secret[32:], b"d": plain, b"s": signature}

    def encrypted(self, inner: bytes) -> bytes:
        size = -(-(len(inner) + 40) // 256) * 256 - 40
        nonce = random_bytes(24)
        return nonce + crypto.xchacha_encrypt(self.key.reveal(), nonce, inner.ljust(size, b"\0"))

    def message(self, change: Callable[[Fields], Fields] = lambda fields: fields) -> bytes:
        """A message of Bob, with its bt-dict changed."""
        return self.encrypted(bt.encode(change(self.fields(self.envelope()))))

    def update(self, update: GroupUpdate, author: Device | None = None) -> bytes:
        """An update that somebody, or else Bob, sends into the group."""
        now_ms = self.bob.clock.now_ms()
        content = Content(DataMessage(group_update_message=GroupUpdateMessage(update)), timestamp=now_ms)
        return group_messages.seal(
            encode(content),
            sender_ed25519_secret=(author or self.bob).account.ed25519_secret,
            group_public=self.raw[1:],
            key=self.key,
            timestamp_ms=now_ms,
            pro_sig=None,
            random=random_bytes,
        )


@pytest.fixture
async def world(tmp_path: Path, swarm: MemorySwarm, clock: ManualClock) -> AsyncIterator[World]:
    found = await people(tmp_path, swarm, clock, 3)
    alice, bob, carol = found
    group = await group_of(*found)
    admin = await alice.read(lambda tables: alice.client.groups.room(AccountId.from_hex(group)).admin(tables))
    assert admin is not None
    yield World(alice, bob, carol, swarm, group, await newest_key(alice, group), admin)
    for each in found:
        await each.client.close()


# -- messages (08.5) -------------------------------------------------------------------------------------------


def resigned(world: World, name: bytes, data: bytes, *, group: bytes | None = None) -> bytes:
    """A message that carries `data` under a key of the bt-dict, signed as it is."""
    secret = world.bob.account.ed25519_secret.reveal()
    signature = crypto.ed25519_sign(secret, data + (world.raw[1:] if group is None else group))
    return world.encrypted(bt.encode({b"": 1, b"a": secret[32:], name: data, b"s": signature}))


def flipped(fields: Fields) -> Fields:
    signature = fields[b"s"]
    assert isinstance(signature, bytes)
    return {**fields, b"s": signature[:-1] + bytes([signature[-1] ^ 1])}


BAD_MESSAGES: Final[dict[str, tuple[str, Callable[[World], bytes]]]] = {
    "its signature is altered": ("group.refused.signature", lambda world: world.message(flipped)),
    "it names another author": (
        "group.refused.signature",
        lambda world: world.message(lambda fields: {**fields, b"a": world.carol.account.ed25519_secret.reveal()[32:]}),
    ),
    "it was signed without the group": (
        "group.refused.signature",
        lambda world: resigned(world, b"d", world.envelope(), group=b""),
    ),
    "it was signed for another group": (
        "group.refused.signature",
        lambda world: resigned(world, b"d", world.envelope(), group=bytes(32)),
    ),
    "it is of another version": (
        "group.message.version",
        lambda world: world.message(lambda fields: {**fields, b"": 2}),
    ),
    "it carries data twice": (
        "group.message.form",
        lambda world: world.message(lambda fields: {**fields, b"z": b"more"}),
    ),
    "it carries nothing": (
        "group.message.form",
        lambda world: world.message(lambda fields: {name: fields[name] for name in (b"", b"a", b"s")}),
    ),
    "it has no author": (
        "group.message.form",
        lambda world: world.message(lambda fields: {name: fields[name] for name in (b"", b"d", b"s")}),
    ),
    "it is no dict": ("group.message.form", lambda world: world.encrypted(b"le")),
    "its keys are out of order": ("group.message.form", lambda world: world.encrypted(b"d1:b0:1:a0:e")),
    "it inflates to more than a million bytes": (
        "group.message.zstd",
        lambda world: resigned(world, b"z", deflate(bytes(2_000_000))),
    ),
    "it does not inflate": ("group.message.zstd", lambda world: resigned(world, b"z", b"no zstd at all")),
    "it holds no envelope": ("group.message.envelope", lambda world: resigned(world, b"d", b"\xff\xff\xff")),
    "its times differ": (
        "receive.timestamps",
        lambda world: resigned(world, b"d", world.envelope(timestamp_ms=world.bob.clock.now_ms() + 5_000)),
    ),
    "it promotes inside of the group": (
        "receive.group_update_place",
        lambda world: world.update(control.promote(world.admin, "Walkers")),
    ),
    "it invites inside of the group": (
        "receive.group_update_place",
        lambda world: world.update(
            control.invite(
                world.admin,
                "Walkers",
                world.carol.account.account_id,
                group_auth_data(world.admin.seed, world.carol.account.x25519_public),
                world.bob.clock.now_ms(),
            )
        ),
    ),
    "a member tells of members as if it were an admin": (
        "receive.group_update_signature",
        lambda world: world.update(
            control.delete_content(
                GroupAdminKeys.create(random_bytes), [world.carol.account.account_id], (), world.bob.clock.now_ms()
            )
        ),
    ),
}


@pytest.mark.parametrize("what", BAD_MESSAGES)
async def test_a_bad_message_is_refused_by_name(world: World, what: str) -> None:
    kind, make = BAD_MESSAGES[what]
    world.put(make(world))
    assert await refusals(world.carol, world.group) == [kind]
    assert await said(world.carol, world.group) == []
    assert await reasons(world.carol) == []
    assert await refusals(world.carol, world.group) == []  # and it is not looked at again


@pytest.mark.parametrize("form", ["plain", "compressed", "padded more than needed"])
async def test_the_same_without_the_fault_is_shown(world: World, form: str) -> None:
    match form:
        case "plain":
            world.put(world.message())
        case "compressed":
            world.put(resigned(world, b"z", deflate(world.envelope())))
        case _:
            world.put(world.encrypted(bt.encode(world.fields(world.envelope())) + bytes(2_000)))
    assert await refusals(world.carol, world.group) == []
    assert await said(world.carol, world.group) == [TEXT]


async def test_who_is_no_member_waits_and_is_heard_once_listed(world: World, tmp_path: Path) -> None:
    (stranger,) = (await people(tmp_path / "more", world.swarm, world.alice.clock, 4))[3:]
    world.put(sealed(stranger, world.group, world.key, "let me in"))
    assert await refusals(world.carol, world.group) == []
    assert (await said(world.carol, world.group), await reasons(world.carol)) == ([], ["group.refused.not_a_member"])
    await world.alice.client.groups.invite(world.group, [stranger.id])
    await exchange(world.alice, world.carol)
    assert (await said(world.carol, world.group), await reasons(world.carol)) == (["let me in"], [])
    await stranger.client.close()


async def test_messages_from_before_the_membership_and_of_blocked_people(world: World) -> None:
    world.put(world.encrypted(b"le")[:24] + bytes(232))  # no key opens it, and it came while the keys were held
    await world.carol.client.groups.fetch(world.group)
    assert await reasons(world.carol) == ["group.no_key"]
    await world.carol.client.sending.send_text(world.bob.id, "hello")
    await world.carol.client.requests.block(world.bob.id)
    world.put(world.message())
    assert await refusals(world.carol, world.group) == ["receive.blocked"]
    await world.alice.client.groups.fetch(world.group)
    assert await said(world.alice, world.group) == [TEXT]  # others hear him


async def test_what_an_admin_has_cleared_does_not_come_back(world: World) -> None:
    old = world.message()
    await world.alice.clock.advance(5)
    await world.alice.client.groups.clear(world.group)
    await exchange(world.alice, world.carol)
    world.put(old)
    assert await refusals(world.carol, world.group) == ["group.refused.cleared"]
    await world.alice.clock.advance(5)
    world.put(world.message())
    await world.carol.client.groups.fetch(world.group)
    assert await said(world.carol, world.group) == [TEXT]


# -- documents and keys (08.3, 08.4) ---------------------------------------------------------------------------


def info_document(world: World, name: str, sign: Secret | None, verify: bytes) -> bytes:
    """Info with another name, signed by whoever."""
    held = ConfigObject(GROUP_INFO, GroupSealer((world.key,)), verify_key=verify, sign_key=sign)
    for step in range(9):  # so that its seqno is above all others
        held.change(info.with_name(held.data, f"{name} {step}"))
        held.confirm(held.seqno, (f"{step}",) * bool(held.push(0)))
    held.change(info.with_name(held.data, name))
    return held.push(0).stored[0]


BAD_DOCUMENTS: Final[dict[str, tuple[int, str, Callable[[World], bytes]]]] = {
    "Info that a member signed": (
        INFO,
        "config.refused.signature",
        lambda world: info_document(
            world, "Taken", world.bob.account.ed25519_secret, world.bob.account.ed25519_secret.reveal()[32:]
        ),
    ),
    "Info under a key that nobody holds": (
        INFO,
        "config.refused.decrypt",
        lambda world: bytes(256),
    ),
}


@pytest.mark.parametrize("what", BAD_DOCUMENTS)
async def test_a_bad_document_is_set_aside_with_its_reason(world: World, what: str) -> None:
    namespace, kind, make = BAD_DOCUMENTS[what]
    world.put(make(world), namespace)
    await exchange(world.alice, world.carol)
    for each in (world.alice, world.carol):
        assert kind in await reasons(each)
        assert (await each.client.groups.show(world.group))["name"] == "Walkers"
    await world.alice.client.groups.rename(world.group, "Runners")
    await exchange(world.alice, world.carol)
    assert (await world.carol.client.groups.show(world.group))["name"] == "Runners"
    assert world.swarm.members[0].hashes(world.raw, namespace)  # nothing was deleted in its place


async def test_the_same_document_signed_by_the_group_counts(world: World) -> None:
    world.put(info_document(world, "Renamed", world.admin.secret, world.raw[1:]), INFO)
    await exchange(world.carol)
    assert (await world.carol.client.groups.show(world.group))["name"] == "Renamed"
    assert await reasons(world.carol) == []


BAD_KEYS: Final[dict[str, tuple[str, Callable[[World, bytes], bytes]]]] = {
    "it is altered": ("group.refused.signature", lambda world, good: good[:-2] + bytes([good[-2] ^ 1]) + good[-1:]),
    "another group signed it": (
        "group.refused.signature",
        lambda world, good: (
            key_messages.rotate(GroupAdminKeys.create(random_bytes), [world.carol.account.account_id], 9).message
        ),
    ),
    "it is no dict": ("group.keys.form", lambda world, good: b"le"),
    "it is cut": ("group.keys.form", lambda world, good: good[:100]),
}


@pytest.mark.parametrize("what", BAD_KEYS)
async def test_a_bad_key_message_is_refused_by_name(world: World, what: str) -> None:
    kind, make = BAD_KEYS[what]
    good = key_messages.rotate(world.admin, [each.account.account_id for each in (world.alice, world.carol)], 9).message
    before = (await world.carol.client.groups.show(world.group))["generation"]
    world.put(make(world, good), KEYS)
    assert await refusals(world.carol, world.group) == [kind]
    assert (await world.carol.client.groups.show(world.group))["generation"] == before
    world.put(good, KEYS)  # the same without the fault
    assert await refusals(world.carol, world.group) == []
    assert (await world.carol.client.groups.show(world.group))["generation"] == 9


# -- kicked notices (08.7.1) -----------------------------------------------------------------------------------


async def test_only_a_notice_of_the_group_for_this_account_and_generation_counts(world: World) -> None:
    carol, generation = world.carol, (await world.carol.client.groups.show(world.group))["generation"]
    for _ in range(2):  # two rotations: a notice of an earlier membership is then an old one
        room, core = world.alice.client.groups.room(AccountId.from_hex(world.group)), world.alice.client._core
        await core.write(lambda tables, room=room, core=core: room.rotate(tables, core.times()))  # type: ignore[misc]
        await exchange(world.alice, carol)
    newest = (await carol.client.groups.show(world.group))["generation"]
    assert newest == generation + 2
    person, stranger = carol.account.account_id, GroupAdminKeys.create(random_bytes)
    world.put(kicked_notice.build(world.admin, [person], generation, random_bytes(24)), REVOKED)  # an old one
    world.put(kicked_notice.build(stranger, [person], newest, random_bytes(24)), REVOKED)  # of nobody's group
    world.put(kicked_notice.build(world.admin, [world.bob.account.account_id], newest, random_bytes(24)), REVOKED)
    await carol.client.groups.fetch(world.group)
    assert (await carol.client.groups.show(world.group))["state"] == "joined"
    world.put(b"le", REVOKED)
    assert await refusals(carol, world.group) == ["group.multi"]
    world.put(kicked_notice.build(world.admin, [person], newest, random_bytes(24)), REVOKED)
    await carol.client.groups.fetch(world.group)
    assert (await carol.client.groups.show(world.group))["state"] == "kicked"
