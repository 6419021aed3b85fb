"""Building and peeling (03.1, 03.1.1).

A client builds from the inside out: the layer for the destination first, then one a hop, guard last. Each layer has an
ephemeral key pair of its own, and its secret is forgotten at once, but for the innermost: that key opens the reply,
which the destination encrypts once and every hop passes on untouched.

A hop peels one layer: `read_outer` (guard) or `node_to_node.read_hop_request` (later hops) gives a `Layer`, `peel`
opens it, says what to do, and keeps the layer's key for an encrypted answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from veery.errors import Misuse
from veery.protocol import crypto
from veery.protocol.constants import (
    KEY_SIZE,
    ONION_BODY_MAX,
    ONION_FRAME_HEAD,
    ONION_HOP_LIMIT,
    ONION_SERVER_PORT,
    ONION_V4_TARGET,
)
from veery.protocol.crypto import RandomBytes
from veery.protocol.onion.encryption import EncType, EncTypeNotSent, EncTypeUnknown, LayerKey, client_key, server_key
from veery.protocol.onion.frames import FrameMalformed, FrameTooLarge, Layer, read_outer, write_frame
from veery.protocol.onion.refusals import CiphertextInvalid, RequestUnreadable
from veery.protocol.onion.routes import (
    DEFAULT_REPLY_FORM,
    AnsweredRefusal,
    ReplyForm,
    Route,
    UrlInvalid,
    read_route,
    server_url,
)
from veery.secret import Secret


@dataclass(frozen=True, slots=True)
class Hop:
    """A service node of a path: the Ed25519 key that names it and the X25519 key of its layer, 32 bytes each."""

    ed25519: bytes
    x25519: bytes


@dataclass(frozen=True, slots=True)
class NodeDestination:
    """A service node that answers the request; keys as in `Hop`. `reply_form`: how it shall write the reply."""

    ed25519: bytes
    x25519: bytes
    reply_form: ReplyForm = DEFAULT_REPLY_FORM


@dataclass(frozen=True, slots=True)
class ServerDestination:
    """A server behind the last hop, known by its X25519 key (32 bytes) alone.

    The port must be given for `http`: hops take 443 for either protocol when none is written (03.4.3).
    """

    x25519: bytes
    host: str
    target: str = ONION_V4_TARGET
    protocol: str = "https"
    port: int = ONION_SERVER_PORT


Destination: TypeAlias = NodeDestination | ServerDestination


@dataclass(frozen=True, slots=True, eq=False)
class ReplyKey:
    """Opens the reply to one request: the key of its innermost layer, which nothing else can replace."""

    layer_key: LayerKey

    def open(self, ciphertext: bytes) -> bytes:
        """The reply's plaintext. Raises CryptoFailed. A reply in `aes-gcm` is accepted for any type (03.11.7)."""
        return self.layer_key.open_reply(ciphertext)


@dataclass(frozen=True, slots=True, eq=False)
class Built:
    """A request ready to go: `body` to POST to the guard, `reply_key` to keep until the reply is there."""

    body: bytes = field(repr=False)
    reply_key: ReplyKey


@dataclass(frozen=True, slots=True, eq=False)
class Peeled:
    """One layer opened: what to do, the key that encrypts an answer of this hop, and the hop's number."""

    route: Route
    key: LayerKey
    hop_no: int


def build(
    hops: Sequence[Hop],
    destination: Destination,
    payload: bytes,
    *,
    random: RandomBytes,
    enc_type: EncType = EncType.XCHACHA20,
    hop_no: int = 0,
    padding: int = 0,
) -> Built:
    """Build an onion request through `hops`, guard first.

    payload: JSON of chapter 04 for a node, a v4 (or v3) request for a server. hop_no: pretended position of the guard.
    padding: spaces to append to the innermost JSON, so that bodies have few lengths (14.3.1); see `overhead`.
    Raises CryptoFailed (a low-order key in hops or destination), EncTypeNotSent, FrameTooLarge, Misuse (no hops, too
    many, a wrong key size, a server target that hops do not serve).
    """
    _check(hops, destination, enc_type, hop_no)
    size = len(payload) + padding + overhead(len(hops), destination, enc_type=enc_type, hop_no=hop_no)
    if size > ONION_BODY_MAX:
        raise FrameTooLarge("the onion request is larger than 10 MiB")
    route, plaintext, spaces = _innermost(destination, payload, b" " * padding)
    routes: list[Mapping[str, object]] = [*({"destination": hop.ed25519.hex()} for hop in hops), route]
    # Each layer is encrypted from one of two sheets into the other, to where it lies in the body in the end: new memory
    # at every step costs more than the encryption of a large request.
    sheets = memoryview(bytearray(size)), memoryview(bytearray(size))
    inset = ONION_FRAME_HEAD + enc_type.nonce_size  # from the beginning of a frame to that of the one inside
    frame: bytes | memoryview = plaintext
    keys: list[LayerKey] = []
    for depth, receiver in reversed([*enumerate([*(hop.x25519 for hop in hops), destination.x25519])]):
        sheet = sheets[depth % 2][depth * inset :]
        end, beside, key = _seal(frame, sheet, receiver, enc_type, random)
        text = msgspec.json.encode({**routes[depth], **beside}) if depth else _outer_json(beside, hop_no)
        text += spaces if depth == len(hops) else b""
        sheet[end : end + len(text)] = text
        frame = sheet[: end + len(text)]
        keys.append(key)
    return Built(bytes(frame), ReplyKey(keys[0]))


