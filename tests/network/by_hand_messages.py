"""Messages of protocol v1 made and read from the book alone (02, 09.2): nacl, cryptography, and nothing of Veery."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from nacl.public import PublicKey, SealedBox
from nacl.signing import SigningKey, VerifyKey

from tests.network.by_hand import Json, Someone, now_ms

Fields = dict[int, list[Any]]

DATA, CALL, RECEIPT, TYPING, EXTRACTION, UNSEND, RESPONSE = 1, 3, 5, 6, 8, 9, 10
EXPIRATION_TYPE, EXPIRATION_TIMER, SIG_TIMESTAMP = 12, 13, 15


# -- protobuf ----------------------------------------------------------------------------------------------------


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def pb(*fields: tuple[int, int | str | bytes]) -> bytes:
    """Fields in the order given: numbers as varints, texts and bytes with their length."""
    found = b""
    for number, value in fields:
        if isinstance(value, int):
            found += varint(number << 3) + varint(value)
        else:
            raw = value.encode() if isinstance(value, str) else value
            found += varint(number << 3 | 2) + varint(len(raw)) + raw
    return found


def fixed64(number: int, value: int) -> bytes:
    return varint(number << 3 | 1) + value.to_bytes(8, "little")


def parsed(data: bytes) -> Fields:
    """Fields by number, each with all its values."""
    found: Fields = {}
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        if key & 7 == 0:
            value, at = _varint(data, at)
        elif key & 7 == 1:
            value, at = int.from_bytes(data[at : at + 8], "little"), at + 8
        else:
            assert key & 7 == 2
            size, at = _varint(data, at)
            value, at = data[at : at + size], at + size
        found.setdefault(key >> 3, []).append(value)
    assert at == len(data)
    return found


def _varint(data: bytes, at: int) -> tuple[Any, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


# -- messages (02.1, 02.2) ---------------------------------------------------------------------------------------


def padded(content: bytes) -> bytes:
    size = len(content) + 1
    size += 160 - size % 160
    return content + b"\x80" + bytes(size - len(content) - 1)


def sealed(content: bytes, sender: Someone, recipient: str, timestamp: int) -> bytes:
    key = bytes.fromhex(recipient)[1:]
    text = padded(content)
    signature = sender.key.sign(text + sender.ed25519 + key).signature
    box = SealedBox(PublicKey(key)).encrypt(text + sender.ed25519 + signature)
    envelope = pb((1, 6), (5, timestamp), (8, box))  # as older clients, without proSig
    return pb((1, 1), (2, pb((1, "PUT"), (2, "/api/v1/message"), (3, envelope), (4, 0))))


@dataclass(frozen=True, slots=True)
class Opened:
    """A message that was read. sender: Account ID; timestamp: of the envelope."""

    sender: str
    timestamp: int
    content: Fields

    def inner(self, number: int) -> Fields:
        (value,) = self.content[number]
        return parsed(value)


def opened(data: bytes, own: Someone) -> Opened:
    (request,) = parsed(data)[2]
    (body,) = parsed(request)[3]
    envelope = parsed(body)
    assert envelope[1] == [6]
    assert len(envelope[11][0]) == 64
    private = own.key.to_curve25519_private_key()
    plain = SealedBox(private).decrypt(envelope[8][0])
    text, ed25519, signature = plain[:-96], plain[-96:-64], plain[-64:]
    VerifyKey(ed25519).verify(text + ed25519 + own.account[1:], signature)
    assert len(text) % 160 == 0
    content = parsed(text.rstrip(b"\0")[:-1])
    assert content[SIG_TIMESTAMP] == envelope[5]
    return Opened(Someone(_Public(ed25519)).id, envelope[5][0], content)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class _Public:
    """The public half of a key, as `Someone` asks for it."""

    public: bytes

    @property
    def verify_key(self) -> bytes:
        return self.public


@dataclass
class Peer:
    """An account of a client that knows protocol v1 alone. seen: hashes that were read."""

    who: Someone = field(default_factory=lambda: Someone(SigningKey(os.urandom(16) + bytes(16))))
    seen: set[str] = field(default_factory=set)
    last: int = 0

    def next_timestamp(self) -> int:
        """T, never the same twice: it is the identity of a message."""
        self.last = max(now_ms(), self.last + 1)
        return self.last

    def store_to(self, recipient: str, timestamp: int, *kind: tuple[int, int | str | bytes]) -> Json:
        """Parameters of `store` of a message with this T, which lives as long as 02.4.1 says."""
        content = pb(*kind, (SIG_TIMESTAMP, timestamp))
        given = dict(kind)
        timer, after_send = given.get(EXPIRATION_TIMER, 0), given.get(EXPIRATION_TYPE) == 2
        ttl = int(timer) * 1_000 if after_send and timer else 14 * 86_400_000
        data = base64.b64encode(sealed(content, self.who, recipient, timestamp)).decode()
        return {"pubkey": recipient, "data": data, "timestamp": timestamp, "ttl": ttl}


def data_message(*fields: tuple[int, int | str | bytes]) -> tuple[tuple[int, int | bytes], ...]:
    """A data message with expiration fields of zero, as all of them carry (02.3.2)."""
    return (DATA, pb(*fields)), (EXPIRATION_TYPE, 0), (EXPIRATION_TIMER, 0)


# -- attachments (09.1, 09.2) ------------------------------------------------------------------------------------


def attachment_sealed(plain: bytes) -> tuple[bytes, bytes, bytes]:
    """Blob, keys (64) and digest (32) of a legacy attachment, padded with zeros to at least 541 bytes."""
    keys, iv = os.urandom(64), os.urandom(16)
    pkcs = padding.PKCS7(128).padder()
    text = plain.ljust(541, b"\0")
    cbc = Cipher(algorithms.AES(keys[:32]), modes.CBC(iv)).encryptor()
    body = iv + cbc.update(pkcs.update(text) + pkcs.finalize()) + cbc.finalize()
    blob = body + hmac.new(keys[32:], body, hashlib.sha256).digest()
    return blob, keys, hashlib.sha256(blob).digest()


def attachment_opened(blob: bytes, pointer: Fields) -> bytes:
    (keys,), (digest,), (size,) = pointer[3], pointer[6], pointer[4]
    assert hashlib.sha256(blob).digest() == digest
    body, tag = blob[:-32], blob[-32:]
    assert hmac.compare_digest(hmac.new(keys[32:], body, hashlib.sha256).digest(), tag)
    cbc = Cipher(algorithms.AES(keys[:32]), modes.CBC(body[:16])).decryptor()
    pkcs = padding.PKCS7(128).unpadder()
    text = pkcs.update(cbc.update(body[16:]) + cbc.finalize()) + pkcs.finalize()
    return text[:size]
