"""One hop to the next (03.3.1): the message `sn.onion_request` of the node queue, and its reply.

The request is one part, a bencoded dict with the keys `data`, `enc_type`, `ephemeral_key`, `hop_no`; the reply is the
status in decimal and the body. Codes outside of the known set become 500 and keep their body, so that no hop can make
a client see a code that the chapter does not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from veery.protocol import bt
from veery.protocol.constants import KEY_SIZE, ONION_HOP_LIMIT
from veery.protocol.onion.encryption import EncType, EncTypeUnknown
from veery.protocol.onion.frames import Layer
from veery.protocol.onion.refusals import HopReplyUnreadable, HopRequestUnreadable, PathTooLong, passed_code


@dataclass(frozen=True, slots=True)
class HopReply:
    """What a hop answers to the hop before it: HTTP status and body."""

    code: int
    body: bytes = field(repr=False)


def encode_hop_request(layer: Layer) -> bytes:
    """The message part that passes `layer` on; `layer.hop_no` is the receiver's number."""
    return bt.encode(
        {
            b"data": layer.blob,
            b"enc_type": layer.enc_type.value,
            b"ephemeral_key": layer.ephemeral_key,
            b"hop_no": layer.hop_no,
        }
    )


def read_hop_request(parts: Sequence[bytes]) -> Layer:
    """Read the parts of a request. Raises HopRequestUnreadable, PathTooLong (number above 15)."""
    if len(parts) != 1:
        raise HopRequestUnreadable(f"expected 1 message part, received {len(parts)}")
    try:
        found = bt.decode_dict(parts[0])
        layer = Layer(_bytes(found, b"data"), _key(found), _enc_type(found), _hop_no(found))
    except (bt.BtMalformed, EncTypeUnknown) as error:
        raise HopRequestUnreadable(error.message) from None
    if layer.hop_no > ONION_HOP_LIMIT:
        raise PathTooLong
    return layer


def encode_hop_reply(code: int, body: bytes) -> tuple[bytes, bytes]:
    """The two message parts of a reply; codes that relays do not pass on become 500."""
    return b"%d" % passed_code(code), body


def read_hop_reply(parts: Sequence[bytes]) -> HopReply:
    """Read the parts of a reply. Raises HopReplyUnreadable for fewer than two; more are ignored.

    A status that is no number, or not in the known set, is read as 500.
    """
    if len(parts) < 2:
        raise HopReplyUnreadable
    status = parts[0]
    return HopReply(passed_code(int(status)) if len(status) == 3 and status.isdigit() else 500, parts[1])


def _bytes(found: dict[bytes, bt.Value], name: bytes) -> bytes:
    value = found.get(name)
    if not isinstance(value, bytes):
        raise HopRequestUnreadable(f"{name.decode()} is missing or not a string")
    return value


def _key(found: dict[bytes, bt.Value]) -> bytes:
    key = _bytes(found, b"ephemeral_key")
    if len(key) != KEY_SIZE:
        raise HopRequestUnreadable(f"ephemeral_key must be {KEY_SIZE} bytes")
    return key


def _enc_type(found: dict[bytes, bt.Value]) -> EncType:
    if b"enc_type" not in found:
        return EncType.AES_GCM
    return EncType.named(_bytes(found, b"enc_type").decode("utf-8", "replace"))


def _hop_no(found: dict[bytes, bt.Value]) -> int:
    value = found.get(b"hop_no", 1)
    if not isinstance(value, int):
        raise HopRequestUnreadable("hop_no is not an integer")
    return max(value, 1)
