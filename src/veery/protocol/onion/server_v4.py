"""v4 requests and replies (03.6.1, 03.6.2, 09.7): a bencoded list of metadata JSON and body, both ways.

The list is read here and not by the general bencode reader: it can hold two strings at most, so a stranger's list of
a million items must end at the third.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from veery.errors import Misuse
from veery.protocol.crypto import RandomBytes
from veery.protocol.onion.encryption import LayerKey
from veery.protocol.onion.frames import FrameMalformed, read_object
from veery.protocol.onion.layers import ReplyKey
from veery.protocol.onion.servers import (
    TEXT_TYPE,
    ServerMessageMalformed,
    ServerReply,
    ServerRequest,
    read_headers,
)

_LENGTH_DIGITS_MAX: Final = 10
V4_UNREADABLE: Final = ServerReply(400, {"content-type": TEXT_TYPE}, b"Invalid v4 onion request")  # 03.6.2


def pack_v4(metadata: bytes, body: bytes | None) -> bytes:
    """The list of a metadata text and a body; without a second string if the body is None."""
    if body is None:
        return b"l%d:%be" % (len(metadata), metadata)
    return b"".join((b"l%d:" % len(metadata), metadata, b"%d:" % len(body), body, b"e"))


def encode_v4_request(request: ServerRequest) -> bytes:
    """The plaintext of a v4 request. Raises Misuse for an endpoint that does not begin with `/`."""
    if not request.endpoint.startswith("/"):
        raise Misuse("an endpoint begins with /")
    metadata = {"method": request.method, "endpoint": request.endpoint, "headers": request.headers}
    return pack_v4(msgspec.json.encode(metadata), request.body)


def read_v4_request(plaintext: bytes) -> ServerRequest:
    """Read a v4 request. An absent second string is a body of None. Raises ServerMessageMalformed."""
    metadata, body = _unpack(plaintext)
    method, endpoint, headers = metadata.get("method"), metadata.get("endpoint"), read_headers(metadata)
    if not isinstance(method, str) or not isinstance(endpoint, str) or not endpoint.startswith("/"):
        raise ServerMessageMalformed("a request needs a method, and an endpoint that begins with /")
    return ServerRequest(method, endpoint, headers, body)


def encode_v4_reply(reply: ServerReply) -> bytes:
    """The plaintext of a v4 reply: always two strings, header names in lower case, no `content-length`."""
    headers = {name.lower(): value for name, value in reply.headers.items() if name.lower() != "content-length"}
    return pack_v4(msgspec.json.encode({"code": reply.code, "headers": headers}), reply.body)


def read_v4_reply(plaintext: bytes) -> ServerReply:
    """Read a v4 reply. An absent second string is an empty body. Raises ServerMessageMalformed."""
    metadata, body = _unpack(plaintext)
    code, headers = metadata.get("code"), read_headers(metadata)
    if not isinstance(code, int) or isinstance(code, bool):
        raise ServerMessageMalformed("the code of the reply is not a number")
    return ServerReply(code, headers, body or b"")


def seal_v4_reply(key: LayerKey, reply: ServerReply, random: RandomBytes) -> bytes:
    """What a server answers with at the v4 path: raw ciphertext."""
    return key.seal(encode_v4_reply(reply), random)


def open_v4_reply(wire: bytes, key: ReplyKey) -> ServerReply:
    """Read what came back with status 200 from the v4 path. Raises CryptoFailed, ServerMessageMalformed."""
    return read_v4_reply(key.open(wire))


def _unpack(data: bytes) -> tuple[dict[str, Any], bytes | None]:
    if data[:1] != b"l" or data[-1:] != b"e" or len(data) < 2:
        raise ServerMessageMalformed("the bytes are not a list")
    strings: list[bytes] = []
    at = 1
    while at < len(data) - 1:
        if len(strings) == 2:
            raise ServerMessageMalformed("the list has more than two strings")
        start, at = _string(data, at)
        strings.append(data[start:at])
    if not strings:
        raise ServerMessageMalformed("the list is empty")
    try:
        return read_object(strings[0]), strings[1] if len(strings) > 1 else None
    except FrameMalformed:
        raise ServerMessageMalformed("the metadata is not a JSON object") from None


def _string(data: bytes, at: int) -> tuple[int, int]:
    """Where the string whose length begins at `at` begins and ends."""
    colon = data.find(b":", at, at + _LENGTH_DIGITS_MAX + 1)
    digits = data[at:colon] if colon >= 0 else b""
    if not digits.isdigit() or (digits[:1] == b"0" and len(digits) > 1):
        raise ServerMessageMalformed("a string must begin with its length and a colon")
    end = colon + 1 + int(digits)
    if end > len(data) - 1:
        raise ServerMessageMalformed("a string ends beyond the list")
    return colon + 1, end
