"""Notices that media was saved or the screen was captured, 02.3.4 and 02.8.8."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.value import Value, keep, others


class DataExtractionType(IntEnum):
    """What the other side did."""

    SCREENSHOT = 1  # captured the conversation
    MEDIA_SAVED = 2  # saved an attachment


@dataclass(frozen=True, slots=True, repr=False)
class DataExtraction(Value):
    """timestamp: T (ms) of the message whose media was saved; receivers do not use it."""

    type: DataExtractionType
    timestamp: int | None = None


def to_wire(notice: DataExtraction) -> wire.DataExtractionNotification:
    """The protobuf message of a notice."""
    message = wire.DataExtractionNotification(type=notice.type.name, timestamp=notice.timestamp)
    return keep(message, notice.other_fields)


def from_wire(message: wire.DataExtractionNotification) -> DataExtraction:
    """The notice of a protobuf message."""
    return DataExtraction(
        type=DataExtractionType(message.type),
        timestamp=message.timestamp if message.HasField("timestamp") else None,
        other_fields=others(message, "type", "timestamp"),
    )
