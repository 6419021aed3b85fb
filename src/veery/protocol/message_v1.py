"""Messages, protocol v1: seal one for a recipient, open one, 02.1.

From inside out: padded Content M; `sig` = Ed25519(M || sender's Ed25519 key || recipient's X25519 key); a sealed box of
M || key || sig to the recipient's X25519 key; Envelope; WebSocketMessage (see `envelope`). The signature names the
recipient, so that a message cannot be sealed again for a third person. Who the sender is follows from the signature
alone: the Account ID is 05 and the X25519 form of the key that signed.

Every Envelope carries 64 bytes of proSig. Senders without Pro make a decoy of the same shape (a random point of the
main subgroup and a random scalar): 64 random bytes would tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from veery.errors import Misuse, Rejected
from veery.protocol import crypto
from veery.protocol.constants import (
    ACCOUNT_ID_SIZE,
    DATA_MAX,
    KEY_SIZE,
    LABEL_BOX_EPHEMERAL,
    PREFIX_USER,
    SEALED_MESSAGE_MIN,
    SIGNATURE_SIZE,
    SIGNED_TRAILER_SIZE,
)
from veery.protocol.crypto import CryptoFailed, RandomBytes
from veery.protocol.envelope import (
    Envelope,
    MessageMalformed,
    decode_envelope,
    encode_envelope,
    pad,
    unpad,
    unwrap,
    wrap,
)
from veery.secret import Secret

__all__ = [
    "MessageMalformed",
    "MessageRefused",
    "OpenedBox",
    "OpenedMessage",
    "decoy_pro_signature",
    "open",
    "open_box",
    "seal",
    "seal_box",
    "seal_deterministic",
    "sign_plaintext",
]


class MessageRefused(Rejected):
    """A message v1 that does not open with this key, or whose sender is not proved, 02.10."""

    default_kind = "message.v1"


@dataclass(frozen=True, slots=True)
class OpenedBox:
    """What a sealed box held: the sender's Account ID (33 raw bytes) and Ed25519 key (32), both proved; the message."""

    sender: bytes = field(repr=False)
    sender_ed25519: bytes = field(repr=False)
    message: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class OpenedMessage:
    """One opened message. timestamp: T of the Envelope, ms, not yet compared with the Content's (02.5.2).

    sender: Account ID, 33 raw bytes, and sender_ed25519, 32 bytes: both proved. content: an unpadded Content, not yet
    parsed. pro_sig: 64 bytes, unchecked, None from older senders.
    """

    sender: bytes = field(repr=False)
    sender_ed25519: bytes = field(repr=False)
    timestamp: int
    content: bytes = field(repr=False)
    pro_sig: bytes | None = field(repr=False)


# -- sealing ---------------------------------------------------------------------------------------------------


def seal(
    content: bytes,
    *,
    sender_ed25519_secret: Secret,
    recipient: bytes,
    timestamp_ms: int,
    random: RandomBytes,
    pro_key: Secret | None = None,
) -> bytes:
    """Seal an encoded Content for one recipient: the raw `data` of a store request, before base64.

    sender_ed25519_secret: 64 bytes (libsodium form), of the account or a key pair derived like one; recipient: Account
    ID (33 bytes) or X25519 key (32); timestamp_ms: T, equal to the Content's; pro_key: rotating Pro key, Ed25519 secret
    of 64 bytes. Raises Misuse beyond DATA_MAX and for ids that are none, CryptoFailed for unusable keys.
    """
    box = seal_box(pad(content), sender_ed25519_secret, recipient, random)
    pro_sig = decoy_pro_signature(random) if pro_key is None else crypto.ed25519_sign(pro_key.reveal(), box)
    data = wrap(encode_envelope(Envelope(timestamp=timestamp_ms, content=box, pro_sig=pro_sig)))
    if len(data) > DATA_MAX:
        raise Misuse(
            f"the sealed message has more than {DATA_MAX} bytes",
            kind="message.v1.too_long",
            remedy="Shorten the text or send it as a file",
        )
    return data


def sign_plaintext(message: bytes, sender_ed25519_secret: Secret, recipient_x25519: bytes) -> bytes:
    """message || sender's Ed25519 key (32) || signature (64) over message, key and recipient, 02.1."""
    secret = sender_ed25519_secret.reveal()
    public = secret[KEY_SIZE:]
    return message + public + crypto.ed25519_sign(secret, message + public + recipient_x25519)


