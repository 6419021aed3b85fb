"""What a hop makes of a layer that it has decrypted (03.1, 03.4.3, 03.12).

The JSON beside the blob decides, by the first of these keys that is there, whatever its value: `headers` (I am the
destination), `host` (POST to a server), else `destination` and `ephemeral_key` (pass on to a node). All types are
checked before any rule about server URLs is: a request can be bad JSON and a bad URL, and then it is bad JSON.

Both failures are answered encrypted, with the key of the layer that held the bytes: the layer did decrypt, so its
sender is known to own that key.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, TypeAlias
from urllib.parse import unquote

import msgspec

from veery.errors import Misuse, Rejected
from veery.protocol.constants import (
    ONION_SERVER_PORT,
    ONION_TARGET_MAX,
    ONION_TARGET_PREFIXES,
    ONION_TARGET_SUFFIX,
)
from veery.protocol.crypto import RandomBytes
from veery.protocol.onion.encryption import EncTypeUnknown, LayerKey
from veery.protocol.onion.frames import FrameMalformed, Layer, hex_key, read_frame, sealed_layer
from veery.protocol.onion.hosts import url_host

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_PORT_MAX: Final = 65_535
_UNSAFE: Final = frozenset("?#\\")  # each would end or change the path that the server sees


class AnsweredRefusal(Rejected):
    """A refusal that the hop answers encrypted, with status 200 outside (03.4.2). `key` is the layer's, once known."""

    default_kind = "protocol.onion.answered"
    code: ClassVar[int] = 400
    text: ClassVar[str] = ""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{self.text}: {reason}")
        self.reason = reason
        self.key: LayerKey | None = None

    def answer(self, random: RandomBytes) -> bytes:
        """The body to answer with: base64 of the sealed `{"body":…,"status":400}`. Raises Misuse without a key."""
        if self.key is None:
            raise Misuse("a refusal without its layer's key cannot be answered")
        plaintext = msgspec.json.encode({"body": self.text, "status": self.code})
        return base64.b64encode(self.key.seal(plaintext, random))


class JsonInvalid(AnsweredRefusal):
    """The layer's plaintext is not a frame, or its JSON has a missing key or a wrong type."""

    default_kind = "protocol.onion.answered.json"
    text = "Invalid json"


class UrlInvalid(AnsweredRefusal):
    """The layer asks for a server target that hops do not serve."""

    default_kind = "protocol.onion.answered.url"
    text = "Invalid url"


@dataclass(frozen=True, slots=True)
class ReplyForm:
    """How a destination node writes its reply (03.4.1): `json`, body as a JSON value; `base64`, ciphertext as text."""

    json: bool = False
    base64: bool = True


DEFAULT_REPLY_FORM: Final = ReplyForm()


@dataclass(frozen=True, slots=True)
class ToDestination:
    """This node is the destination: `body` is the request of chapter 04 in JSON."""

    body: bytes = field(repr=False)
    reply_form: ReplyForm


@dataclass(frozen=True, slots=True)
class ToNode:
    """Pass `layer` (with the next hop's number) on to the node with the Ed25519 key `destination`, 32 bytes."""

    destination: bytes
    layer: Layer


@dataclass(frozen=True, slots=True)
class ToServer:
    """POST `payload`, the whole plaintext of this layer, to `url`. `host` and `port` are the parts to connect to."""

    url: str
    host: str
    port: int
    payload: bytes = field(repr=False)


Route: TypeAlias = ToDestination | ToNode | ToServer


def read_route(plaintext: bytes, *, hop_no: int = 0, allow_private_servers: bool = False) -> Route:
    """What the hop with number `hop_no` must do with a decrypted layer. Raises JsonInvalid, UrlInvalid.

    allow_private_servers: for test networks only; lets routes name hosts that are private or loopback as written.
    Whether a *name* resolves to such an address is for the shell to check (see `hosts`).
    """
    try:
        blob, control = read_frame(plaintext)
        if "headers" in control:
            return ToDestination(bytes(blob), ReplyForm(_flag(control, "json", False), _flag(control, "base64", True)))
        if "host" in control:
            return _to_server(control, plaintext, allow_private_servers)
        return ToNode(hex_key(control, "destination"), sealed_layer(blob, control, hop_no + 1))
    except (FrameMalformed, EncTypeUnknown) as error:
        raise JsonInvalid(error.message) from None


def _flag(control: Mapping[str, Any], name: str, absent: bool) -> bool:
    value = control.get(name, absent)
    if not isinstance(value, bool):
        raise FrameMalformed(f"{name} must be true or false", kind="protocol.onion.json")
    return value


def _text(control: Mapping[str, Any], name: str, absent: str | None = None) -> str:
    value = control.get(name, absent)
    if not isinstance(value, str):
        raise FrameMalformed(f"{name} must be a string", kind="protocol.onion.json")
    return value


def _port(control: Mapping[str, Any]) -> int:
    value = control.get("port", ONION_SERVER_PORT)
    if isinstance(value, float) and value.is_integer():  # a JSON number may be spelled 8e1
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _PORT_MAX:
        raise FrameMalformed("port must be a number from 0 to 65535", kind="protocol.onion.json")
    return value


def _to_server(control: Mapping[str, Any], plaintext: bytes, allow_private: bool) -> ToServer:
    host, target = _text(control, "host"), _text(control, "target")
    protocol, port = _text(control, "protocol", "https"), _port(control)
    return ToServer(server_url(protocol, host, port, target, allow_private=allow_private), host, port, plaintext)


def server_url(protocol: str, host: str, port: int, target: str, *, allow_private: bool) -> str:
    """The URL of a server route; the port is left out when it is the protocol's default. Raises UrlInvalid."""
    if protocol not in _DEFAULT_PORTS:
        raise UrlInvalid("the protocol must be http or https")
    if not _is_served(target):
        raise UrlInvalid("the target is not one that hops serve")
    written = url_host(host, allow_private=allow_private)
    if written is None:
        raise UrlInvalid("the host is malformed, private or loopback")
    shown_port = "" if port == _DEFAULT_PORTS[protocol] else f":{port}"
    return f"{protocol}://{written}{shown_port}{target}"


def _is_served(target: str) -> bool:
    """The chapter's prefix, suffix and `?` rule, and nothing that a URL library could turn into another path."""
    return (
        len(target) <= ONION_TARGET_MAX
        and target.startswith(ONION_TARGET_PREFIXES)
        and target.endswith(ONION_TARGET_SUFFIX)
        and all("!" <= char <= "~" and char not in _UNSAFE for char in target)
        and not any(unquote(part) in (".", "..") for part in target.split("/"))
    )
