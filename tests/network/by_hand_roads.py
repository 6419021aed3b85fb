"""The roads of the client that is made from the book alone (see `by_hand`): HTTPS, onion requests, the queue."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import json
import os
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import zmq
import zmq.asyncio
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl import bindings

from tests.network.by_hand import Json, Member, Someone

# -- HTTPS (04.1, 03.3) ------------------------------------------------------------------------------------------


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@dataclass(frozen=True, slots=True)
class Answer:
    """Code, headers and body of an HTTP answer."""

    code: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


class Https:
    """Requests to the HTTPS port of a node."""

    def __init__(self, session: aiohttp.ClientSession, host: str, port: int) -> None:
        self._session = session
        self.base = f"https://{host}:{port}"

    async def send(
        self, path: str, body: bytes = b"", *, method: str = "POST", headers: Mapping[str, str] | None = None
    ) -> Answer:
        async with self._session.request(method, self.base + path, data=io.BytesIO(body), headers=headers) as answer:
            return Answer(answer.status, dict(answer.headers), await answer.read())

    async def rpc(self, method: str, params: Json) -> Answer:
        return await self.send("/storage_rpc/v1", json.dumps({"method": method, "params": params}).encode())


@asynccontextmanager
async def https_session() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(ssl=unverified(), limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield session


# -- onion requests (03.1, 03.2) ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hop:
    ed25519: bytes
    x25519: bytes


def frame(blob: bytes, control: Json) -> bytes:
    return len(blob).to_bytes(4, "little") + blob + json.dumps(control).encode()


def layer_key(kind: str, secret: bytes, ephemeral: bytes, server: bytes, other: bytes) -> bytes:
    shared = bindings.crypto_scalarmult(secret, other)
    if kind == "aes-gcm":
        return hmac.new(b"LOKI", shared, hashlib.sha256).digest()
    return hashlib.blake2b(shared + ephemeral + server, digest_size=32).digest()


def seal(kind: str, key: bytes, plain: bytes) -> bytes:
    if kind == "aes-gcm":
        nonce = os.urandom(12)
        return nonce + AESGCM(key).encrypt(nonce, plain, None)
    nonce = os.urandom(24)
    return nonce + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, b"", nonce, key)


def unseal(kind: str, key: bytes, box: bytes) -> bytes:
    if kind == "aes-gcm":
        return AESGCM(key).decrypt(box[:12], box[12:], None)
    return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(box[24:], b"", box[:24], key)


@dataclass(frozen=True, slots=True)
class Onion:
    """A built request, and the key of its reply."""

    body: bytes
    kind: str
    reply_key: bytes

    def open(self, answer: bytes, *, is_base64: bool = True) -> Json:
        box = base64.b64decode(answer, validate=True) if is_base64 else answer
        found: Json = json.loads(unseal(self.kind, self.reply_key, box))
        return found

    def open_bytes(self, answer: bytes) -> bytes:
        return unseal(self.kind, self.reply_key, answer)


def sealed_layer(kind: str, receiver: bytes, plain: bytes) -> tuple[bytes, bytes, bytes]:
    """Ciphertext, ephemeral public key, layer key."""
    secret = os.urandom(32)
    public = bindings.crypto_scalarmult_base(secret)
    key = layer_key(kind, secret, public, receiver, receiver)
    return seal(kind, key, plain), public, key


def _route(kind: str, public: bytes, **more: Any) -> Json:
    return {**more, "ephemeral_key": public.hex(), "enc_type": kind}


def wrap(hops: Sequence[Hop], blob: bytes, route: Json, kind: str, **outer: Any) -> bytes:
    """Layers of the hops around what the last hop is to do."""
    for at in reversed(range(len(hops))):
        blob, public, _ = sealed_layer(kind, hops[at].x25519, frame(blob, route))
        route = _route(kind, public, destination=hops[at].ed25519.hex())
    outside = {name: value for name, value in route.items() if name != "destination"}
    return frame(blob, {**outside, **outer})


def onion_to_node(
    hops: Sequence[Hop],
    destination: Hop,
    payload: bytes,
    kind: str = "xchacha20",
    control: Json | None = None,
    **outer: Any,
) -> Onion:
    inner = frame(payload, {"headers": ""} if control is None else control)
    blob, public, key = sealed_layer(kind, destination.x25519, inner)
    route = _route(kind, public, destination=destination.ed25519.hex())
    return Onion(wrap(hops, blob, route, kind, **outer), kind, key)


def onion_to_server(
    hops: Sequence[Hop], server_x25519: bytes, payload: bytes, kind: str = "xchacha20", **route: Any
) -> Onion:
    blob, public, key = sealed_layer(kind, server_x25519, payload)
    return Onion(wrap(hops, blob, _route(kind, public, method="POST", **route), kind), kind, key)


# -- the queue (15) ----------------------------------------------------------------------------------------------


class Queue:
    """A DEALER with CURVE to one node, spoken by hand."""

    def __init__(
        self, host: str, port: int, server: bytes, *, secret: bytes | None = None, fixed: bool = False
    ) -> None:
        self.secret = os.urandom(32) if secret is None else secret
        self.public = bindings.crypto_scalarmult_base(self.secret)
        self._context = zmq.asyncio.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.CURVE_SERVERKEY, server)
        self._socket.setsockopt(zmq.CURVE_PUBLICKEY, self.public)
        self._socket.setsockopt(zmq.CURVE_SECRETKEY, self.secret)
        self._socket.setsockopt(zmq.LINGER, 0)
        if fixed:
            self._socket.setsockopt(zmq.ROUTING_ID, b"L" + self.public)
        self.told: list[list[bytes]] = []  # messages that were no answer to what was asked
        self._socket.connect(f"tcp://{host}:{port}")

    def take_place_of(self, public: bytes) -> None:
        """Name somebody else's routing id; before the first message."""
        endpoint = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._socket.disconnect(endpoint)
        self._socket.setsockopt(zmq.ROUTING_ID, b"L" + public)
        self._socket.connect(endpoint)

    async def send(self, *parts: bytes) -> None:
        await self._socket.send_multipart([*parts])

    async def receive(self, seconds: float = 10.0) -> list[bytes]:
        async with asyncio.timeout(seconds):
            return [bytes(part) for part in await self._socket.recv_multipart()]

    async def ask(self, command: str, *parts: bytes, tag: bytes | None = None, seconds: float = 20.0) -> list[bytes]:
        """The parts behind REPLY and tag. What comes besides goes to `told`."""
        tag = os.urandom(15) if tag is None else tag
        await self.send(command.encode(), tag, *parts)
        while True:
            message = await self.receive(seconds)
            if message[:2] == [b"REPLY", tag]:
                return message[2:]
            self.told.append(message)

    async def next_told(self, seconds: float = 10.0) -> list[bytes]:
        return self.told.pop(0) if self.told else await self.receive(seconds)

    def close(self) -> None:
        self._socket.close()
        self._context.term()


@asynccontextmanager
async def queue_to(
    host: str, port: int, server: bytes, *, secret: bytes | None = None, fixed: bool = False
) -> AsyncIterator[Queue]:
    opened = Queue(host, port, server, secret=secret, fixed=fixed)
    try:
        yield opened
    finally:
        opened.close()


def subscription(
    who: Someone, namespaces: Sequence[int], *, data: bool = False, at: int | None = None, member: Member | None = None
) -> dict[bytes, Any]:
    """The dict of 04.8.1."""
    at = int(time.time()) if at is None else at
    text = f"MONITOR{who.id}{at}{int(data)}{','.join(map(str, namespaces))}".encode()
    key = who.key if member is None else member.key
    fields: dict[bytes, Any] = {b"n": [*namespaces], b"s": key.sign(text).signature, b"t": at, b"d": int(data)}
    fields |= {b"p": who.account} if who.group else {b"P": who.ed25519}
    if member is not None:
        fields |= {b"S": who.key.sign(member.token).signature, b"T": member.token}
    return fields
