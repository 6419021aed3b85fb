"""Invitations to a community room, 02.3.3."""

from __future__ import annotations

from dataclasses import dataclass

from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.value import Value, keep, others, text


@dataclass(frozen=True, slots=True, repr=False)
class CommunityInvitation(Value):
    """url: full URL of the room with its public key; name: of the room. Ignored unless both are non-empty."""

    url: str
    name: str


def to_wire(invitation: CommunityInvitation) -> wire.DataMessage.CommunityInvitation:
    """The protobuf message of an invitation."""
    message = wire.DataMessage.CommunityInvitation(url=invitation.url, name=invitation.name)
    return keep(message, invitation.other_fields)


def from_wire(message: wire.DataMessage.CommunityInvitation) -> CommunityInvitation:
    """The invitation of a protobuf message. Raises ContentMalformed."""
    return CommunityInvitation(
        url=text(message.url), name=text(message.name), other_fields=others(message, "url", "name")
    )
