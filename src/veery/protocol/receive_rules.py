"""Whether an opened message is applied: the checks of 02.5.2 in their order, and what 02.10 refuses of each kind.

The caller looks up what its device knows (`Known`) about the author and about the conversation that `conversation_of`
names, then calls `check`. A message that must not be applied raises `Dropped` with one `DropReason`; such a message
counts as seen, and the others go on.

Old messages and new devices: a device that starts from its synchronised configuration reads up to 14 days of messages
of conversations that were deleted since. A message stored well before the newest configuration message is dropped when
that configuration no longer shows its conversation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from veery.errors import Rejected
from veery.protocol.constants import (
    ACCOUNT_ID_HEX,
    ATTACHMENTS_MAX,
    CALL_CANDIDATES_MAX,
    CALL_SDP_MAX,
    COMMUNITY_TIMESTAMP_SLACK_MS,
    CONFIG_OLDER_SLACK_MS,
    KEY_SIZE,
    LEGACY_GROUP_TARGET,
    MEMBER_AUTH_SIZE,
    PREFIX_USER,
)
from veery.protocol.content import (
    EXPIRATION_TIMER_UPDATE,
    CallMessage,
    CallType,
    Content,
    DataExtraction,
    DataMessage,
    GroupInvite,
    GroupPromote,
    GroupUpdate,
    MessageRequestResponse,
    ReceiptMessage,
    ReceiptType,
    SharedConfig,
    TypingMessage,
    Unknown,
    UnsendRequest,
    group_signatures,
)

_ACCOUNT_ID: Final = re.compile(rf"{PREFIX_USER:02x}[0-9a-fA-F]{{{ACCOUNT_ID_HEX - 2}}}")
_WITHOUT_SDP: Final = (CallType.END_CALL, CallType.PRE_OFFER)


class DropReason(Enum):
    """Why a message is not applied."""

    TIMESTAMPS = "timestamps"  # Envelope and Content name different times
    BLOCKED = "blocked"  # its author is blocked
    OLDER_THAN_CONFIG = "older_than_config"  # its conversation was deleted or hidden since
    FOREIGN_SYNC_TARGET = "foreign_sync_target"  # somebody else pretends to be another own device
    DEAD_SYNC_TARGET = "dead_sync_target"  # a sync message of a legacy group
    WRONG_SYNC_TARGET = "wrong_sync_target"  # a sync message for something that is no Account ID
    FLAGS = "flags"  # flags that nobody knows
    ATTACHMENTS = "attachments"  # too many of them
    NO_EFFECT = "no_effect"  # an unknown kind, or one that nobody handles any more
    TYPING_TIMESTAMP = "typing_timestamp"  # a typing indicator with another message's time
    UNSEND_AUTHOR = "unsend_author"  # asks to delete a message of somebody else
    NOT_APPROVED = "not_approved"  # a message request response that approves nothing
    CALL_UUID = "call_uuid"  # a call without its name
    CALL_SDP = "call_sdp"  # descriptions are missing or too large
    CALL_CANDIDATES = "call_candidates"  # three lists of different lengths, or too many candidates
    GROUP_UPDATE_PLACE = "group_update_place"  # belongs into the group, or must come one-to-one
    GROUP_UPDATE_FORM = "group_update_form"  # an id, seed or credential of a wrong size
    GROUP_UPDATE_SIGNATURE = "group_update_signature"  # no admin has signed it
    DUPLICATE = "duplicate"  # a message of this author with this time is stored


class Dropped(Rejected):
    """The message was read and must not be applied. `reason` says why; `kind` is `receive.<reason>`."""

    default_kind = "receive"

    def __init__(self, reason: DropReason) -> None:
        super().__init__(f"the message is dropped: {reason.value.replace('_', ' ')}", kind=f"receive.{reason.value}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Received:
    """An opened message. sender: proved author, 33 raw bytes; timestamp: T of the Envelope, ms; in a community the
    server's time. group: raw id (33 bytes) of the group whose swarm held it.
    """

    content: Content = field(repr=False)
    sender: bytes = field(repr=False)
    timestamp: int
    group: bytes | None = field(default=None, repr=False)
    community: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What the receiving device knows when the message arrives; the defaults are those of a device that knows nothing.

    author_blocked: the sender is blocked; group_open: the group is known and not blocked; conversation_exists,
    contact_shown (in the Contacts config with priority 0 or more) and note_to_self_shown speak of the conversation that
    `conversation_of` names. contacts_config_ms, profile_config_ms: newest storage time of a merged config message of
    that type, None = none was merged. duplicate: a message of the same author with the same T is stored.
    """

    author_blocked: bool = False
    group_open: bool = False
    conversation_exists: bool = False
    contact_shown: bool = False
    note_to_self_shown: bool = True
    contacts_config_ms: int | None = None
    profile_config_ms: int | None = None
    duplicate: bool = False


