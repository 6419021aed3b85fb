"""The checks of received messages, each alone, and their order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from veery.protocol import content, crypto, receive_rules
from veery.protocol.content import group_signatures
from veery.protocol.receive_rules import Dropped, DropReason, Known, Received
from veery.secret import Secret

T = 1_774_990_800_123
OWN = b"\x05" + bytes([1]) * 32
BOB = b"\x05" + bytes([2]) * 32
CAROL = b"\x05" + bytes([3]) * 32
GROUP_KEY, GROUP_SECRET = crypto.ed25519_from_seed(bytes(range(32)))
GROUP = b"\x03" + GROUP_KEY
MINUTES_2 = 120_000
OLD = Known(contacts_config_ms=T + MINUTES_2, profile_config_ms=T + MINUTES_2)


def message(kind: content.Kind, sender: bytes = BOB, *, group: bytes | None = None) -> Received:
    return Received(content.Content(kind, T), sender, T, group)


def text(sync_target: str | None = None) -> content.DataMessage:
    return content.DataMessage(body="hi", sync_target=sync_target)


def update(change: content.GroupUpdate) -> content.DataMessage:
    return content.DataMessage(group_update_message=content.GroupUpdateMessage(change))


def reason(received: Received, known: Known | None = None) -> DropReason | None:
    try:
        receive_rules.check(received, OWN, known or Known())
    except Dropped as dropped:
        assert dropped.kind == f"receive.{dropped.reason.value}"
        return dropped.reason
    return None


# -- timestamps ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("envelope_ms", "signed_ms", "community", "accepted"),
    [
        (T, T, False, True),
        (T, T + 1, False, False),
        (T, T - 1, False, False),
        (T, None, False, True),
        (T, 0, False, True),
        (0, T, False, True),
        (T, T + 21_600_000, True, True),
        (T, T - 21_600_000, True, True),
        (T, T + 21_600_001, True, False),
        (T, T - 21_600_001, True, False),
        (T, None, True, True),
    ],
)
def test_timestamps(envelope_ms: int, signed_ms: int | None, community: bool, accepted: bool) -> None:
    assert receive_rules.accept_timestamps(envelope_ms, signed_ms, community=community) is accepted
    received = Received(content.Content(text(), signed_ms), BOB, envelope_ms, community=community)
    assert reason(received) is (None if accepted else DropReason.TIMESTAMPS)


# -- blocked authors -------------------------------------------------------------------------------------------

LEFT = update(content.GroupMemberLeft())
PROMOTE = update(content.GroupPromote(Secret(bytes(32)), "name"))


@pytest.mark.parametrize(
    ("received", "known", "passes"),
    [
        (message(text()), Known(author_blocked=True), False),
        (message(text()), Known(author_blocked=True, conversation_exists=True, group_open=True), False),
        (message(text(), group=GROUP), Known(author_blocked=True, group_open=True), False),
        (message(LEFT, group=GROUP), Known(author_blocked=True, group_open=True), True),
        (message(LEFT, group=GROUP), Known(author_blocked=True, conversation_exists=True), False),
        (message(PROMOTE), Known(author_blocked=True, conversation_exists=True), True),
        (message(PROMOTE), Known(author_blocked=True), False),
    ],
)
def test_blocked_authors(received: Received, known: Known, passes: bool) -> None:
    assert reason(received, known) is (None if passes else DropReason.BLOCKED)


# -- older than the configuration ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("received", "known", "passes"),
    [
        (message(text()), OLD, False),
        (message(text()), replace(OLD, contact_shown=True), True),
        (message(text()), Known(contacts_config_ms=T + MINUTES_2 - 1), True),
        (message(text()), Known(profile_config_ms=T + MINUTES_2), True),
        (message(text()), Known(), True),
        (message(content.TypingMessage(T, content.TypingAction.STARTED)), OLD, False),
        (message(text(), group=GROUP), OLD, True),
        (message(text(OWN.hex()), OWN), OLD, True),
        (message(text(OWN.hex()), OWN), replace(OLD, note_to_self_shown=False), False),
        (message(text(), OWN), replace(OLD, note_to_self_shown=False), False),
        (message(text(OWN.hex()), OWN), replace(OLD, note_to_self_shown=False, profile_config_ms=None), True),
        (message(text(BOB.hex()), OWN), OLD, False),
        (message(text(BOB.hex()), OWN), replace(OLD, contact_shown=True, note_to_self_shown=False), True),
        (message(content.UnsendRequest(5, OWN.hex()), OWN), replace(OLD, note_to_self_shown=False), True),
    ],
)
def test_messages_of_deleted_conversations_do_not_come_back(received: Received, known: Known, passes: bool) -> None:
    assert reason(received, known) is (None if passes else DropReason.OLDER_THAN_CONFIG)


# -- syncTarget ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sender", "target", "expected", "conversation"),
    [
        (OWN, None, None, OWN),
        (OWN, "", None, OWN),
        (OWN, OWN.hex(), None, OWN),
        (OWN, BOB.hex(), None, BOB),
        (OWN, BOB.hex().upper(), None, BOB),
        (BOB, None, None, BOB),
        (BOB, CAROL.hex(), DropReason.FOREIGN_SYNC_TARGET, BOB),
        (BOB, BOB.hex(), DropReason.FOREIGN_SYNC_TARGET, BOB),
        (OWN, "__textsecure_group__!05ab", DropReason.DEAD_SYNC_TARGET, OWN),
        (OWN, "15" + "ab" * 32, DropReason.WRONG_SYNC_TARGET, OWN),
        (OWN, "05" + "ab" * 31, DropReason.WRONG_SYNC_TARGET, OWN),
        (OWN, "05 " + "ab" * 32, DropReason.WRONG_SYNC_TARGET, OWN),
    ],
)
def test_sync_target(sender: bytes, target: str | None, expected: DropReason | None, conversation: bytes) -> None:
    received = message(text(target), sender)
    assert reason(received) is expected
    assert receive_rules.conversation_of(received, OWN) == conversation


def test_conversation_of_a_group_message_is_the_group() -> None:
    assert receive_rules.conversation_of(message(text(), group=GROUP), OWN) == GROUP
    assert receive_rules.conversation_of(message(content.ReceiptMessage()), OWN) == BOB


# -- flags and attachments -------------------------------------------------------------------------------------

MANY = (content.AttachmentPointer(),) * 33


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (content.DataMessage(flags=None), None),
        (content.DataMessage(flags=0), None),
        (content.DataMessage(flags=2), None),
        (content.DataMessage(flags=1), DropReason.FLAGS),
        (content.DataMessage(flags=3), DropReason.FLAGS),
        (content.DataMessage(flags=4), DropReason.FLAGS),
        (content.DataMessage(attachments=MANY[:32]), None),
        (content.DataMessage(attachments=MANY), DropReason.ATTACHMENTS),
        (content.DataMessage(flags=2, attachments=MANY), None),
        (content.DataMessage(flags=1, attachments=MANY), DropReason.FLAGS),
    ],
)
def test_flags_and_attachments(data: content.DataMessage, expected: DropReason | None) -> None:
    assert reason(message(data)) is expected


# -- kinds -----------------------------------------------------------------------------------------------------


def call(
    kind: content.CallType, *, uuid: str = "u", sdps: int = 0, indexes: int = 0, mids: int = 0
) -> content.CallMessage:
    return content.CallMessage(kind, uuid, ("sdp",) * sdps, (0,) * indexes, ("0",) * mids)


ICE = content.CallType.ICE_CANDIDATES


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (content.TypingMessage(T, content.TypingAction.STOPPED), None),
        (content.TypingMessage(T + 1, content.TypingAction.STARTED), DropReason.TYPING_TIMESTAMP),
        (content.UnsendRequest(5, BOB.hex()), None),
        (content.UnsendRequest(5, BOB.hex().upper()), None),
        (content.UnsendRequest(5, CAROL.hex()), DropReason.UNSEND_AUTHOR),
        (content.UnsendRequest(5, ""), DropReason.UNSEND_AUTHOR),
        (content.MessageRequestResponse(), None),
        (content.MessageRequestResponse(is_approved=False), DropReason.NOT_APPROVED),
        (content.ReceiptMessage(timestamp=(1,)), None),
        (content.ReceiptMessage(content.ReceiptType.DELIVERY, (1,)), DropReason.NO_EFFECT),
        (content.DataExtraction(content.DataExtractionType.SCREENSHOT), None),
        (content.SharedConfig(content.SharedConfigKind.CONTACTS, 1, b""), DropReason.NO_EFFECT),
        (content.Unknown(), DropReason.NO_EFFECT),
        (call(content.CallType.PRE_OFFER), None),
        (call(content.CallType.END_CALL), None),
        (call(content.CallType.OFFER, sdps=1), None),
        (call(content.CallType.OFFER), DropReason.CALL_SDP),
        (call(content.CallType.ANSWER), DropReason.CALL_SDP),
        (call(content.CallType.END_CALL, uuid=""), DropReason.CALL_UUID),
        (content.CallMessage(content.CallType.OFFER, "u", ("x" * 65_536,)), None),
        (content.CallMessage(content.CallType.OFFER, "u", ("x" * 65_537,)), DropReason.CALL_SDP),
        (call(ICE, sdps=100, indexes=100, mids=100), None),
        (call(ICE, sdps=101, indexes=101, mids=101), DropReason.CALL_CANDIDATES),
        (call(ICE, sdps=2, indexes=1, mids=2), DropReason.CALL_CANDIDATES),
        (call(ICE, sdps=2, indexes=2, mids=1), DropReason.CALL_CANDIDATES),
        (call(ICE), DropReason.CALL_SDP),
    ],
)
def test_kinds(kind: content.Kind, expected: DropReason | None) -> None:
    assert reason(message(kind)) is expected


# -- group updates ---------------------------------------------------------------------------------------------


def invite(*, group: bytes = GROUP, invitee: bytes = OWN, time: int = T, auth: int = 100) -> content.GroupInvite:
    signature = crypto.ed25519_sign(GROUP_SECRET, group_signatures.invite_text(invitee.hex(), time))
    return content.GroupInvite(group.hex(), "name", bytes(auth), signature)


def members(time: int = T) -> content.GroupMemberChange:
    text_of = group_signatures.member_change_text(content.MemberChangeType.ADDED, time)
    return content.GroupMemberChange(content.MemberChangeType.ADDED, crypto.ed25519_sign(GROUP_SECRET, text_of))


@pytest.mark.parametrize(
    ("change", "group", "expected"),
    [
        (invite(), None, None),
        (invite(), GROUP, DropReason.GROUP_UPDATE_PLACE),
        (invite(invitee=CAROL), None, DropReason.GROUP_UPDATE_SIGNATURE),
        (invite(time=T + 1), None, DropReason.GROUP_UPDATE_SIGNATURE),
        (invite(group=BOB), None, DropReason.GROUP_UPDATE_FORM),
        (invite(auth=99), None, DropReason.GROUP_UPDATE_FORM),
        (members(), GROUP, None),
        (members(T - 1), GROUP, DropReason.GROUP_UPDATE_SIGNATURE),
        (members(), b"\x03" + OWN[1:], DropReason.GROUP_UPDATE_SIGNATURE),
        (members(), None, DropReason.GROUP_UPDATE_PLACE),
        (content.GroupPromote(Secret(bytes(32)), "n"), None, None),
        (content.GroupPromote(Secret(bytes(31)), "n"), None, DropReason.GROUP_UPDATE_FORM),
        (content.GroupPromote(Secret(bytes(32)), "n"), GROUP, DropReason.GROUP_UPDATE_PLACE),
        (content.GroupMemberLeft(), GROUP, None),
        (content.GroupDeleteMemberContent((), ("h",)), GROUP, None),
        (content.GroupDeleteMemberContent((), ("h",), bytes(64)), GROUP, DropReason.GROUP_UPDATE_SIGNATURE),
    ],
)
def test_group_updates(change: content.GroupUpdate, group: bytes | None, expected: DropReason | None) -> None:
    assert reason(message(update(change), group=group)) is expected


def test_communities_know_no_group_updates() -> None:
    received = Received(content.Content(update(invite()), T), BOB, T, community=True)
    assert reason(received) is DropReason.GROUP_UPDATE_PLACE


# -- duplicates and order --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "stored"),
    [
        (text(), True),
        (content.DataMessage(flags=2), True),
        (content.DataMessage(reaction=content.Reaction(1, BOB.hex(), "x")), False),
        (content.DataExtraction(content.DataExtractionType.MEDIA_SAVED), True),
        (content.TypingMessage(T, content.TypingAction.STARTED), False),
        (content.UnsendRequest(5, BOB.hex()), False),
    ],
)
def test_duplicates_of_stored_messages_are_dropped(kind: content.Kind, stored: bool) -> None:
    assert receive_rules.is_stored(content.Content(kind)) is stored
    assert reason(message(kind), Known(duplicate=True)) is (DropReason.DUPLICATE if stored else None)


def test_order_of_the_checks() -> None:
    everything = replace(OLD, author_blocked=True, duplicate=True)
    data = content.DataMessage(sync_target=CAROL.hex(), flags=1)
    wrong_time = Received(content.Content(data, T + 1), BOB, T)
    assert reason(wrong_time, everything) is DropReason.TIMESTAMPS
    assert reason(message(data), everything) is DropReason.BLOCKED
    assert reason(message(data), replace(everything, author_blocked=False)) is DropReason.OLDER_THAN_CONFIG
    current = Known(duplicate=True)
    assert reason(message(data), current) is DropReason.FOREIGN_SYNC_TARGET
    assert reason(message(replace(data, sync_target=None)), current) is DropReason.FLAGS
    assert reason(message(replace(data, sync_target=None, flags=0)), current) is DropReason.DUPLICATE


def test_printing_shows_no_names() -> None:
    assert repr(message(text(), group=GROUP)) == f"Received(timestamp={T}, community=False)"
