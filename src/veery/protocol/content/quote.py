"""Replies: which message is quoted, 02.3.3. The quoted text is looked up by the receiver, never taken from the wire."""

from __future__ import annotations

from dataclasses import dataclass

from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.value import Value, keep, others, text


@dataclass(frozen=True, slots=True, repr=False)
class Quote(Value):
    """id: timestamp T (ms) of the quoted message; author: its author's Account ID, or blinded id in a community.

    The legacy text and attachments are in `other_fields`.
    """

    id: int
    author: str


def to_wire(quote: Quote) -> wire.DataMessage.Quote:
    """The protobuf message of a quote."""
    return keep(wire.DataMessage.Quote(id=quote.id, author=quote.author), quote.other_fields)


def from_wire(message: wire.DataMessage.Quote) -> Quote:
    """The quote of a protobuf message. Raises ContentMalformed."""
    return Quote(id=message.id, author=text(message.author), other_fields=others(message, "id", "author"))
