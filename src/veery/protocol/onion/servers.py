"""Requests to servers behind the last hop (03.6): values that v3 and v4 share, and the sealed road to and from them.

The last hop POSTs the whole plaintext of its layer, so a server reads a frame: the routing keys in its JSON are
skipped, `ephemeral_key` and `enc_type` tell how to open the blob. Inside is a v4 request (a bencoded list, `server_v4`)
or a v3 request (a JSON object, `server_v3`); which one, the URL path tells. A frame that does not parse or decrypt
gets a plain HTTP 400; everything inside is answered encrypted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

import msgspec

from veery.errors import Malformed, Rejected
from veery.protocol.crypto import CryptoFailed
from veery.protocol.onion.encryption import EncType, EncTypeUnknown, LayerKey, server_key
from veery.protocol.onion.frames import FrameMalformed, read_frame, sealed_layer
from veery.secret import Secret

HeaderValue: TypeAlias = str | int | float
Headers: TypeAlias = Mapping[str, HeaderValue]

JSON_TYPE: Final = "application/json"
TEXT_TYPE: Final = "text/plain; charset=utf-8"
BYTES_TYPE: Final = "application/octet-stream"


class ServerFrameRefused(Rejected):
    """A server cannot open what the last hop POSTed: it answers in clear with `code` and no text of its own."""

    default_kind = "protocol.onion.server_frame"
    code: Final = 400


class ServerMessageMalformed(Malformed):
    """The request or reply inside of a server's layer is not in the form of its version."""

    default_kind = "protocol.onion.server_message"


def header(headers: Headers, name: str) -> str | None:
    """The value of a header as text; names are compared without regard to case."""
    wanted = name.lower()
    return next((str(value) for key, value in headers.items() if key.lower() == wanted), None)


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """A request to a server. endpoint: begins with `/`, may have a query; body: None if there is none."""

    method: str
    endpoint: str
    headers: Headers = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)

    @property
    def path(self) -> str:
        """The endpoint without its query, percent-decoded."""
        return unquote(self.endpoint.partition("?")[0])

    @property
    def query(self) -> str:
        """The query as it was written, empty if there is none."""
        return self.endpoint.partition("?")[2]

    @property
    def content_type(self) -> str | None:
        """The content type; `application/octet-stream` for a body without one, None without a body."""
        return header(self.headers, "content-type") or (BYTES_TYPE if self.body else None)


@dataclass(frozen=True, slots=True)
class ServerReply:
    """The reply of a server. `code` is the inner status; header names are in lower case."""

    code: int
    headers: Headers = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    def content(self) -> Any:
        """The body by its content type (03.6.2): JSON value, text, or the bytes for any other type.

        Raises ServerMessageMalformed if the body is not of the type it claims.
        """
        content_type = header(self.headers, "content-type")
        try:
            if content_type == JSON_TYPE:
                return msgspec.json.decode(self.body)
            return self.body.decode() if content_type == TEXT_TYPE else self.body
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ServerMessageMalformed("the body is not of its content type") from None


def read_headers(message: Mapping[str, Any]) -> dict[str, HeaderValue]:
    """The `headers` of a request or reply; absent or null means none. Raises ServerMessageMalformed."""
    headers = message.get("headers")
    if headers is None:
        return {}
    if not isinstance(headers, dict):
        raise ServerMessageMalformed("headers must be an object")
    if any(isinstance(value, bool) or not isinstance(value, (str, int, float)) for value in headers.values()):
        raise ServerMessageMalformed("header values must be strings or numbers")
    return headers


def open_server_request(body: bytes, secret: Secret, public: bytes) -> tuple[bytes, LayerKey]:
    """Open what the last hop POSTed with the server's X25519 pair: the request's plaintext, and the key to answer with.

    Raises ServerFrameRefused; also for `aes-cbc`, which no server accepts (03.2).
    """
    try:
        blob, control = read_frame(body)
        layer = sealed_layer(blob, control, 0)
        if layer.enc_type is EncType.AES_CBC:
            raise EncTypeUnknown("servers do not accept aes-cbc")
        key = server_key(layer.enc_type, secret, public, layer.ephemeral_key)
        return key.open(layer.blob), key
    except (FrameMalformed, EncTypeUnknown, CryptoFailed) as error:
        raise ServerFrameRefused(error.message) from None
