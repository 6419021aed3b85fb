"""Messages, protocol v2: seal one for a recipient's account keys, open one, and the fallback form (06.11, 06.12).

    00 02 || ki (2) || E (32) || ML-KEM ciphertext (1088) || XChaCha20-Poly1305 of the padded inner part

E is an ephemeral X25519 key. `ki` is the beginning of the recipient's ML-KEM key under a mask that only sender and
recipient know, so that the recipient finds the right one of its keys. The message key comes from both exchanges, the
X25519 and the ML-KEM one: it is safe while either is. Account keys live for half a day and their seeds for 16 more, so
whoever takes the long-term key later reads nothing of this.

    inner   {"S": sender's Ed25519 key, "c": Content, "~": signature, "~P": signature of a Pro key}

The signature covers the recipient's Account ID, so that a message cannot be sealed again for a third person.

The fallback form is made with the recipient's long-term key alone, for recipients whose account keys are not known. It
has the same shape and sizes: a swarm cannot tell them apart. It is weaker, and must be shown as such.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from veery.errors import Malformed, Misuse, Rejected
from veery.protocol import bt_raw, crypto
from veery.protocol.account import Account
from veery.protocol.bt import BtMalformed
from veery.protocol.constants import (
    ACCOUNT_ID_SIZE,
    DATA_MAX,
    KEY_SIZE,
    LABEL_V2_FALLBACK,
    LABEL_V2_FALLBACK_KEY,
    LABEL_V2_KEY,
    MLKEM_CIPHERTEXT_SIZE,
    PERSON_V2_INDICATOR,
    PERSON_V2_SIGNATURE,
    PREFIX_USER,
    SIGNATURE_SIZE,
    V2_COMBINER_SUFFIX,
    V2_INDICATOR_SIZE,
    V2_MESSAGE_MIN,
    V2_MESSAGE_STEP,
    V2_OVERHEAD,
    V2_PREFIX,
)
from veery.protocol.crypto import CryptoFailed, Encapsulate, RandomBytes
from veery.protocol.devices.keys import HybridKeys, HybridPublic
from veery.secret import Secret


class MessageMalformed(Malformed):
    """The bytes are no message v2, or what one holds is not signed by its sender for us (06.13 `bad_format`)."""

    default_kind = "message.v2"


class NoKey(Rejected):
    """No key that we hold opens the message (06.13 `no_pfs_key`).

    It may come with the next group message: fetch namespace 21, merge, try once more; else keep the ciphertext.
    """

    default_kind = "message.v2.no_key"
    default_remedy = "It may be readable once this device has caught up with your other devices"


@dataclass(frozen=True, slots=True)
class OpenedMessage:
    """One opened message. sender: Account ID, 33 raw bytes, and sender_ed25519, 32 bytes: both proved.

    content: a Content, not yet parsed; pro_signature: 64 bytes, unchecked (`signed_by_pro` are the bytes it is over),
    or None; pfs: False for the fallback form.
    """

    sender: bytes = field(repr=False)
    sender_ed25519: bytes = field(repr=False)
    content: bytes = field(repr=False)
    pro_signature: bytes | None = field(repr=False)
    signed_by_pro: bytes | None = field(repr=False)
    pfs: bool


@dataclass(frozen=True, slots=True)
class _Outer:
    indicator: bytes
    ephemeral: bytes
    ciphertext: bytes
    payload: bytes


# -- sealing ---------------------------------------------------------------------------------------------------


def seal(
    content: bytes,
    *,
    sender_ed25519_secret: Secret,
    recipient: bytes,
    keys: HybridPublic,
    random: RandomBytes,
    pro_key: Secret | None = None,
    encapsulate: Encapsulate = crypto.mlkem_encapsulate,
) -> bytes:
    """Seal an encoded Content under a recipient's account keys: the raw `data` of a store request, before base64.

    content: without the padding of v1; sender_ed25519_secret: 64 bytes (libsodium form); recipient: Account ID, 33 raw
    bytes; keys: of its account record; pro_key: rotating Pro key, Ed25519 secret of 64 bytes.
    Raises Misuse beyond DATA_MAX and for ids that are none, CryptoFailed for unusable keys.
    """
    long_term = _x25519_of(recipient)
    inner = sign_inner(content, sender_ed25519_secret, recipient, pro_key)
    secret = random(KEY_SIZE)
    ephemeral = crypto.x25519_public(secret)
    mask = _mask(crypto.x25519(secret, long_term), ephemeral, long_term)
    exchanged = crypto.x25519(secret, keys.x25519)
    shared, ciphertext = encapsulate(keys.mlkem)
    key, nonce = _key(shared, exchanged, ephemeral, keys.x25519)
    indicator = crypto.xor(keys.mlkem[:V2_INDICATOR_SIZE], mask)
    return _joined(_Outer(indicator, ephemeral, ciphertext, crypto.xchacha_encrypt(key, nonce, _padded(inner))))


def seal_fallback(
    content: bytes,
    *,
    sender_ed25519_secret: Secret,
    recipient: bytes,
    random: RandomBytes,
    pro_key: Secret | None = None,
) -> bytes:
    """Seal under the recipient's long-term key alone (06.12): arguments, sizes and errors as `seal`."""
    long_term = _x25519_of(recipient)
    inner = sign_inner(content, sender_ed25519_secret, recipient, pro_key)
    secret = random(KEY_SIZE)
    ephemeral = crypto.x25519_public(secret)
    key, nonce = _fallback_key(crypto.x25519(secret, long_term), ephemeral, long_term)
    payload = crypto.xchacha_encrypt(key, nonce, _padded(inner))
    indicator, ciphertext = random(V2_INDICATOR_SIZE), random(MLKEM_CIPHERTEXT_SIZE)
    return _joined(_Outer(indicator, ephemeral, ciphertext, payload))


