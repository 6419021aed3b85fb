"""A client of the network made from the book alone: json, hashlib, nacl, cryptography, zmq, and nothing of Veery.

What both sides of a test take from the same module can be wrong in both. Here the signed strings, hashes, mappings,
layers and frames are written down a second time, as short as the chapters allow.
"""

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
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import zmq
import zmq.asyncio
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl import bindings
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

Json = dict[str, Any]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


# -- accounts (01, 04.2) -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Someone:
    """An account with its Ed25519 key: `05` for people, `03` for groups."""

    key: SigningKey
    group: bool = False

    @classmethod
    def new(cls, *, group: bool = False) -> Someone:
        return cls(SigningKey(os.urandom(32)), group)

    @property
    def ed25519(self) -> bytes:
        return bytes(self.key.verify_key)

    @property
    def id(self) -> str:
        if self.group:
            return "03" + self.ed25519.hex()
        return "05" + bindings.crypto_sign_ed25519_pk_to_curve25519(self.ed25519).hex()

    @property
    def account(self) -> bytes:
        return bytes.fromhex(self.id)

    def auth(self, *parts: str | bytes | int) -> Json:
        """pubkey, signature and key for a string made of the parts."""
        text = b"".join(part if isinstance(part, bytes) else str(part).encode() for part in parts)
        fields = {"pubkey": self.id, "signature": b64(self.key.sign(text).signature)}
        return fields if self.group else {**fields, "pubkey_ed25519": self.ed25519.hex()}


def ns(namespace: int | str) -> str:
    return "" if namespace == 0 else str(namespace)


def store(who: Someone, data: bytes, namespace: int = 0, *, ttl: int = 86_400_000, at: int | None = None) -> Json:
    at = now_ms() if at is None else at
    fields: Json = {"pubkey": who.id, "data": b64(data), "timestamp": at, "ttl": ttl}
    if namespace != 0:
        fields["namespace"] = namespace
    if namespace % 10 != 0:
        fields |= who.auth("store", ns(namespace), at)
    return fields


def retrieve(who: Someone, namespace: int = 0, *, at: int | None = None, **more: Any) -> Json:
    at = now_ms() if at is None else at
    fields: Json = {**who.auth("retrieve", ns(namespace), at), "timestamp": at, **more}
    return fields if namespace == 0 else {**fields, "namespace": namespace}


def delete(who: Someone, hashes: Sequence[str], **more: Any) -> Json:
    return {**who.auth("delete", *hashes), "messages": [*hashes], **more}


def delete_all(who: Someone, namespace: int | str | None = None, *, at: int | None = None) -> Json:
    at = now_ms() if at is None else at
    fields: Json = {**who.auth("delete_all", ns(namespace or 0), at), "timestamp": at}
    return fields if namespace is None else {**fields, "namespace": namespace}


def delete_before(who: Someone, before: int, namespace: int | str | None = None) -> Json:
    fields: Json = {**who.auth("delete_before", ns(namespace or 0), before), "before": before}
    return fields if namespace is None else {**fields, "namespace": namespace}


def expire(who: Someone, hashes: Sequence[str], expiry: int | Sequence[int], how: str = "") -> Json:
    expiries = [expiry] if isinstance(expiry, int) else [*expiry]
    fields: Json = {**who.auth("expire", how, *expiries, *hashes), "messages": [*hashes]}
    fields["expiry"] = expiry if isinstance(expiry, int) else expiries
    return {**fields, how: True} if how else fields


def expire_all(who: Someone, expiry: int, namespace: int | str | None = None) -> Json:
    fields: Json = {**who.auth("expire_all", ns(namespace or 0), expiry), "expiry": expiry}
    return fields if namespace is None else {**fields, "namespace": namespace}


def get_expiries(who: Someone, hashes: Sequence[str], *, at: int | None = None) -> Json:
    at = now_ms() if at is None else at
    return {**who.auth("get_expiries", at, *hashes), "messages": [*hashes], "timestamp": at}


def revoke(who: Someone, tokens: Sequence[bytes], *, undo: bool = False, at: int | None = None) -> Json:
    at = now_ms() if at is None else at
    word = "unrevoke" if undo else "revoke"
    return {**who.auth(f"{word}_subaccount", at, *tokens), word: [token.hex() for token in tokens], "timestamp": at}


def revoked(who: Someone, *, at: int | None = None) -> Json:
    at = now_ms() if at is None else at
    fields = who.auth("revoked_subaccounts", at)
    fields.pop("pubkey_ed25519", None)
    return {**fields, "timestamp": at}


def message_hash(account: bytes, namespace: int, data: bytes) -> str:
    """04.4.1"""
    digest = hashlib.blake2b(account + ns(namespace).encode() + data, digest_size=32).digest()
    return b64(digest).rstrip("=")


