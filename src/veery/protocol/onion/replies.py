"""The reply of a destination node, both ways (03.4.1).

Plaintext: `{"body": …, "status": int}`. Unless the control JSON asked for `json`, a JSON result stands in `body` as
*text* (JSON inside of JSON). The plaintext is sealed once and written as base64 text, or raw when `base64` was false.
The HTTP status outside is 200 whatever `status` is: both must be looked at.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Any

import msgspec

from veery.errors import Malformed
from veery.protocol.crypto import RandomBytes
from veery.protocol.onion.encryption import LayerKey
from veery.protocol.onion.frames import FrameMalformed, read_object
from veery.protocol.onion.layers import ReplyKey
from veery.protocol.onion.routes import DEFAULT_REPLY_FORM, ReplyForm


class ReplyMalformed(Malformed):
    """A destination's reply is not in the form of the chapter."""

    default_kind = "protocol.onion.reply"


@dataclass(frozen=True, slots=True)
class NodeReply:
    """The reply of a destination node: the inner status, and `body` as it stood there (text or JSON value)."""

    status: int
    body: Any = field(repr=False)

    def content(self) -> Any:
        """The JSON value that `body` is or spells, or its text if it spells no object or list."""
        if not isinstance(self.body, str) or not self.body.lstrip().startswith(("{", "[")):
            return self.body
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return self.body

    def binary(self) -> bytes:
        """A binary result, which stands in `body` as base64. Raises ReplyMalformed."""
        if not isinstance(self.body, str):
            raise ReplyMalformed("a binary result must be base64 text", kind="protocol.onion.reply.base64")
        return _from_base64(self.body.encode("ascii", "replace"))


def encode_reply(status: int, body: object, form: ReplyForm) -> bytes:
    """The plaintext of a reply. body: str (a text result), bytes (binary, becomes base64 text), or a JSON value;
    `msgspec.Raw` is a JSON value that is written already.
    """
    if isinstance(body, bytes):
        body = base64.b64encode(body).decode()
    elif not isinstance(body, str) and not form.json:
        body = msgspec.json.encode(body).decode()
    return msgspec.json.encode({"body": body, "status": status})


def seal_reply(key: LayerKey, status: int, body: object, form: ReplyForm, random: RandomBytes) -> bytes:
    """What a destination node answers with: `encode_reply`, sealed with the layer's key, base64 text or raw bytes."""
    ciphertext = key.seal(encode_reply(status, body, form), random)
    return base64.b64encode(ciphertext) if form.base64 else ciphertext


def read_reply(plaintext: bytes) -> NodeReply:
    """Read a decrypted reply; the status may be spelled `status` or `status_code`, `body` may be absent (None).

    Raises ReplyMalformed; also for a status that is not a number.
    """
    try:
        found = read_object(plaintext)
    except FrameMalformed:
        raise ReplyMalformed("the reply is not a JSON object", kind="protocol.onion.reply.json") from None
    status = found.get("status", found.get("status_code"))
    if isinstance(status, float) and status.is_integer():
        status = int(status)
    if not isinstance(status, int) or isinstance(status, bool):
        raise ReplyMalformed("the status of the reply is not a number", kind="protocol.onion.reply.status")
    return NodeReply(status, found.get("body"))


def open_reply(wire: bytes, key: ReplyKey, form: ReplyForm = DEFAULT_REPLY_FORM) -> NodeReply:
    """Read what came back with status 200 from a destination node. Raises ReplyMalformed, CryptoFailed."""
    return read_reply(key.open(reply_ciphertext(wire) if form.base64 else wire))


def reply_ciphertext(wire: bytes) -> bytes:
    """The ciphertext of a base64 reply, or of its older form `{"result":"<base64>"}`. Raises ReplyMalformed."""
    text = wire.strip()
    if not text.startswith(b"{"):
        return _from_base64(text)
    try:
        result = read_object(text).get("result")
    except FrameMalformed:
        result = None
    if not isinstance(result, str):
        raise ReplyMalformed("the reply is neither base64 nor a result", kind="protocol.onion.reply.base64")
    return _from_base64(result.encode("ascii", "replace"))


def _from_base64(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise ReplyMalformed("the reply is not base64", kind="protocol.onion.reply.base64") from None
