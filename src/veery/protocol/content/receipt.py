"""Read receipts, 02.3.4 and 02.7.6."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.value import Value, bounded, keep, others


class ReceiptType(IntEnum):
    """What happened to the messages."""

    DELIVERY = 0  # legacy, ignored
    READ = 1  # their reader has seen them


@dataclass(frozen=True, slots=True, repr=False)
class ReceiptMessage(Value):
    """timestamp: T (ms) of each message that was read."""

    type: ReceiptType = ReceiptType.READ
    timestamp: tuple[int, ...] = ()


def to_wire(receipt: ReceiptMessage) -> wire.ReceiptMessage:
    """The protobuf message of a receipt."""
    return keep(wire.ReceiptMessage(type=receipt.type.name, timestamp=receipt.timestamp), receipt.other_fields)


def from_wire(message: wire.ReceiptMessage) -> ReceiptMessage:
    """The receipt of a protobuf message. Raises ContentMalformed."""
    return ReceiptMessage(
        type=ReceiptType(message.type),
        timestamp=tuple(bounded(message.timestamp)),
        other_fields=others(message, "type", "timestamp"),
    )
