"""Frames (03.1): `LE32(len(blob)) || blob || JSON object`, and the sealed layer that a frame carries.

The JSON runs to the end of the frame and may be written in any spelling. It is read whole, so that a byte that is not
JSON is found wherever it stands; what its keys mean is the reader's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from veery.errors import Malformed, Misuse
from veery.protocol.constants import KEY_SIZE, ONION_BODY_MAX, ONION_FRAME_HEAD, ONION_HOP_LIMIT
from veery.protocol.onion.encryption import EncType


class FrameMalformed(Malformed):
    """The bytes are not a frame, or its JSON lacks or misspells a key. The text says which."""

    default_kind = "protocol.onion.frame"


class FrameTooLarge(Misuse):
    """The request does not fit into the 10 MiB that a guard accepts."""

    default_kind = "protocol.onion.too_large"
    default_remedy = "Send it in smaller pieces"


@dataclass(frozen=True, slots=True)
class Layer:
    """A sealed layer and what its receiver must know to open it.

    blob: the ciphertext, perhaps a view of the frame that it came in; ephemeral_key: 32 bytes; hop_no: the receiver's
    position, 0 for a guard (03.3).
    """

    blob: bytes | memoryview = field(repr=False)
    ephemeral_key: bytes
    enc_type: EncType
    hop_no: int = 0


_OBJECT = msgspec.json.Decoder(dict[str, Any])


def read_object(text: bytes | memoryview) -> dict[str, Any]:
    """Read one JSON object that fills `text` (white space around it is allowed). Raises FrameMalformed."""
    try:
        return _OBJECT.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FrameMalformed("the text is not one JSON object", kind="protocol.onion.json") from None


def write_frame(blob: bytes, control: bytes) -> bytes:
    """A frame of a blob and the JSON text beside it."""
    return b"".join((len(blob).to_bytes(ONION_FRAME_HEAD, "little"), blob, control))


def read_frame(frame: bytes) -> tuple[memoryview, dict[str, Any]]:
    """Split a frame into blob, as a view of it, and JSON object. Raises FrameMalformed; also above 10 MiB."""
    if len(frame) > ONION_BODY_MAX:
        raise FrameMalformed("the frame is larger than 10 MiB", kind="protocol.onion.frame.size")
    if len(frame) < ONION_FRAME_HEAD:
        raise FrameMalformed("a frame needs at least 4 bytes", kind="protocol.onion.frame.short")
    end = ONION_FRAME_HEAD + int.from_bytes(frame[:ONION_FRAME_HEAD], "little")
    if end > len(frame):
        raise FrameMalformed("the blob ends beyond the frame", kind="protocol.onion.frame.length")
    view = memoryview(frame)  # blobs have up to 10 MB, and new memory for each copy costs more than decrypting it
    return view[ONION_FRAME_HEAD:end], read_object(view[end:])


def hex_key(control: Mapping[str, Any], name: str) -> bytes:
    """The 32-byte key that stands under `name` as 64 hex digits of either case. Raises FrameMalformed."""
    text = control.get(name)
    key = b""
    if isinstance(text, str) and len(text) == 2 * KEY_SIZE:
        try:
            key = bytes.fromhex(text)  # skips white space, so the length is looked at again below
        except ValueError:
            key = b""
    if len(key) != KEY_SIZE:
        raise FrameMalformed(f"{name} must be {2 * KEY_SIZE} hex digits", kind="protocol.onion.key")
    return key


def sealed_layer(blob: bytes | memoryview, control: Mapping[str, Any], hop_no: int) -> Layer:
    """The layer of a blob and the JSON beside it. Raises FrameMalformed, EncTypeUnknown."""
    name = control.get("enc_type", EncType.AES_GCM.value)
    if not isinstance(name, str):
        raise FrameMalformed("enc_type must be a string", kind="protocol.onion.enc_type")
    return Layer(blob, hex_key(control, "ephemeral_key"), EncType.named(name), hop_no)


def read_outer(body: bytes) -> Layer:
    """Read what a client POSTs to the guard (03.3). Raises FrameMalformed, EncTypeUnknown.

    A starting position above the limit is kept as the limit: either way the second hop refuses it.
    """
    blob, control = read_frame(body)
    hop_no = control.get("hop_no", 0)
    if not isinstance(hop_no, int) or isinstance(hop_no, bool):
        raise FrameMalformed("hop_no must be an integer", kind="protocol.onion.hop_no")
    return sealed_layer(blob, control, min(max(hop_no, 0), ONION_HOP_LIMIT))
