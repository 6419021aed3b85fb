"""Typing indicators, 02.3.4 and 02.7.7."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.value import Value, keep, others


class TypingAction(IntEnum):
    """What the sender does."""

    STARTED = 0  # keys are being pressed
    STOPPED = 1  # none for ten seconds


@dataclass(frozen=True, slots=True, repr=False)
class TypingMessage(Value):
    """timestamp: T (ms) of this very message; another one drops it."""

    timestamp: int
    action: TypingAction


def to_wire(typing: TypingMessage) -> wire.TypingMessage:
    """The protobuf message of a typing indicator."""
    return keep(wire.TypingMessage(timestamp=typing.timestamp, action=typing.action.name), typing.other_fields)


def from_wire(message: wire.TypingMessage) -> TypingMessage:
    """The typing indicator of a protobuf message."""
    return TypingMessage(
        timestamp=message.timestamp,
        action=TypingAction(message.action),
        other_fields=others(message, "timestamp", "action"),
    )