# -- subaccounts (04.5) ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Member:
    """A key that acts on a group's account by a token of 36 bytes."""

    owner: Someone
    flags: int
    key: SigningKey = field(default_factory=lambda: SigningKey(os.urandom(32)))
    prefix: int = 3

    @property
    def token(self) -> bytes:
        return bytes((self.prefix, self.flags, 0, 0)) + bytes(self.key.verify_key)

    def act(self, request: Json, *parts: str | int) -> Json:
        """A request of the owner, signed by this key instead."""
        signature = self.key.sign("".join(map(str, parts)).encode()).signature
        by_owner = self.owner.key.sign(self.token).signature
        return {**request, "signature": b64(signature), "subaccount": b64(self.token), "subaccount_sig": b64(by_owner)}


# -- swarms (05.1) -----------------------------------------------------------------------------------------------


def swarm_of(account: bytes, ids: Sequence[int]) -> int:
    key = account[1:]
    place = 0
    for at in range(0, 32, 8):
        place ^= int.from_bytes(key[at : at + 8], "big")
    ids = sorted(ids)
    right = next((each for each in ids if each >= place), ids[0])
    left = ids[ids.index(right) - 1]
    return right if (right - place) % 2**64 < (place - left) % 2**64 else left


def someone_in(swarm: int, ids: Sequence[int], *, group: bool = False) -> Someone:
    while True:
        found = Someone.new(group=group)
        if len(ids) == 1 or swarm_of(found.account, ids) == swarm:
            return found


# -- signatures of members (04.2.2, 04.6) ------------------------------------------------------------------------


def verifies(member_ed25519: str, signature: str, *parts: str | bytes | int) -> bool:
    text = b"".join(part if isinstance(part, bytes) else str(part).encode() for part in parts)
    try:
        VerifyKey(bytes.fromhex(member_ed25519)).verify(text, base64.b64decode(signature))
    except BadSignatureError:
        return False
    return True


# -- bencode (04.1) ----------------------------------------------------------------------------------------------


def bencode(value: Any) -> bytes:
    match value:
        case bool() | int():
            return b"i%de" % int(value)
        case str():
            return bencode(value.encode())
        case bytes():
            return b"%d:%s" % (len(value), value)
        case list() | tuple():
            return b"l" + b"".join(map(bencode, value)) + b"e"
        case dict():
            keys = sorted((key if isinstance(key, bytes) else key.encode(), item) for key, item in value.items())
            return b"d" + b"".join(bencode(key) + bencode(item) for key, item in keys) + b"e"
    raise TypeError(type(value).__name__)


def bdecode(data: bytes) -> Any:
    value, end = _bdecode(data, 0)
    if end != len(data):
        raise ValueError("bytes behind the value")
    return value


def _bdecode(data: bytes, at: int) -> tuple[Any, int]:
    mark = data[at : at + 1]
    if mark == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1
    if mark in (b"l", b"d"):
        items: list[Any] = []
        at += 1
        while data[at : at + 1] != b"e":
            item, at = _bdecode(data, at)
            items.append(item)
        if mark == b"l":
            return items, at + 1
        return dict(zip(items[::2], items[1::2], strict=True)), at + 1
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    return data[colon + 1 : end], end


_RAW_HEX = {"pubkey", "pubKey", "pubkey_ed25519"}
_RAW_B64 = {"signature", "data", "subaccount", "subaccount_sig"}


def raw(params: Json) -> Json:
    """The bencoded form of JSON parameters: binary fields raw (04.1). What is not in its JSON form stays as it is."""
    return {name: _raw(name, value) for name, value in params.items()}


def _raw(name: str, value: Any) -> Any:
    try:
        if name in _RAW_HEX and isinstance(value, str):
            return bytes.fromhex(value)
        if name in _RAW_B64 and isinstance(value, str):
            return base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
        if name in ("revoke", "unrevoke"):
            return [bytes.fromhex(each) for each in value]
        if name == "requests":
            return [{**each, "params": raw(each["params"])} for each in value]
        if name in ("then", "else"):
            return {**value, "params": raw(value["params"])}
    except (ValueError, TypeError, KeyError):
        return value
    return value


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


def _layer(kind: str, receiver: bytes, plain: bytes) -> tuple[bytes, bytes, bytes]:
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
        blob, public, _ = _layer(kind, hops[at].x25519, frame(blob, route))
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
    blob, public, key = _layer(kind, destination.x25519, inner)
    route = _route(kind, public, destination=destination.ed25519.hex())
    return Onion(wrap(hops, blob, route, kind, **outer), kind, key)


def onion_to_server(
    hops: Sequence[Hop], server_x25519: bytes, payload: bytes, kind: str = "xchacha20", **route: Any
) -> Onion:
    blob, public, key = _layer(kind, server_x25519, payload)
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
