"""Requests to delete one's own message everywhere, 02.3.4 and 02.8.3."""

from __future__ import annotations

from dataclasses import dataclass

from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.value import Value, keep, others, text


@dataclass(frozen=True, slots=True, repr=False)
class UnsendRequest(Value):
    """timestamp: T (ms) of the target; author: Account ID of its author, who must be the sender of this request."""

    timestamp: int
    author: str


def to_wire(request: UnsendRequest) -> wire.UnsendRequest:
    """The protobuf message of a request."""
    return keep(wire.UnsendRequest(timestamp=request.timestamp, author=request.author), request.other_fields)


def from_wire(message: wire.UnsendRequest) -> UnsendRequest:
    """The request of a protobuf message. Raises ContentMalformed."""
    return UnsendRequest(
        timestamp=message.timestamp,
        author=text(message.author),
        other_fields=others(message, "timestamp", "author"),
    )
