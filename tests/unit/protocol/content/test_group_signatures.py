"""Texts and signatures of group updates."""

from __future__ import annotations

import pytest

from veery.protocol import content, crypto
from veery.protocol.content import group_signatures
from veery.secret import Secret

T = 1_795_485_600_000
PUBLIC, SECRET = crypto.ed25519_from_seed(bytes(range(32)))
GROUP = b"\x03" + PUBLIC
INVITEE = "05" + "ec" * 32
OTHER = "05" + "ab" * 32


def signed(text: bytes) -> bytes:
    return crypto.ed25519_sign(SECRET, text)


def updates() -> dict[str, content.GroupUpdate]:
    text = group_signatures
    invite = signed(f"INVITE{INVITEE}{T}".encode())
    return {
        "invite": content.GroupInvite(GROUP.hex(), "name", bytes(100), invite),
        "info": content.GroupInfoChange(content.InfoChangeType.AVATAR, signed(f"INFO_CHANGE2{T}".encode())),
        "members": content.GroupMemberChange(content.MemberChangeType.PROMOTED, signed(f"MEMBER_CHANGE3{T}".encode())),
        "delete": content.GroupDeleteMemberContent(
            (INVITEE, OTHER), ("h2", "h1"), signed(text.delete_content_text(T, (INVITEE, OTHER), ("h2", "h1")))
        ),
    }


def test_delete_text_keeps_the_order() -> None:
    assert group_signatures.delete_content_text(5, ("b", "a"), ("y", "x")) == b"DELETE_CONTENT5bayx"


@pytest.mark.parametrize("name", ["invite", "info", "members", "delete"])
def test_true_signatures_pass(name: str) -> None:
    group_signatures.verify(updates()[name], group=GROUP, timestamp_ms=T, invitee=INVITEE)


@pytest.mark.parametrize("name", ["invite", "info", "members", "delete"])
def test_another_time_is_refused(name: str) -> None:
    with pytest.raises(group_signatures.GroupUpdateRefused) as caught:
        group_signatures.verify(updates()[name], group=GROUP, timestamp_ms=T + 1, invitee=INVITEE)
    assert caught.value.kind == "group_update.signature"


def test_invite_for_somebody_else_is_refused() -> None:
    with pytest.raises(group_signatures.GroupUpdateRefused):
        group_signatures.verify(updates()["invite"], group=None, timestamp_ms=T, invitee=OTHER)


@pytest.mark.parametrize("name", ["info", "members", "delete"])
def test_another_group_is_refused(name: str) -> None:
    other, _ = crypto.ed25519_from_seed(bytes(32))
    with pytest.raises(group_signatures.GroupUpdateRefused):
        group_signatures.verify(updates()[name], group=b"\x03" + other, timestamp_ms=T, invitee=INVITEE)
    with pytest.raises(group_signatures.GroupUpdateRefused) as caught:
        group_signatures.verify(updates()[name], group=None, timestamp_ms=T, invitee=INVITEE)
    assert caught.value.kind == "group_update.id"


@pytest.mark.parametrize("group_id", ["", "05" + PUBLIC.hex(), GROUP.hex()[:-2], "zz" * 33, " " + GROUP.hex()])
def test_invite_of_no_group_is_refused(group_id: str) -> None:
    invite = content.GroupInvite(group_id, "name", bytes(100), signed(group_signatures.invite_text(INVITEE, T)))
    with pytest.raises(group_signatures.GroupUpdateRefused) as caught:
        group_signatures.verify(invite, group=None, timestamp_ms=T, invitee=INVITEE)
    assert caught.value.kind == "group_update.id"


def test_empty_signature_of_a_deletion_is_refused_and_a_missing_one_passes() -> None:
    unsigned = content.GroupDeleteMemberContent((), ("h",))
    group_signatures.verify(unsigned, group=GROUP, timestamp_ms=T, invitee=INVITEE)
    with pytest.raises(group_signatures.GroupUpdateRefused):
        empty = content.GroupDeleteMemberContent((), ("h",), b"")
        group_signatures.verify(empty, group=GROUP, timestamp_ms=T, invitee=INVITEE)


@pytest.mark.parametrize(
    "update",
    [
        content.GroupPromote(Secret(bytes(32)), "name"),
        content.GroupMemberLeft(),
        content.GroupInviteResponse(),
        content.GroupMemberLeftNotification(),
        content.UnknownGroupUpdate(),
    ],
    ids=lambda update: type(update).__name__,
)
def test_updates_without_signature_pass(update: content.GroupUpdate) -> None:
    assert group_signatures.signed_text(update, timestamp_ms=T, invitee=INVITEE) is None
    group_signatures.verify(update, group=None, timestamp_ms=T, invitee=INVITEE)


def test_group_updates_survive_encoding() -> None:
    promote = content.GroupPromote(Secret(bytes(range(32))), "name")
    for update in (
        *updates().values(),
        promote,
        content.GroupMemberLeft(other_fields=b"\x08\x01"),
        content.GroupInviteResponse(),
    ):
        message = content.Content(content.DataMessage(group_update_message=content.GroupUpdateMessage(update)), T)
        read = content.decode(content.encode(message))
        assert read == message
        if isinstance(update, content.GroupPromote):
            assert isinstance(read.kind, content.DataMessage)
            assert read.kind.group_update_message is not None
            held = read.kind.group_update_message.update
            assert isinstance(held, content.GroupPromote)
            assert held.group_identity_seed.reveal() == bytes(range(32))


def test_first_of_several_updates_counts_and_unknown_ones_survive() -> None:
    left_and_more = bytes.fromhex("c20706" + "2a00" + "4200" + "4a00")
    data = b"\x0a" + bytes([len(left_and_more)]) + left_and_more
    read = content.decode(data)
    assert isinstance(read.kind, content.DataMessage)
    assert read.kind.group_update_message is not None
    assert isinstance(read.kind.group_update_message.update, content.GroupMemberLeft)
    assert content.encode(read) == data
    unknown = content.decode(bytes.fromhex("0a05c207024a00"))
    assert isinstance(unknown.kind, content.DataMessage)
    assert unknown.kind.group_update_message == content.GroupUpdateMessage(
        content.UnknownGroupUpdate(other_fields=b"\x4a\x00")
    )
    assert content.encode(unknown).hex() == "0a05c207024a00"