def sign_inner(content: bytes, sender_ed25519_secret: Secret, recipient: bytes, pro_key: Secret | None = None) -> bytes:
    """The inner part without padding: the Content, signed for one recipient (Account ID, 33 raw bytes)."""
    secret = sender_ed25519_secret.reveal()
    fields = {b"S": bt_raw.string(secret[KEY_SIZE:]), b"c": bt_raw.string(content)}
    signatures = [(b"~", lambda signed: crypto.ed25519_sign(secret, _signed_hash(signed, recipient)))]
    if pro_key is not None:
        pro_secret = pro_key.reveal()
        signatures.append((b"~P", lambda signed: crypto.ed25519_sign(pro_secret, signed)))
    return bt_raw.encode(fields, *signatures)


# -- opening ---------------------------------------------------------------------------------------------------


def open(data: bytes, account: Account, held: Sequence[HybridKeys]) -> OpenedMessage:
    """Open the raw `data` of a stored message that begins with 00 02.

    held: account keys, the active one first, then the most recently rotated. The fallback form is tried last.
    Raises MessageMalformed `message.v2.format`, `.signature`, `.sender`; NoKey `message.v2.no_key`.
    """
    outer = _split(data)
    own = account.account_id.raw
    try:
        exchanged = crypto.x25519(account.x25519_secret.reveal(), outer.ephemeral)
    except CryptoFailed:
        raise MessageMalformed("the ephemeral key has low order", kind="message.v2.format") from None
    plaintext = _decrypt(outer, _mask(exchanged, outer.ephemeral, account.x25519_public), held)
    if plaintext is not None:
        return _read_inner(plaintext, own, pfs=True)
    key, nonce = _fallback_key(exchanged, outer.ephemeral, account.x25519_public)
    try:
        plaintext = crypto.xchacha_decrypt(key, nonce, outer.payload)
    except CryptoFailed:
        raise NoKey("no key of this device opens the message") from None
    return _read_inner(plaintext, own, pfs=False)


def indicator(data: bytes) -> bytes:
    """The masked indicator of a message, 2 bytes, by which a failed push is remembered (06.15)."""
    return _split(data).indicator


def _decrypt(outer: _Outer, mask: bytes, held: Sequence[HybridKeys]) -> bytes | None:
    prefix = crypto.xor(outer.indicator, mask)
    for keys in held:
        if not keys.public.mlkem.startswith(prefix):
            continue
        try:
            exchanged = crypto.x25519(keys.x25519_secret.reveal(), outer.ephemeral)
            shared = keys.mlkem_seed.decapsulate(outer.ciphertext)
            key, nonce = _key(shared, exchanged, outer.ephemeral, keys.public.x25519)
            return crypto.xchacha_decrypt(key, nonce, outer.payload)
        except CryptoFailed:
            continue  # two keys can share an indicator
    return None


