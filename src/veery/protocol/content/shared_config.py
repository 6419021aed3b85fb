"""The legacy wrapper of configuration pushes, 02.3.4 and 07."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.value import Value, keep, others


class SharedConfigKind(IntEnum):
    """Which configuration is wrapped."""

    USER_PROFILE = 1  # name and picture
    CONTACTS = 2  # people
    CONVO_INFO_VOLATILE = 3  # read state
    USER_GROUPS = 4  # groups and communities


@dataclass(frozen=True, slots=True, repr=False)
class SharedConfig(Value):
    """A configuration message in the old wrapper."""

    kind: SharedConfigKind
    seqno: int
    data: bytes


def to_wire(config: SharedConfig) -> wire.SharedConfigMessage:
    """The protobuf message of a wrapped configuration."""
    message = wire.SharedConfigMessage(kind=config.kind.name, seqno=config.seqno, data=config.data)
    return keep(message, config.other_fields)


def from_wire(message: wire.SharedConfigMessage) -> SharedConfig:
    """The wrapped configuration of a protobuf message."""
    return SharedConfig(
        kind=SharedConfigKind(message.kind),
        seqno=message.seqno,
        data=message.data,
        other_fields=others(message, "kind", "seqno", "data"),
    )