def overhead(
    hop_count: int, destination: Destination, *, enc_type: EncType = EncType.XCHACHA20, hop_no: int = 0
) -> int:
    """How many bytes longer than its payload the body of `build` with these arguments is, without padding."""
    beside = _beside(bytes(KEY_SIZE), enc_type)
    route, plaintext, _ = _innermost(destination, b"", b"")
    between = len(msgspec.json.encode({"destination": bytes(KEY_SIZE).hex(), **beside}))
    texts = len(msgspec.json.encode({**route, **beside})) + (hop_count - 1) * between + len(_outer_json(beside, hop_no))
    return len(plaintext) + texts + (hop_count + 1) * (ONION_FRAME_HEAD + enc_type.overhead)


def _check(hops: Sequence[Hop], destination: Destination, enc_type: EncType, hop_no: int) -> None:
    if enc_type is EncType.AES_CBC:
        raise EncTypeNotSent("aes-cbc is not sent")
    last = hop_no + len(hops) - isinstance(destination, ServerDestination)
    if not hops or hop_no < 0 or last > ONION_HOP_LIMIT:
        raise Misuse(f"a path has at least one hop, and its last number is at most {ONION_HOP_LIMIT}")
    keys = [destination.x25519, *(key for hop in hops for key in (hop.ed25519, hop.x25519))]
    if isinstance(destination, NodeDestination):
        keys.append(destination.ed25519)
    if any(len(key) != KEY_SIZE for key in keys):
        raise Misuse(f"keys of hops and destinations must be {KEY_SIZE} bytes")


def _innermost(destination: Destination, payload: bytes, spaces: bytes) -> tuple[dict[str, object], bytes, bytes]:
    """The last hop's routing keys, the innermost plaintext, and the padding that has no place inside of it."""
    if isinstance(destination, NodeDestination):
        control = _control_json(destination.reply_form) + spaces
        return {"destination": destination.ed25519.hex()}, write_frame(payload, control), b""
    return _server_route(destination), payload, spaces


def _control_json(form: ReplyForm) -> bytes:
    control: dict[str, object] = {"headers": ""}
    if form.json:
        control["json"] = True
    if not form.base64:
        control["base64"] = False
    return msgspec.json.encode(control)


def _server_route(server: ServerDestination) -> dict[str, object]:
    try:
        server_url(server.protocol, server.host, server.port, server.target, allow_private=True)
    except UrlInvalid as error:
        raise Misuse(f"no hop would serve this server: {error.reason}") from None
    return {
        "host": server.host,
        "target": server.target,
        "method": "POST",
        "protocol": server.protocol,
        "port": server.port,
    }


def _beside(ephemeral_public: bytes, enc_type: EncType) -> dict[str, object]:
    return {"ephemeral_key": ephemeral_public.hex(), "enc_type": enc_type.value}


def _outer_json(beside: Mapping[str, object], hop_no: int) -> bytes:
    return msgspec.json.encode({**beside, "hop_no": hop_no} if hop_no else beside)


def _seal(
    plaintext: bytes | memoryview, sheet: memoryview, receiver: bytes, enc_type: EncType, random: RandomBytes
) -> tuple[int, dict[str, object], LayerKey]:
    """Begin a frame on a sheet with a sealed plaintext: where that ends, what belongs beside it, and its key."""
    secret = Secret(random(KEY_SIZE))
    public = crypto.x25519_public(secret.reveal())
    key = client_key(enc_type, secret, public, receiver)
    size = key.seal_into(plaintext, sheet[ONION_FRAME_HEAD:], random)
    sheet[:ONION_FRAME_HEAD] = size.to_bytes(ONION_FRAME_HEAD, "little")
    return ONION_FRAME_HEAD + size, _beside(public, enc_type), key


def peel(layer: Layer, secret: Secret, public: bytes, *, allow_private_servers: bool = False) -> Peeled:
    """Open a layer with the node's X25519 pair and read its route.

    Raises CiphertextInvalid (to be answered in clear); JsonInvalid and UrlInvalid (to be answered encrypted; they carry
    the key). `allow_private_servers`: see `read_route`.
    """
    try:
        key = server_key(layer.enc_type, secret, public, layer.ephemeral_key)
        plaintext = key.open(layer.blob)
    except crypto.CryptoFailed:
        raise CiphertextInvalid from None
    try:
        route = read_route(plaintext, hop_no=layer.hop_no, allow_private_servers=allow_private_servers)
    except AnsweredRefusal as refusal:
        refusal.key = key
        raise
    return Peeled(route, key, layer.hop_no)


def peel_outer(body: bytes, secret: Secret, public: bytes, *, allow_private_servers: bool = False) -> Peeled:
    """The guard's form of `peel`: reads the body that the client POSTed. Raises RequestUnreadable besides."""
    try:
        layer = read_outer(body)
    except (FrameMalformed, EncTypeUnknown) as error:
        raise RequestUnreadable(error.message) from None
    return peel(layer, secret, public, allow_private_servers=allow_private_servers)