def _read_inner(plaintext: bytes, own: bytes, *, pfs: bool) -> OpenedMessage:
    # What an authenticated cipher opened is what its sender wrote: if it is wrong inside, no other key is tried.
    try:
        fields = bt_raw.read(plaintext.rstrip(b"\0"))
        public = fields.string(b"S", KEY_SIZE)
        content = fields.string(b"c")
        signature = fields.string(b"~", SIGNATURE_SIZE)
        pro_signature = fields.string(b"~P", SIGNATURE_SIZE) if b"~P" in fields else None
    except BtMalformed:
        raise MessageMalformed("the inner part is not in its form", kind="message.v2.format") from None
    if not crypto.ed25519_verifies(public, _signed_hash(fields.before(b"~"), own), signature):
        raise MessageMalformed("the sender's signature does not verify", kind="message.v2.signature")
    try:
        sender = bytes([PREFIX_USER]) + crypto.ed25519_public_to_x25519(public)
    except CryptoFailed:
        raise MessageMalformed("the sender's key is none", kind="message.v2.sender") from None
    signed_by_pro = None if pro_signature is None else fields.before(b"~P")
    return OpenedMessage(sender, public, content, pro_signature, signed_by_pro, pfs)


# -- the outer form and its keys -------------------------------------------------------------------------------


def _split(data: bytes) -> _Outer:
    if not data.startswith(V2_PREFIX) or not V2_MESSAGE_MIN <= len(data) <= DATA_MAX:
        raise MessageMalformed("the message is no v2, too short or too long", kind="message.v2.format")
    ephemeral_at = len(V2_PREFIX) + V2_INDICATOR_SIZE
    ciphertext_at = ephemeral_at + KEY_SIZE
    payload_at = ciphertext_at + MLKEM_CIPHERTEXT_SIZE
    return _Outer(
        indicator=data[len(V2_PREFIX) : ephemeral_at],
        ephemeral=data[ephemeral_at:ciphertext_at],
        ciphertext=data[ciphertext_at:payload_at],
        payload=data[payload_at:],
    )


def _joined(outer: _Outer) -> bytes:
    return V2_PREFIX + outer.indicator + outer.ephemeral + outer.ciphertext + outer.payload


def _padded(inner: bytes) -> bytes:
    final = max(V2_MESSAGE_MIN, -(-(V2_OVERHEAD + len(inner)) // V2_MESSAGE_STEP) * V2_MESSAGE_STEP)
    if final > DATA_MAX:
        raise Misuse(
            f"the sealed message has more than {DATA_MAX} bytes",
            kind="message.v2.too_long",
            remedy="Shorten the text or send it as a file",
        )
    return inner.ljust(final - V2_OVERHEAD, b"\0")


def _mask(exchanged: bytes, ephemeral: bytes, long_term: bytes) -> bytes:
    return crypto.blake2b(V2_INDICATOR_SIZE, ephemeral, long_term, key=exchanged, person=PERSON_V2_INDICATOR)


def _key(shared: bytes, exchanged: bytes, ephemeral: bytes, account_x25519: bytes) -> tuple[bytes, bytes]:
    combined = crypto.sha3_256(shared, exchanged, ephemeral, account_x25519, V2_COMBINER_SUFFIX)
    return _expanded(LABEL_V2_KEY, combined)


def _fallback_key(exchanged: bytes, ephemeral: bytes, long_term: bytes) -> tuple[bytes, bytes]:
    combined = crypto.sha3_256(exchanged, long_term, ephemeral, LABEL_V2_FALLBACK)
    return _expanded(LABEL_V2_FALLBACK_KEY, combined)


def _expanded(label: bytes, secret: bytes) -> tuple[bytes, bytes]:
    raw = crypto.shake256(KEY_SIZE + crypto.XCHACHA_NONCE_SIZE, label, secret)
    return raw[:KEY_SIZE], raw[KEY_SIZE:]


def _signed_hash(signed: bytes, recipient: bytes) -> bytes:
    return crypto.blake2b(64, signed, key=recipient, person=PERSON_V2_SIGNATURE)


def _x25519_of(recipient: bytes) -> bytes:
    if len(recipient) != ACCOUNT_ID_SIZE or recipient[0] != PREFIX_USER:
        raise Misuse("the recipient must be an Account ID", kind="message.v2.recipient")
    return recipient[1:]
