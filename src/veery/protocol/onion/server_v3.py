"""v3, the older form of server requests (03.6.3, 09.7): a JSON object in, the bare body or a status out.

A server should answer it; a client need not send it, so only what a client needs to test such a server is here.
"""

from __future__ import annotations

import base64
from typing import Any, Final

import msgspec

from veery.errors import Misuse
from veery.protocol.crypto import RandomBytes
from veery.protocol.onion.encryption import LayerKey
from veery.protocol.onion.frames import FrameMalformed, read_object
from veery.protocol.onion.layers import ReplyKey
from veery.protocol.onion.replies import reply_ciphertext
from veery.protocol.onion.servers import (
    JSON_TYPE,
    HeaderValue,
    ServerMessageMalformed,
    ServerReply,
    ServerRequest,
    read_headers,
)

V3_UNREADABLE: Final = ServerReply(400)
_WITH_BODY: Final = ("POST", "PUT")


def encode_v3_request(request: ServerRequest) -> bytes:
    """The plaintext of a v3 request. Raises Misuse for a body that is not UTF-8 text."""
    found: dict[str, Any] = {"method": request.method, "endpoint": request.endpoint, "headers": request.headers}
    if request.body is not None:
        try:
            found["body"] = request.body.decode()
        except UnicodeDecodeError:
            raise Misuse("the body of a v3 request is text") from None
    return msgspec.json.encode(found)


def read_v3_request(plaintext: bytes, *, prefix: str = "/") -> ServerRequest:
    """Read a v3 request. prefix: what stands before endpoints without a leading `/` (`/legacy/` on communities).

    The content type is always JSON; an `auth_code` becomes the `Authorization` header of prefixed endpoints.
    Raises ServerMessageMalformed.
    """
    try:
        found = read_object(plaintext)
    except FrameMalformed:
        raise ServerMessageMalformed("the request is not a JSON object") from None
    method, endpoint = found.get("method"), found.get("endpoint")
    if not isinstance(method, str) or not isinstance(endpoint, str):
        raise ServerMessageMalformed("a request needs a method and an endpoint")
    headers = {name: value for name, value in read_headers(found).items() if name.lower() != "content-type"}
    headers["Content-Type"] = JSON_TYPE
    body = _body(found, method)
    if not endpoint.startswith("/"):
        endpoint = prefix + endpoint
        _authorize(headers, found.get("auth_code"))
    return ServerRequest(method, endpoint, headers, body)


def _authorize(headers: dict[str, HeaderValue], auth_code: object) -> None:
    if auth_code is None:
        return
    if not isinstance(auth_code, str):
        raise ServerMessageMalformed("auth_code must be a string")
    headers["Authorization"] = auth_code


def _body(found: dict[str, Any], method: str) -> bytes | None:
    body = found.get("body")
    if body is None:
        return None
    if not isinstance(body, str):
        raise ServerMessageMalformed("body must be a string")
    if method in _WITH_BODY:
        return body.encode()
    if body and not (method == "GET" and body == "null"):
        raise ServerMessageMalformed("only POST and PUT have a body")
    return None


def encode_v3_reply(reply: ServerReply) -> bytes:
    """The plaintext of a v3 reply: the body alone on 2xx, else `{"status_code": N}`."""
    return reply.body if 200 <= reply.code < 300 else msgspec.json.encode({"status_code": reply.code})


def seal_v3_reply(key: LayerKey, reply: ServerReply, random: RandomBytes) -> bytes:
    """What a server answers with at a v3 path: base64 text of the ciphertext."""
    return base64.b64encode(key.seal(encode_v3_reply(reply), random))


def read_v3_reply(plaintext: bytes) -> ServerReply:
    """Read a v3 reply: an object that holds nothing but `status_code` is a failure, all else a body with code 200."""
    try:
        found = read_object(plaintext)
    except FrameMalformed:
        return ServerReply(200, {}, plaintext)
    code = found.get("status_code")
    if len(found) == 1 and isinstance(code, int) and not isinstance(code, bool):
        return ServerReply(code)
    return ServerReply(200, {}, plaintext)


def open_v3_reply(wire: bytes, key: ReplyKey) -> ServerReply:
    """Read what came back with status 200 from a v3 path. Raises ReplyMalformed (not base64), CryptoFailed."""
    return read_v3_reply(key.open(reply_ciphertext(wire)))
