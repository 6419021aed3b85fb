"""The two encodings of requests and answers, and base64 as the network writes it (04.1).

Bodies are plain values with bytes left as bytes: JSON writes those as base64, bt-encoding raw, so one body serves both.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Mapping
from enum import Enum
from typing import cast

import msgspec

from veery.protocol import bt
from veery.protocol.storage_rpc.errors import Plain


class Encoding(Enum):
    """How a request was written; its answer uses the same."""

    JSON = "json"
    BENCODED = "bencoded"


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder()


def encode_body(body: Mapping[str, Plain], encoding: Encoding = Encoding.JSON) -> bytes:
    """Write a body. Raises Misuse when a value has no bencoded form (None, fractions)."""
    if encoding is Encoding.JSON:
        return _ENCODER.encode(body)
    return bt.encode(cast("Mapping[str, bt.Encodable]", body))


def decode_json(data: bytes) -> object:
    """Read JSON. Raises ValueError for anything else, also for what nests too deep."""
    try:
        return _DECODER.decode(data)
    except RecursionError:
        raise ValueError("the JSON nests too deep") from None


def json_text(value: Plain) -> str:
    """JSON of one value as text."""
    return _ENCODER.encode(value).decode()


def base64_text(data: bytes) -> str:
    """Standard base64 with padding."""
    return b2a_base64(data, newline=False).decode()


def base64_bytes(text: str) -> bytes:
    """Read standard base64; padding may be left out but not be wrong (04.6.2). Raises ValueError."""
    missing = -len(text) % 4
    if missing and text.endswith("="):
        raise ValueError("incomplete base64 padding")
    return msgspec.convert(text + "=" * missing if missing else text, bytes)  # strict, and a quarter of binascii's time
