"""Messages in a group: signed by their author, encrypted once for all (08.5).

    Envelope -> zstd if that is shorter -> bt-dict with author and signature -> zeros behind -> XChaCha20-Poly1305

The signature covers the data as carried and the group's key, so that a message cannot be posted again in another
group. That the author is a member is proved by nothing but having had the key: messages of former members are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from veery.protocol import bt, crypto
from veery.protocol.account import AccountId
from veery.protocol.config import ConfigMalformed
from veery.protocol.config.compression import deflate, inflate
from veery.protocol.constants import (
    CONTENT_MAX,
    DATA_MAX,
    GROUP_MESSAGE_OVERHEAD,
    GROUP_MESSAGE_PADDING,
    GROUP_MESSAGE_VERSION,
    KEY_SIZE,
)
from veery.protocol.crypto import XCHACHA_NONCE_SIZE, CryptoFailed, RandomBytes
from veery.protocol.envelope import Envelope, EnvelopeType, MessageMalformed, decode_envelope, encode_envelope
from veery.protocol.groups.errors import GroupMalformed, GroupMisuse, GroupRefused
from veery.secret import Secret

_VERSION: Final = b""
_AUTHOR: Final = b"a"
_DATA: Final = b"d"
_SIGNATURE: Final = b"s"
_COMPRESSED: Final = b"z"


@dataclass(frozen=True, slots=True)
class OpenedPlaintext:
    """What was encrypted, and its author: proved Account ID and Ed25519 key (32 bytes)."""

    sender: AccountId
    sender_ed25519: bytes = field(repr=False)
    plaintext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OpenedGroupMessage:
    """One opened message. timestamp: T of the Envelope, ms; content: a Content, not yet parsed; pro_sig: unchecked."""

    sender: AccountId
    sender_ed25519: bytes = field(repr=False)
    timestamp: int
    content: bytes = field(repr=False)
    pro_sig: bytes | None = field(repr=False)


# -- writing ---------------------------------------------------------------------------------------------------


def seal(
    content: bytes,
    *,
    sender_ed25519_secret: Secret,
    group_public: bytes,
    key: Secret,
    timestamp_ms: int,
    pro_sig: bytes | None,
    random: RandomBytes,
) -> bytes:
    """Seal an encoded Content for a group: the raw data of a store request.

    key: the group's current encryption key; pro_sig: 64 bytes, real or decoy. Raises Misuse when it is too long.
    """
    envelope = Envelope(
        timestamp=timestamp_ms, content=content, pro_sig=pro_sig, type=EnvelopeType.CLOSED_GROUP_MESSAGE
    )
    return seal_plaintext(
        encode_envelope(envelope),
        sender_ed25519_secret=sender_ed25519_secret,
        group_public=group_public,
        key=key,
        nonce=random(XCHACHA_NONCE_SIZE),
    )


def seal_plaintext(
    plaintext: bytes, *, sender_ed25519_secret: Secret, group_public: bytes, key: Secret, nonce: bytes
) -> bytes:
    """Sign, compress if that helps, pad and encrypt. nonce: 24 random bytes.

    Raises GroupMisuse: `group.misuse.size`.
    """
    if len(plaintext) > CONTENT_MAX:
        raise GroupMisuse(f"a group message holds at most {CONTENT_MAX} bytes", kind="group.misuse.size")
    inner = signed(plaintext, sender_ed25519_secret, group_public)
    size = -(-(len(inner) + GROUP_MESSAGE_OVERHEAD) // GROUP_MESSAGE_PADDING) * GROUP_MESSAGE_PADDING
    if size > DATA_MAX:
        raise GroupMisuse(
            f"the sealed message has more than {DATA_MAX} bytes",
            kind="group.misuse.size",
            remedy="Shorten the text or send it as a file",
        )
    padded = inner.ljust(size - GROUP_MESSAGE_OVERHEAD, b"\0")
    return nonce + crypto.xchacha_encrypt(key.reveal(), nonce, padded)


def signed(plaintext: bytes, sender_ed25519_secret: Secret, group_public: bytes) -> bytes:
    """The bt-dict that is encrypted: version, author, data, signature."""
    secret = sender_ed25519_secret.reveal()
    packed = deflate(plaintext)
    name, data = (_COMPRESSED, packed) if len(packed) < len(plaintext) else (_DATA, plaintext)
    return bt.encode(
        {
            _VERSION: GROUP_MESSAGE_VERSION,
            _AUTHOR: secret[KEY_SIZE:],
            name: data,
            _SIGNATURE: crypto.ed25519_sign(secret, data + group_public),
        }
    )


# -- reading ---------------------------------------------------------------------------------------------------


def open(data: bytes, *, group_public: bytes, keys: Sequence[Secret]) -> OpenedGroupMessage:
    """Open a stored message with whichever key does it. Raises as `open_plaintext`, and `group.message.envelope`."""
    opened = open_plaintext(data, group_public=group_public, keys=keys)
    try:
        envelope = decode_envelope(opened.plaintext)
    except MessageMalformed:
        raise GroupMalformed("the message holds no Envelope", kind="group.message.envelope") from None
    return OpenedGroupMessage(
        opened.sender, opened.sender_ed25519, envelope.timestamp, envelope.content, envelope.pro_sig
    )


def open_plaintext(data: bytes, *, group_public: bytes, keys: Sequence[Secret]) -> OpenedPlaintext:
    """Decrypt, check the author's signature, inflate.

    Raises GroupMalformed: `group.message.form`, `.version`, `.zstd`; GroupRefused: `group.refused.decrypt`, `.author`,
    `.signature`.
    """
    fields = _read(_decrypted(data, keys))
    if fields.get(_VERSION) != GROUP_MESSAGE_VERSION:
        raise GroupMalformed("the message is of another version", kind="group.message.version")
    author, signature = fields.get(_AUTHOR), fields.get(_SIGNATURE)
    carried, packed = fields.get(_DATA, b""), fields.get(_COMPRESSED, b"")
    if not (isinstance(carried, bytes) and isinstance(packed, bytes) and bool(carried) != bool(packed)):
        raise GroupMalformed("a message carries data once, compressed or not", kind="group.message.form")
    if not (isinstance(author, bytes) and isinstance(signature, bytes)):
        raise GroupMalformed("a message needs an author and a signature", kind="group.message.form")
    if not crypto.ed25519_verifies(author, (carried or packed) + group_public, signature):
        raise GroupRefused("the author's signature does not verify", kind="group.refused.signature")
    try:
        sender = AccountId.from_ed25519(author)
    except CryptoFailed:
        raise GroupRefused("the author's key is none", kind="group.refused.author") from None
    try:
        plaintext = carried or inflate(packed, CONTENT_MAX)
    except ConfigMalformed:
        raise GroupMalformed("the message does not inflate", kind="group.message.zstd") from None
    return OpenedPlaintext(sender, author, plaintext)


def _decrypted(data: bytes, keys: Sequence[Secret]) -> bytes:
    nonce, sealed = data[:XCHACHA_NONCE_SIZE], data[XCHACHA_NONCE_SIZE:]
    for key in keys:
        try:
            return crypto.xchacha_decrypt(key.reveal(), nonce, sealed)
        except CryptoFailed:
            continue
    raise GroupRefused("the message does not open with any key", kind="group.refused.decrypt")


def _read(padded: bytes) -> dict[bytes, bt.Value]:
    try:
        return bt.decode_dict(padded.rstrip(b"\0"))
    except bt.BtMalformed:
        raise GroupMalformed("the message is no bt-dict", kind="group.message.form") from None
