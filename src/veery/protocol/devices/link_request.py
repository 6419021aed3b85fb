"""Link requests, type L of namespace 21: a new device asks to join a group (06.8).

    plaintext {"I": device id, "i": record, "~": signature of the account}
    message   {"": "L", "E": ephemeral key, "L": encrypted plaintext, "i": masked beginning of the link key}

It is encrypted to the group's link key, whose secret only members have. `i` lets a member find the right one of the
account keys that it holds; only the account itself can take the mask off.

An earlier draft encrypted requests under the root key, unsigned: any holder of the recovery phrase could forge one.
Such a message can still be read here, for tools that show what lies in a swarm; nobody must be asked about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from veery.protocol import bt_raw, crypto
from veery.protocol.account import Account
from veery.protocol.bt import BtMalformed
from veery.protocol.constants import (
    DATA_MAX,
    DEVICE_ID_SIZE,
    KEY_SIZE,
    LABEL_CONFIG_NONCE,
    LABEL_LINK_EARLIER,
    PERSON_LINK_INDICATOR,
    PERSON_LINK_KEY,
    V2_INDICATOR_SIZE,
)
from veery.protocol.crypto import CryptoFailed, RandomBytes
from veery.protocol.devices import emoji, record, signed
from veery.protocol.devices.emoji import EmojiString
from veery.protocol.devices.faults import DeviceMalformed, DeviceRefused, reading
from veery.protocol.devices.keys import HybridKeys
from veery.protocol.devices.record import DeviceRecord
from veery.secret import Secret

TYPE = b"L"
_KIND = "devices.link_request"


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """A request that is signed by the account. plaintext: its exact bytes, from which the emoji are made."""

    device: bytes = field(repr=False)
    record: DeviceRecord
    plaintext: bytes = field(repr=False)

    def emoji(self) -> EmojiString:
        """The emoji that both devices show. Takes 16 MiB and some milliseconds, so ask once and not in the loop."""
        return emoji.of_request(self.plaintext)


@dataclass(frozen=True, slots=True)
class EarlierRequest:
    """A request of the earlier draft. It must not be shown as a question: anybody with the recovery phrase made it."""

    device: bytes = field(repr=False)
    record: DeviceRecord
    plaintext: bytes = field(repr=False)


def make(device: bytes, record: DeviceRecord, ed25519_secret: Secret) -> LinkRequest:
    """Sign a request. record: that of the asking device, with its current keys; ed25519_secret: of the account."""
    fields = {b"I": bt_raw.string(device), b"i": record.raw}
    plaintext = signed.encode(fields, ed25519_secret)
    return LinkRequest(device, record, plaintext)


def seal(request: LinkRequest, *, link_key: bytes, account_x25519: bytes, random: RandomBytes) -> bytes:
    """Encrypt a request to a group: the `data` of a store request.

    link_key: of the group's newest message; account_x25519: the account's own long-term key (both 32 bytes).
    Raises CryptoFailed for a link key of low order.
    """
    secret = random(KEY_SIZE)
    ephemeral = crypto.x25519_public(secret)
    key, nonce = _key(crypto.x25519(secret, link_key), ephemeral, link_key)
    mask = _mask(crypto.x25519(secret, account_x25519), ephemeral, account_x25519)
    return bt_raw.encode(
        {
            b"": bt_raw.string(TYPE),
            b"E": bt_raw.string(ephemeral),
            b"L": bt_raw.string(crypto.xchacha_encrypt(key, nonce, request.plaintext)),
            b"i": bt_raw.string(crypto.xor(link_key[:V2_INDICATOR_SIZE], mask)),
        }
    )


def open(data: bytes, account: Account, held: Iterable[HybridKeys]) -> LinkRequest | None:
    """Read a request with the account keys that we hold, active and retained; None for one to another group.

    Raises DeviceMalformed `devices.link_request`; DeviceRefused `devices.link_request.signature`.
    """
    with reading(_KIND):
        fields = _outer(data)
        ephemeral, sealed = fields.string(b"E", KEY_SIZE), fields.string(b"L")
        indicator = fields.string(b"i", V2_INDICATOR_SIZE)
    plaintext = _decrypt(ephemeral, sealed, indicator, account, held)
    if plaintext is None:
        return None
    with reading(_KIND):
        inner = signed.read(plaintext, account.ed25519_public, _KIND)
        return LinkRequest(inner.string(b"I", DEVICE_ID_SIZE), record.parse(inner.dict(b"i")), plaintext)


def open_earlier(data: bytes, root_seed: Secret) -> EarlierRequest:
    """Read a request of the earlier draft. root_seed: 32 bytes.

    Raises DeviceMalformed `devices.link_request`; DeviceRefused `devices.link_request.decrypt`.
    """
    with reading(_KIND):
        blob = _outer(data).string(b"L")
    plaintext = _decrypt_earlier(blob, root_seed)
    with reading(_KIND):
        inner = bt_raw.read(plaintext)
        return EarlierRequest(inner.string(b"I", DEVICE_ID_SIZE), record.parse(inner.dict(b"i")), plaintext)


def _outer(data: bytes) -> bt_raw.RawDict:
    if len(data) > DATA_MAX:
        raise BtMalformed("the link request is too long")
    fields = bt_raw.read(data)
    if fields.string(b"") != TYPE:
        raise BtMalformed("the type is not L", kind="protocol.bt.type")
    return fields


def _decrypt(
    ephemeral: bytes, sealed: bytes, indicator: bytes, account: Account, held: Iterable[HybridKeys]
) -> bytes | None:
    try:
        mask = _mask(crypto.x25519(account.x25519_secret.reveal(), ephemeral), ephemeral, account.x25519_public)
    except CryptoFailed:
        return None
    prefix = crypto.xor(indicator, mask)
    for keys in held:
        if not keys.public.x25519.startswith(prefix):
            continue
        try:
            exchanged = crypto.x25519(keys.x25519_secret.reveal(), ephemeral)
            key, nonce = _key(exchanged, ephemeral, keys.public.x25519)
            return crypto.xchacha_decrypt(key, nonce, sealed)
        except CryptoFailed:
            continue
    return None


def _decrypt_earlier(blob: bytes, root_seed: Secret) -> bytes:
    nonce_at = len(blob) - crypto.XCHACHA_NONCE_SIZE
    size = nonce_at - crypto.XCHACHA_TAG_SIZE
    if size < 0:
        raise DeviceMalformed("the link request is too short", kind=_KIND)
    key = crypto.blake2b(KEY_SIZE, root_seed.reveal(), size.to_bytes(8, "big"), LABEL_LINK_EARLIER)
    try:
        plaintext = crypto.xchacha_decrypt(key, blob[nonce_at:], blob[:nonce_at])
    except CryptoFailed:
        raise DeviceRefused("the link request is not of this account", kind=f"{_KIND}.decrypt") from None
    nonce = crypto.blake2b(crypto.XCHACHA_NONCE_SIZE, plaintext, key=LABEL_CONFIG_NONCE + LABEL_LINK_EARLIER)
    if not crypto.equal(nonce, blob[nonce_at:]):
        raise DeviceRefused("the link request is not of this account", kind=f"{_KIND}.decrypt")
    return plaintext


def _mask(exchanged: bytes, ephemeral: bytes, account_x25519: bytes) -> bytes:
    return crypto.blake2b(V2_INDICATOR_SIZE, ephemeral, account_x25519, key=exchanged, person=PERSON_LINK_INDICATOR)


def _key(exchanged: bytes, ephemeral: bytes, link_key: bytes) -> tuple[bytes, bytes]:
    size = KEY_SIZE + crypto.XCHACHA_NONCE_SIZE
    derived = crypto.blake2b(size, exchanged, ephemeral, link_key, person=PERSON_LINK_KEY)
    return derived[:KEY_SIZE], derived[KEY_SIZE:]