def check(received: Received, own: bytes, known: Known) -> None:
    """Pass a message, or raise Dropped with the first reason against it. own: Account ID of the receiver, 33 bytes."""
    if not accept_timestamps(received.timestamp, received.content.timestamp, community=received.community):
        raise Dropped(DropReason.TIMESTAMPS)
    if known.author_blocked and not _passes_block(received, known):
        raise Dropped(DropReason.BLOCKED)
    if _is_outdated(received, own, known):
        raise Dropped(DropReason.OLDER_THAN_CONFIG)
    _check_sync_target(received, own)
    _check_kind(received, own)
    if known.duplicate and is_stored(received.content):
        raise Dropped(DropReason.DUPLICATE)


def accept_timestamps(envelope_ms: int, signed_ms: int | None, *, community: bool) -> bool:
    """Whether the times of Envelope (in communities: of the server) and Content agree.

    They are equal; in communities at most six hours apart. A missing time, or 0, agrees with any.
    """
    if not envelope_ms or not signed_ms:
        return True
    return abs(envelope_ms - signed_ms) <= (COMMUNITY_TIMESTAMP_SLACK_MS if community else 0)


def conversation_of(received: Received, own: bytes) -> bytes:
    """Raw id of the conversation of a message: its group, the syncTarget of an own message, else the sender."""
    if received.group is not None:
        return received.group
    target = _sync_target(received.content)
    if target and received.sender == own and _ACCOUNT_ID.fullmatch(target):
        return bytes.fromhex(target)
    return received.sender


def is_stored(content: Content) -> bool:
    """Whether a message of this kind is kept as a message, so that a second one with its author and T is a duplicate.

    Reactions change another message and are not kept, 02.7.3.
    """
    kind = content.kind
    return isinstance(kind, DataExtraction) or (isinstance(kind, DataMessage) and kind.reaction is None)


def check_call(call: CallMessage) -> None:
    """Refuse calls that no client could take part in, 02.3.4 and 11.9. Raises Dropped."""
    if not call.uuid:
        raise Dropped(DropReason.CALL_UUID)
    if not call.sdps and call.type not in _WITHOUT_SDP:
        raise Dropped(DropReason.CALL_SDP)
    if any(len(sdp.encode()) > CALL_SDP_MAX for sdp in call.sdps):
        raise Dropped(DropReason.CALL_SDP)
    if call.type is CallType.ICE_CANDIDATES:
        lengths = {len(call.sdps), len(call.sdp_m_line_indexes), len(call.sdp_mids)}
        if len(lengths) != 1 or len(call.sdps) > CALL_CANDIDATES_MAX:
            raise Dropped(DropReason.CALL_CANDIDATES)


# -- the single checks -----------------------------------------------------------------------------------------


def _sync_target(content: Content) -> str | None:
    return content.kind.sync_target if isinstance(content.kind, DataMessage) else None


