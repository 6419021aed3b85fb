"""A group from its making to its end, in memory (08.3, 08.6, 08.7)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from veery.errors import ProtocolError
from veery.protocol import content
from veery.protocol.account import Account, AccountId
from veery.protocol.config import GROUP_INFO, GROUP_MEMBERS, ConfigKind, ConfigObject, GroupSealer
from veery.protocol.config.data import EMPTY
from veery.protocol.config.fields import Picture
from veery.protocol.content import (
    Content,
    DataMessage,
    GroupUpdateMessage,
    InfoChangeType,
    MemberChangeType,
    group_signatures,
)
from veery.protocol.content.group_update import GroupUpdate
from veery.protocol.groups import (
    Access,
    GroupAdminKeys,
    GroupMalformed,
    GroupMisuse,
    GroupRefused,
    KeyList,
    MemberStatus,
    control,
    group_auth_data,
    info,
    key_list,
    key_messages,
    kicked_notice,
    member_key,
    members,
    messages,
)
from veery.protocol.groups.members import Member, Progress, Removal
from veery.protocol.storage_rpc.subaccounts import SubaccountRefused, token_key
from veery.secret import Secret

NOW_MS = 1_795_600_000_000
ADMIN = GroupAdminKeys.from_seed(b"g" * 32)
ALICE, BOB, CAROL = (Account.from_seed(bytes([index]) * 16) for index in (1, 2, 3))


class Random:
    """Bytes that differ each time."""

    def __init__(self) -> None:
        self._numbers: Iterator[int] = iter(range(10_000))

    def __call__(self, size: int) -> bytes:
        return next(self._numbers).to_bytes(size, "big")


class Device:
    """What one device of one member holds of the group."""

    def __init__(self, account: Account, *, admin: bool = False) -> None:
        self.account, self.admin = account, admin
        self.keys: KeyList = key_list.EMPTY
        sign_key = ADMIN.secret if admin else None
        self.info, self.members = (
            ConfigObject(kind, GroupSealer([]), verify_key=ADMIN.public, sign_key=sign_key)
            for kind in (GROUP_INFO, GROUP_MEMBERS)
        )

    def rotate(self) -> bytes:
        self.keys = key_list.rotated(self.keys, ADMIN, members.read(self.members.data))
        self.refresh()
        for held in (self.info, self.members):
            held.renew()
        assert self.keys.pending is not None
        return self.keys.pending.message

    def refresh(self) -> None:
        for held in (self.info, self.members):
            held.use(GroupSealer(self.keys.decryption_keys))

    def load(self, raw: bytes, name: str, timestamp_ms: int = NOW_MS) -> None:
        reader = ADMIN if self.admin else self.account
        self.keys = key_list.loaded(
            self.keys, raw, storage_hash=name, timestamp_ms=timestamp_ms, group_public=ADMIN.public, reader=reader
        )
        self.refresh()

    def push(self, kind: ConfigKind) -> bytes:
        (stored,) = (self.info if kind is GROUP_INFO else self.members).push(NOW_MS).stored
        return stored

    def say(self, text: str) -> bytes:
        assert self.keys.encryption_key is not None
        return messages.seal(
            content.encode(Content(DataMessage(body=text), timestamp=NOW_MS)),
            sender_ed25519_secret=self.account.ed25519_secret,
            group_public=ADMIN.public,
            key=self.keys.encryption_key,
            timestamp_ms=NOW_MS,
            pro_sig=bytes(64),
            random=RANDOM,
        )

    def hear(self, stored: bytes) -> tuple[AccountId, str | None]:
        opened = messages.open(stored, group_public=ADMIN.public, keys=self.keys.decryption_keys)
        kind = content.decode(opened.content).kind
        assert isinstance(kind, DataMessage)
        assert opened.timestamp == NOW_MS
        return opened.sender, kind.body


RANDOM = Random()


def collides(device: Device) -> bool:
    return device.keys.collides


def still_pending(device: Device) -> bool:
    return device.keys.pending is not None


def founded() -> tuple[Device, Device]:
    """Alice made a group and Bob has read it."""
    alice, bob = Device(ALICE, admin=True), Device(BOB)
    alice.info.change(info.with_created(info.with_name(EMPTY, "group"), NOW_MS // 1000))
    people = members.written(EMPTY, Member(ALICE.account_id, name="Alice", admin=True))
    alice.members.change(members.written(people, Member(BOB.account_id, invite=Progress.NOT_SENT)))
    first = alice.rotate()
    alice.load(first, "k0")
    bob.load(first, "k0")
    bob.info.merge([("i0", alice.push(GROUP_INFO))], NOW_MS)
    bob.members.merge([("m0", alice.push(GROUP_MEMBERS))], NOW_MS)
    return alice, bob


def test_a_group_is_made_and_spoken_in() -> None:
    alice, bob = founded()
    assert info.read(bob.info.data).name == "group"
    statuses = {each.id: each.status for each in members.read(bob.members.data).values()}
    assert statuses == {
        ALICE.account_id: MemberStatus.PROMOTION_ACCEPTED,
        BOB.account_id: MemberStatus.INVITE_NOT_SENT,
    }
    assert bob.hear(alice.say("hello")) == (ALICE.account_id, "hello")
    assert alice.hear(bob.say("hi")) == (BOB.account_id, "hi")
    assert alice.keys.active_hashes == bob.keys.active_hashes == {"k0"}


def test_a_pending_key_is_used_at_once_and_settled_when_it_comes_back() -> None:
    alice, bob = founded()
    second = alice.rotate()
    assert alice.keys.generation == 0
    assert still_pending(alice)
    secret = alice.say("soon")
    with pytest.raises(GroupRefused):
        bob.hear(secret)
    bob.load(second, "k1", NOW_MS + 1)
    assert bob.hear(secret) == (ALICE.account_id, "soon")
    alice.keys = key_list.load(key_list.dump(alice.keys))
    assert still_pending(alice)
    alice.load(second, "k1", NOW_MS + 1)
    assert alice.keys.generation == 1
    assert not still_pending(alice)
    assert alice.keys.active_hashes == {"k0", "k1"}


def test_rotating_again_before_the_first_came_back_replaces_it() -> None:
    alice, _ = founded()
    one = alice.rotate()
    alice.members.change(members.written(alice.members.data, Member(CAROL.account_id)))
    two = alice.rotate()
    assert one != two
    assert alice.keys.pending is not None
    assert alice.keys.pending.generation == 1


def test_a_pending_key_goes_when_a_later_generation_arrives() -> None:
    alice, _ = founded()
    alice.rotate()
    later = key_messages.rotate(ADMIN, [ALICE.account_id], 5)
    alice.load(later.message, "k5", NOW_MS + 1)
    assert alice.keys.generation == 5
    assert not still_pending(alice)


def test_two_rotations_at_once_make_every_admin_rotate() -> None:
    alice, bob = founded()
    for index, people in enumerate(([ALICE, BOB], [ALICE, BOB, CAROL])):
        rotation = key_messages.rotate(ADMIN, [person.account_id for person in people], 1)
        for device in (alice, bob):
            device.load(rotation.message, f"k1{index}", NOW_MS + 1)
    assert collides(alice)
    settled = alice.rotate()
    alice.load(settled, "k2", NOW_MS + 2)
    assert not collides(alice)
    bob.load(settled, "k2", NOW_MS + 2)
    assert bob.hear(alice.say("settled"))[1] == "settled"


def test_a_newcomer_with_history_reads_what_was_said_before() -> None:
    alice, _ = founded()
    before = alice.say("before")
    extra = key_messages.supplement(ADMIN, alice.keys.keys, [CAROL.account_id])
    alice.members.change(members.written(alice.members.data, Member(CAROL.account_id, invite=1, with_history=True)))
    rotation = alice.rotate()
    carol = Device(CAROL)
    carol.load(rotation, "k1", NOW_MS + 1)
    with pytest.raises(GroupRefused):
        carol.hear(before)
    carol.load(extra, "s", NOW_MS + 1)
    assert carol.hear(before) == (ALICE.account_id, "before")
    assert carol.hear(alice.say("after")) == (ALICE.account_id, "after")


def test_a_removed_member_reads_nothing_new_and_learns_why() -> None:
    alice, bob = founded()
    gone = members.find(alice.members.data, BOB.account_id)
    assert gone is not None
    marked = members.removed(gone, Removal.MEMBER_AND_MESSAGES)
    assert marked.status is MemberStatus.REMOVED_INCLUDING_MESSAGES
    alice.members.change(members.written(alice.members.data, marked))
    notice = kicked_notice.build(ADMIN, [BOB.account_id, CAROL.account_id], alice.keys.generation or 0, bytes(24))
    alice.members.change(members.without(alice.members.data, BOB.account_id))
    rotation = alice.rotate()
    bob.load(rotation, "k1", NOW_MS + 1)
    assert bob.keys.generation == 0
    with pytest.raises(GroupRefused):
        bob.hear(alice.say("without Bob"))
    found = kicked_notice.read(notice, account=BOB, group_public=ADMIN.public)
    assert found.account_id == BOB.account_id
    assert found.counts(bob.keys.generation)
    assert found.counts(None)
    assert not found.counts(1)
    with pytest.raises(GroupRefused):
        kicked_notice.read(notice, account=ALICE, group_public=ADMIN.public)


def test_a_message_without_a_key_for_us_is_remembered_by_its_generation() -> None:
    rotation = key_messages.rotate(ADMIN, [ALICE.account_id], 4)
    bob = Device(BOB)
    bob.load(rotation.message, "k4")
    assert bob.keys.keys == ()
    assert bob.keys.hashes == {4: {"k4"}}
    assert bob.keys.active_hashes == frozenset()
    assert bob.keys.encryption_key is None


def test_the_same_key_in_two_messages_keeps_its_first_time() -> None:
    rotation = key_messages.rotate(ADMIN, [BOB.account_id], 0)
    bob = Device(BOB)
    bob.load(rotation.message, "k0", NOW_MS)
    bob.load(rotation.message, "again", NOW_MS - 5)
    assert [key.timestamp_ms for key in bob.keys.keys] == [NOW_MS]
    assert bob.keys.active_hashes == {"k0", "again"}


def test_messages_are_not_posted_again_in_another_group() -> None:
    alice, _ = founded()
    other = GroupAdminKeys.from_seed(b"o" * 32)
    with pytest.raises(GroupRefused) as caught:
        messages.open(alice.say("here"), group_public=other.public, keys=alice.keys.decryption_keys)
    assert caught.value.kind == "group.refused.signature"


def test_what_is_too_long_is_not_sealed() -> None:
    alice, _ = founded()
    with pytest.raises(GroupMisuse) as caught:
        alice.say("".join(chr(33 + (index * index) % 90) + str(index) for index in range(60_000)))
    assert caught.value.kind == "group.misuse.size"
    assert caught.value.remedy


def test_a_message_that_holds_no_envelope_is_malformed() -> None:
    key = Secret(b"k" * 32)
    stored = messages.seal_plaintext(
        b"\xff", sender_ed25519_secret=ALICE.ed25519_secret, group_public=ADMIN.public, key=key, nonce=bytes(24)
    )
    with pytest.raises(GroupMalformed) as caught:
        messages.open(stored, group_public=ADMIN.public, keys=[key])
    assert caught.value.kind == "group.message.envelope"


# -- documents -------------------------------------------------------------------------------------------------


def test_info() -> None:
    picture = Picture("http://f.example/1", Secret(b"p" * 32))
    data = info.with_description(info.with_name({b"later": 1}, "x" * 200), "ä" * 1_500)
    data = info.with_deleted_before(info.with_timer(info.with_picture(data, picture), 60), 5)
    data = info.destroyed(info.with_attachments_deleted_before(data, 6))
    found = info.read(data)
    assert (found.name, len(found.description.encode())) == ("x" * 100, 2_000)
    assert found.picture is not None
    assert (found.timer_s, found.delete_before_s, found.delete_attachments_before_s) == (60, 5, 6)
    assert found.destroyed
    cleared = info.with_timer(info.with_picture(info.with_name(info.with_description(data, ""), ""), None), 0)
    assert cleared == {b"later": 1, b"d": 5, b"D": 6, b"!": 1}


def test_how_an_invitation_and_a_promotion_go() -> None:
    member = members.invited(Member(BOB.account_id), Progress.NOT_SENT, with_history=True)
    assert member.status is MemberStatus.INVITE_NOT_SENT
    sent = members.invited(member, Progress.SENT)
    assert (sent.status, sent.with_history) == (MemberStatus.INVITE_SENT, True)
    promoted = members.promoted(sent, Progress.NOT_SENT)
    assert (promoted.status, promoted.invite, promoted.with_history) == (MemberStatus.PROMOTION_NOT_SENT, 0, False)
    accepted = members.invited(sent, Progress.ACCEPTED)
    assert (accepted.status, accepted.with_history) == (MemberStatus.INVITE_ACCEPTED, False)
    removed = members.removed(promoted, Removal.MEMBER)
    assert (removed.status, removed.admin, removed.promotion) == (MemberStatus.REMOVED, True, 0)
    with pytest.raises(GroupMisuse):
        members.written(EMPTY, Member(ADMIN.group_id))


# -- control ---------------------------------------------------------------------------------------------------


def test_what_admins_sign_verifies() -> None:
    auth_data = group_auth_data(ADMIN.seed, BOB.account_id.key)
    updates: list[GroupUpdate] = [
        control.invite(ADMIN, "group", BOB.account_id, auth_data, NOW_MS),
        control.info_change(ADMIN, InfoChangeType.NAME, NOW_MS, name="new"),
        control.member_change(ADMIN, MemberChangeType.ADDED, [BOB.account_id], NOW_MS, history_shared=True),
        control.delete_content(ADMIN, [BOB.account_id], ["hash"], NOW_MS),
    ]
    for update in updates:
        group_signatures.verify(update, group=ADMIN.group_id.raw, timestamp_ms=NOW_MS, invitee=BOB.account_id.hex)
        with pytest.raises(ProtocolError):
            group_signatures.verify(
                update, group=ADMIN.group_id.raw, timestamp_ms=NOW_MS + 1, invitee=BOB.account_id.hex
            )
        held = Content(DataMessage(group_update_message=GroupUpdateMessage(update)), timestamp=NOW_MS)
        assert content.decode(content.encode(held)) == held
    assert control.delete_content(None, [], ["hash"], NOW_MS).admin_signature is None
    assert control.promote(ADMIN, "group").group_identity_seed.reveal() == b"g" * 32
    with pytest.raises(GroupMisuse):
        control.delete_content(ADMIN, [], [], NOW_MS)
    with pytest.raises(GroupMisuse):
        control.invite(ADMIN, "group", BOB.account_id, Secret(b"short"), NOW_MS)


def test_auth_data_serves_its_member_alone() -> None:
    auth_data = group_auth_data(ADMIN.seed, BOB.account_id.key)
    found = member_key(ADMIN.group_id.raw, auth_data, BOB.seed32, Access.READ | Access.WRITE)
    assert len(token_key(found.token)) == 32
    with pytest.raises(SubaccountRefused):
        member_key(ADMIN.group_id.raw, auth_data, CAROL.seed32)


def test_the_identity_of_a_group() -> None:
    group = GroupAdminKeys.create(RANDOM)
    assert group.group_id.prefix == 3
    assert GroupAdminKeys.from_seed(group.seed.reveal()).group_id == group.group_id
    with pytest.raises(GroupMisuse):
        GroupAdminKeys.from_seed(b"short")


def test_there_must_be_keys_to_give() -> None:
    with pytest.raises(GroupMisuse) as caught:
        key_messages.supplement(ADMIN, [], [BOB.account_id])
    assert caught.value.kind == "group.misuse.no_keys"


def test_a_key_message_for_very_many_members_does_not_fit() -> None:
    crowd = [AccountId(b"\x05" + index.to_bytes(32, "big")) for index in range(2, 1_700)]
    with pytest.raises(GroupMisuse) as caught:
        key_messages.rotate(ADMIN, crowd, 0)
    assert caught.value.kind == "group.misuse.size"
