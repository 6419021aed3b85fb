"""Answers to message requests, 02.3.4 and 02.8.6."""

from __future__ import annotations

from dataclasses import dataclass

from veery.protocol.content import profile
from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.profile import Profile
from veery.protocol.content.value import Value, keep, others


@dataclass(frozen=True, slots=True, repr=False)
class MessageRequestResponse(Value):
    """is_approved: only True is ever sent; profile_key: 32 bytes, together with a picture URL in the profile."""

    is_approved: bool = True
    profile_key: bytes | None = None
    profile: Profile | None = None


def to_wire(response: MessageRequestResponse) -> wire.MessageRequestResponse:
    """The protobuf message of a response."""
    message = wire.MessageRequestResponse(
        isApproved=response.is_approved,
        profileKey=response.profile_key,
        profile=None if response.profile is None else profile.to_wire(response.profile),
    )
    return keep(message, response.other_fields)


def from_wire(message: wire.MessageRequestResponse) -> MessageRequestResponse:
    """The response of a protobuf message. Raises ContentMalformed."""
    return MessageRequestResponse(
        is_approved=message.isApproved,
        profile_key=message.profileKey if message.HasField("profileKey") else None,
        profile=profile.from_wire(message.profile) if message.HasField("profile") else None,
        other_fields=others(message, "isApproved", "profileKey", "profile"),
    )