def seal_box(message: bytes, sender_ed25519_secret: Secret, recipient: bytes, random: RandomBytes) -> bytes:
    """Sign and seal bytes as they are, without padding or Envelope: 144 bytes longer, 02.1. Raises as `seal`."""
    recipient_x25519 = _x25519_of(recipient)
    plaintext = sign_plaintext(message, sender_ed25519_secret, recipient_x25519)
    return crypto.box_seal(recipient_x25519, plaintext, random(KEY_SIZE))


def seal_deterministic(message: bytes, sender_ed25519_secret: Secret, recipient: bytes) -> bytes:
    """`seal_box` with an ephemeral key that follows from the input: equal input gives equal output, 02.1.1."""
    recipient_x25519 = _x25519_of(recipient)
    seed = sender_ed25519_secret.reveal()[:KEY_SIZE]
    ephemeral_seed = crypto.blake2b(KEY_SIZE, seed, recipient_x25519, message, key=LABEL_BOX_EPHEMERAL)
    plaintext = sign_plaintext(message, sender_ed25519_secret, recipient_x25519)
    return crypto.box_seal(recipient_x25519, plaintext, ephemeral_seed)


def decoy_pro_signature(random: RandomBytes) -> bytes:
    """64 bytes that look like an Ed25519 signature and are none: r·B || s for random scalars r and s below L, 02.1."""
    # 64 bytes a scalar: the remainder of fewer would be biased, and the bias would show
    r = 1 + int.from_bytes(random(64), "little") % (crypto.L - 1)
    s = crypto.scalar_reduce(random(64))
    return crypto.point_base_mul(r.to_bytes(KEY_SIZE, "little")) + s


def _x25519_of(recipient: bytes) -> bytes:
    if len(recipient) == KEY_SIZE:
        return recipient
    if len(recipient) == ACCOUNT_ID_SIZE and recipient[0] == PREFIX_USER:
        return recipient[1:]
    raise Misuse("the recipient must be an Account ID or an X25519 key", kind="message.v1.recipient")


# -- opening ---------------------------------------------------------------------------------------------------


def open(data: bytes, *, x25519_public: bytes, x25519_secret: Secret) -> OpenedMessage:
    """Open the raw `data` of a stored item (after base64) with the own X25519 key pair.

    Raises MessageMalformed: `message.v1.wrapper`, `.no_request`, `.no_body`, `.envelope`, `.no_content`, `.source`,
    `.pro_sig`. Raises MessageRefused: `message.v1.short`, `.decrypt`, `.signature`, `.sender`.
    """
    envelope = decode_envelope(unwrap(data))
    box = open_box(envelope.content, x25519_public=x25519_public, x25519_secret=x25519_secret)
    return OpenedMessage(
        sender=box.sender,
        sender_ed25519=box.sender_ed25519,
        timestamp=envelope.timestamp,
        content=unpad(box.message),
        pro_sig=envelope.pro_sig,
    )


def open_box(sealed: bytes, *, x25519_public: bytes, x25519_secret: Secret) -> OpenedBox:
    """Open a sealed box and prove its sender, 02.1.2; the message is left as it was sealed.

    Raises MessageRefused: `message.v1.short`, `.decrypt`, `.signature`, `.sender`.
    """
    if len(sealed) < SEALED_MESSAGE_MIN:
        raise MessageRefused("the sealed box is too short", kind="message.v1.short")
    try:
        plaintext = crypto.box_open(x25519_public, x25519_secret.reveal(), sealed)
    except CryptoFailed:
        raise MessageRefused("the message does not open with this key", kind="message.v1.decrypt") from None
    message, trailer = plaintext[:-SIGNED_TRAILER_SIZE], plaintext[-SIGNED_TRAILER_SIZE:]
    public, signature = trailer[:-SIGNATURE_SIZE], trailer[-SIGNATURE_SIZE:]
    if not crypto.ed25519_verifies(public, message + public + x25519_public, signature):
        raise MessageRefused("the sender's signature does not verify", kind="message.v1.signature")
    try:
        sender = bytes([PREFIX_USER]) + crypto.ed25519_public_to_x25519(public)
    except CryptoFailed:
        raise MessageRefused("the sender's key is none", kind="message.v1.sender") from None
    return OpenedBox(sender=sender, sender_ed25519=public, message=message)