def _group_update(content: Content) -> GroupUpdate | None:
    if not isinstance(content.kind, DataMessage) or content.kind.group_update_message is None:
        return None
    return content.kind.group_update_message.update


def _passes_block(received: Received, known: Known) -> bool:
    update = _group_update(received.content)
    if received.group is not None:
        return known.group_open and update is not None
    return isinstance(update, GroupPromote) and known.conversation_exists


def _is_outdated(received: Received, own: bytes, known: Known) -> bool:
    if received.group is not None or received.community:
        return False
    if received.sender == own and not isinstance(received.content.kind, DataMessage):
        return False  # speaks of messages in other conversations, and makes none appear
    if conversation_of(received, own) == own:
        shown, stored_ms = known.note_to_self_shown, known.profile_config_ms
    else:
        shown, stored_ms = known.contact_shown, known.contacts_config_ms
    return not shown and stored_ms is not None and received.timestamp <= stored_ms - CONFIG_OLDER_SLACK_MS


def _check_sync_target(received: Received, own: bytes) -> None:
    target = _sync_target(received.content)
    if not target:
        return
    if received.sender != own:
        raise Dropped(DropReason.FOREIGN_SYNC_TARGET)
    if target.startswith(LEGACY_GROUP_TARGET):
        raise Dropped(DropReason.DEAD_SYNC_TARGET)
    if not _ACCOUNT_ID.fullmatch(target):
        raise Dropped(DropReason.WRONG_SYNC_TARGET)


def _check_kind(received: Received, own: bytes) -> None:
    match received.content.kind:
        case DataMessage() as data:
            _check_data(data, received, own)
        case TypingMessage() as typing if typing.timestamp != received.timestamp:
            raise Dropped(DropReason.TYPING_TIMESTAMP)
        case UnsendRequest() as unsend if unsend.author.lower() != received.sender.hex():
            raise Dropped(DropReason.UNSEND_AUTHOR)
        case MessageRequestResponse() as response if not response.is_approved:
            raise Dropped(DropReason.NOT_APPROVED)
        case CallMessage() as call:
            check_call(call)
        case ReceiptMessage() as receipt if receipt.type is ReceiptType.DELIVERY:
            raise Dropped(DropReason.NO_EFFECT)
        case SharedConfig() | Unknown():
            raise Dropped(DropReason.NO_EFFECT)
        case _:
            pass


def _check_data(data: DataMessage, received: Received, own: bytes) -> None:
    update = _group_update(received.content)
    if update is not None:
        _check_group_update(update, received, own)
        return
    if data.flags not in (None, 0, EXPIRATION_TIMER_UPDATE):
        raise Dropped(DropReason.FLAGS)
    if len(data.attachments) > ATTACHMENTS_MAX and not data.is_timer_update:
        raise Dropped(DropReason.ATTACHMENTS)


def _check_group_update(update: GroupUpdate, received: Received, own: bytes) -> None:
    one_to_one = received.group is None and not received.community
    if one_to_one != isinstance(update, GroupInvite | GroupPromote) or received.community:
        raise Dropped(DropReason.GROUP_UPDATE_PLACE)
    wrong_invite = isinstance(update, GroupInvite) and len(update.member_auth_data) != MEMBER_AUTH_SIZE
    wrong_promote = isinstance(update, GroupPromote) and len(update.group_identity_seed) != KEY_SIZE
    if wrong_invite or wrong_promote:
        raise Dropped(DropReason.GROUP_UPDATE_FORM)
    try:
        group_signatures.verify(update, group=received.group, timestamp_ms=received.timestamp, invitee=own.hex())
    except group_signatures.GroupUpdateRefused as refused:
        wrong_id = refused.kind == "group_update.id"
        raise Dropped(DropReason.GROUP_UPDATE_FORM if wrong_id else DropReason.GROUP_UPDATE_SIGNATURE) from refused
