"""A client of the network made from the book alone: json, hashlib, nacl, cryptography, zmq, and nothing of Veery.

What both sides of a test take from the same module can be wrong in both. Here the signed strings, hashes, mappings,
layers and frames are written down a second time, as short as the chapters allow.
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

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
