"""The contents of messages, version 1: typed values over the generated protobuf, 02.3.

`Content` holds one kind and what all kinds share; `encode` and `decode` turn it into bytes and back. One module a kind.
Unknown fields and unknown kinds survive reading and writing (see `value`). The names of fields and messages are the
book's, in the spelling of Python.
"""

from __future__ import annotations

from veery.protocol.content.attachment import AttachmentPointer
from veery.protocol.content.call import CallMessage, CallType
from veery.protocol.content.data_extraction import DataExtraction, DataExtractionType
from veery.protocol.content.data_message import EXPIRATION_TIMER_UPDATE, DataMessage
from veery.protocol.content.group_update import (
    GroupDeleteMemberContent,
    GroupInfoChange,
    GroupInvite,
    GroupInviteResponse,
    GroupMemberChange,
    GroupMemberLeft,
    GroupMemberLeftNotification,
    GroupPromote,
    GroupUpdate,
    GroupUpdateMessage,
    InfoChangeType,
    MemberChangeType,
    UnknownGroupUpdate,
)
from veery.protocol.content.invitation import CommunityInvitation
from veery.protocol.content.message import Content, ExpirationFields, ExpirationType, Kind, Unknown, decode, encode
from veery.protocol.content.preview import Preview
from veery.protocol.content.pro import ProMessage, ProProof
from veery.protocol.content.profile import Profile
from veery.protocol.content.quote import Quote
from veery.protocol.content.reaction import Reaction, ReactionAction
from veery.protocol.content.receipt import ReceiptMessage, ReceiptType
from veery.protocol.content.request_response import MessageRequestResponse
from veery.protocol.content.shared_config import SharedConfig, SharedConfigKind
from veery.protocol.content.typing_message import TypingAction, TypingMessage
from veery.protocol.content.unsend import UnsendRequest
from veery.protocol.content.value import ContentMalformed

__all__ = [
    "EXPIRATION_TIMER_UPDATE",
    "AttachmentPointer",
    "CallMessage",
    "CallType",
    "CommunityInvitation",
    "Content",
    "ContentMalformed",
    "DataExtraction",
    "DataExtractionType",
    "DataMessage",
    "ExpirationFields",
    "ExpirationType",
    "GroupDeleteMemberContent",
    "GroupInfoChange",
    "GroupInvite",
    "GroupInviteResponse",
    "GroupMemberChange",
    "GroupMemberLeft",
    "GroupMemberLeftNotification",
    "GroupPromote",
    "GroupUpdate",
    "GroupUpdateMessage",
    "InfoChangeType",
    "Kind",
    "MemberChangeType",
    "MessageRequestResponse",
    "Preview",
    "ProMessage",
    "ProProof",
    "Profile",
    "Quote",
    "Reaction",
    "ReactionAction",
    "ReceiptMessage",
    "ReceiptType",
    "SharedConfig",
    "SharedConfigKind",
    "TypingAction",
    "TypingMessage",
    "Unknown",
    "UnknownGroupUpdate",
    "UnsendRequest",
    "decode",
    "encode",
]
