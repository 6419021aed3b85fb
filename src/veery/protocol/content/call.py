"""Call signalling: offers, answers and candidates on their way between two clients, 02.3.4 and 11.2."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.value import Value, bounded, keep, others, text, texts


class CallType(IntEnum):
    """What a call message says."""

    OFFER = 1  # a session description to be answered
    ANSWER = 2  # the call is accepted
    PROVISIONAL_ANSWER = 3  # never sent; ignored
    ICE_CANDIDATES = 4  # ways to reach the sender
    END_CALL = 5  # hang up, decline, busy
    PRE_OFFER = 6  # wakes the other device


@dataclass(frozen=True, slots=True, repr=False)
class CallMessage(Value):
    """uuid: of the call, chosen by the caller, never empty. For ICE_CANDIDATES the three lists are parallel.

    Reading checks none of this; `receive_rules.check_call` does.
    """

    type: CallType
    uuid: str
    sdps: tuple[str, ...] = ()
    sdp_m_line_indexes: tuple[int, ...] = ()
    sdp_mids: tuple[str, ...] = ()


def to_wire(call: CallMessage) -> wire.CallMessage:
    """The protobuf message of a call message."""
    message = wire.CallMessage(
        type=call.type.name,
        sdps=call.sdps,
        sdpMLineIndexes=call.sdp_m_line_indexes,
        sdpMids=call.sdp_mids,
        uuid=call.uuid,
    )
    return keep(message, call.other_fields)


def from_wire(message: wire.CallMessage) -> CallMessage:
    """The call message of a protobuf message. Raises ContentMalformed."""
    return CallMessage(
        type=CallType(message.type),
        uuid=text(message.uuid),
        sdps=texts(message.sdps),
        sdp_m_line_indexes=tuple(bounded(message.sdpMLineIndexes)),
        sdp_mids=texts(message.sdpMids),
        other_fields=others(message, "type", "sdps", "sdpMLineIndexes", "sdpMids", "uuid"),
    )
