"""One message for several recipients, or one for each, that only they can open (08.7.2).

    d 1:# nonce(24)  1:e [ciphertext...] e

All entries share a nonce and have a key each, from the X25519 secret of sender and recipient and a domain. Nothing
tells which entry is whose: a recipient tries them all.
"""

from __future__ import annotations

from collections.abc import Sequence

from veery.protocol import bt, crypto
from veery.protocol.account import Account
from veery.protocol.constants import KEY_SIZE, MULTI_DOMAIN_MAX, MULTI_RECIPIENTS_MAX
from veery.protocol.crypto import XCHACHA_NONCE_SIZE, CryptoFailed
from veery.protocol.groups.errors import GroupMalformed, GroupMisuse, GroupRefused
from veery.secret import Secret


def encrypt(
    messages: Sequence[bytes],
    recipients: Sequence[bytes],
    *,
    sender_ed25519_secret: Secret,
    domain: bytes,
    nonce: bytes,
) -> bytes:
    """Encrypt one message for all recipients (X25519 keys, 32 bytes), or one for each, in the order given.

    nonce: 24 random bytes, never used twice; domain: what the message is for, of which 64 bytes count.
    Raises GroupMisuse: `group.misuse.recipients`, `.domain`; CryptoFailed for a key that gives no shared secret.
    """
    if len(messages) not in (1, len(recipients)) or not 0 < len(recipients) <= MULTI_RECIPIENTS_MAX:
        raise GroupMisuse("one message is needed, or one for each recipient", kind="group.misuse.recipients")
    public, secret = _x25519(sender_ed25519_secret)
    several = messages if len(messages) > 1 else [messages[0]] * len(recipients)
    entries = [
        crypto.xchacha_encrypt(_key(crypto.x25519(secret, recipient), public, recipient, domain), nonce, message)
        for message, recipient in zip(several, recipients, strict=True)
    ]
    return bt.encode({b"#": nonce, b"e": entries})


def decrypt(encoded: bytes, *, account: Account, sender_public: bytes, domain: bytes) -> bytes:
    """The message for an account. sender_public: Ed25519.

    Raises GroupMalformed: `group.multi`; GroupRefused: `group.refused.recipient` when none of the entries is for it.
    """
    nonce, entries = _read(encoded)
    try:
        sender = crypto.ed25519_public_to_x25519(sender_public)
        shared = crypto.x25519(account.x25519_secret.reveal(), sender)
    except CryptoFailed:
        raise GroupRefused("the sender's key is none", kind="group.refused.sender") from None
    key = _key(shared, sender, account.x25519_public, domain)
    for entry in entries:
        try:
            return crypto.xchacha_decrypt(key, nonce, entry)
        except CryptoFailed:
            continue
    raise GroupRefused("the message is not for this account", kind="group.refused.recipient")


def _x25519(ed25519_secret: Secret) -> tuple[bytes, bytes]:
    secret = crypto.ed25519_secret_to_x25519(ed25519_secret.reveal())
    return crypto.x25519_public(secret), secret


def _key(shared: bytes, sender: bytes, recipient: bytes, domain: bytes) -> bytes:
    if not domain:
        raise GroupMisuse("a message for several recipients needs a domain", kind="group.misuse.domain")
    return crypto.blake2b(KEY_SIZE, shared, sender, recipient, key=domain[:MULTI_DOMAIN_MAX])


def _read(encoded: bytes) -> tuple[bytes, list[bytes]]:
    try:
        found = bt.decode_dict(encoded, lenient=True)
    except bt.BtMalformed:
        found = {}
    match found:
        case {b"#": bytes(nonce), b"e": list(items)}:
            entries = [item for item in items if isinstance(item, bytes)]
            if len(nonce) == XCHACHA_NONCE_SIZE and len(entries) == len(items) <= MULTI_RECIPIENTS_MAX:
                return nonce, entries
    raise GroupMalformed("this is no message for several recipients", kind="group.multi")
