"""Veery's own data for linked devices, type V of namespace 21 (14.0.3).

    {"": "V", "A": random (32), "d": encrypted content, "~": signature of the account}

The content is one bt dict, padded with zeros to steps of 4 KiB and encrypted with the seed of an account key. Deployed
devices ignore the type and never delete it. It is stored again after each rotation, because the key that it was
encrypted with is deleted 16 days later.
"""

from __future__ import annotations

from collections.abc import Iterable

from veery.errors import Misuse
from veery.protocol import bt, bt_raw, crypto
from veery.protocol.constants import DATA_MAX, KEY_SIZE, PERSON_SHARED_DATA, SHARED_DATA_STEP
from veery.protocol.crypto import CryptoFailed, RandomBytes
from veery.protocol.devices import signed
from veery.protocol.devices.faults import DeviceMalformed, reading
from veery.secret import Secret

TYPE = b"V"
_KIND = "devices.shared_data"


def seal(
    content: dict[bytes, bt.Encodable], *, account_seed: Secret, ed25519_secret: Secret, random: RandomBytes
) -> bytes:
    """Seal a dict for the own devices: the `data` of a store request.

    account_seed: of the active account key; ed25519_secret: of the account, 64 bytes. Raises Misuse beyond DATA_MAX.
    """
    plaintext = bt.encode(content)
    padded = plaintext.ljust(-(-len(plaintext) // SHARED_DATA_STEP) * SHARED_DATA_STEP, b"\0")
    label = random(KEY_SIZE)
    key, nonce = _key(account_seed, label)
    fields = {
        b"": bt_raw.string(TYPE),
        b"A": bt_raw.string(label),
        b"d": bt_raw.string(crypto.xchacha_encrypt(key, nonce, padded)),
    }
    data = signed.encode(fields, ed25519_secret)
    if len(data) > DATA_MAX:
        raise Misuse("the shared data is too long for one message", kind=_KIND)
    return data


def open(data: bytes, ed25519_public: bytes, account_seeds: Iterable[Secret]) -> dict[bytes, bt.Value] | None:
    """Read shared data with the account seeds that we hold, active and retained; None when none of them fits.

    Raises DeviceMalformed `devices.shared_data`; DeviceRefused `devices.shared_data.signature`.
    """
    if len(data) > DATA_MAX:
        raise DeviceMalformed("the shared data is too long", kind=_KIND)
    with reading(_KIND):
        fields = signed.read(data, ed25519_public, _KIND, TYPE)
        label, sealed = fields.string(b"A", KEY_SIZE), fields.string(b"d")
    for seed in account_seeds:
        key, nonce = _key(seed, label)
        try:
            plaintext = crypto.xchacha_decrypt(key, nonce, sealed)
        except CryptoFailed:
            continue
        with reading(_KIND):
            return bt.decode_dict(plaintext.rstrip(b"\0"))
    return None


def _key(seed: Secret, label: bytes) -> tuple[bytes, bytes]:
    size = KEY_SIZE + crypto.XCHACHA_NONCE_SIZE
    derived = crypto.blake2b(size, seed.reveal(), label, person=PERSON_SHARED_DATA)
    return derived[:KEY_SIZE], derived[KEY_SIZE:]
