"""The account-key record of namespace -21: the account's public keys, signed, for anybody to read (06.9, 14.0.2).

    {"M": ML-KEM key (1184), "X": X25519 key (32), "vt": unix seconds of signing, "~": signature over all before it}

Deployed clients write M, X and ~ alone: 1302 bytes. Veery adds `vt`, so that an old record cannot be served again as a
new one. A withdrawal has `vt` and `vw` = 1 and no keys: deployed readers find no key, Veery's learn from the account
itself that it publishes none. Whoever knows the Account ID can verify, by the positive key of its X25519 key (01.5).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from veery.errors import Misuse
from veery.protocol import bt, bt_raw, crypto, xed25519
from veery.protocol.constants import (
    ACCOUNT_ID_SIZE,
    DATA_MAX,
    KEY_SIZE,
    MLKEM_PUBLIC_SIZE,
    PERSON_RECORD_ECHO,
    PREFIX_USER,
    RECORD_ECHO_SIZE,
)
from veery.protocol.crypto import RandomBytes
from veery.protocol.devices.faults import DeviceMalformed, DeviceRefused, reading, verifying
from veery.protocol.devices.keys import HybridPublic
from veery.secret import Secret

_KIND = "devices.account_record"


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """A verified record. raw: its bytes as they were signed; keys: None in a withdrawal; signed_s: `vt`, unix seconds,
    None in records of deployed clients.
    """

    raw: bytes = field(repr=False)
    keys: HybridPublic | None
    signed_s: int | None

    @property
    def withdrawn(self) -> bool:
        """Whether it says that the account publishes no keys."""
        return self.keys is None

    @property
    def echo(self) -> bytes:
        """Hash of the record, 8 bytes, with which a sender says which record it was given (14.1)."""
        return echo(self.raw)


def echo(raw: bytes) -> bytes:
    """The echo of a record's bytes, 8 bytes (14.1)."""
    return crypto.blake2b(RECORD_ECHO_SIZE, raw, person=PERSON_RECORD_ECHO)


def sign(
    keys: HybridPublic, *, account_x25519_secret: Secret, random: RandomBytes, signed_s: int | None = None
) -> bytes:
    """A record of the keys, signed by the account. signed_s: `vt`; None gives the form of deployed clients."""
    fields = {b"M": bt_raw.string(keys.mlkem), b"X": bt_raw.string(keys.x25519)}
    if signed_s is not None:
        fields[b"vt"] = bt.encode(signed_s)
    return _signed(fields, account_x25519_secret, random)


def sign_withdrawal(*, account_x25519_secret: Secret, random: RandomBytes, signed_s: int) -> bytes:
    """A record that says, signed by the account, that it publishes no keys (14.0.2)."""
    return _signed({b"vt": bt.encode(signed_s), b"vw": bt.encode(1)}, account_x25519_secret, random)


def open(raw: bytes, account_id: bytes) -> AccountRecord:
    """Read and verify a record of an account (Account ID, 33 raw bytes).

    Raises DeviceMalformed `devices.account_record`; DeviceRefused `devices.account_record.signature`.
    """
    if len(account_id) != ACCOUNT_ID_SIZE or account_id[0] != PREFIX_USER:
        raise Misuse("the account must be an Account ID", kind=_KIND)
    if len(raw) > DATA_MAX:
        raise DeviceMalformed("the record is too long", kind=_KIND)
    with reading(_KIND):
        fields = bt_raw.read(raw)
        keys = _keys(fields)
        with verifying(f"{_KIND}.signature"):
            bt_raw.verify(fields, b"~", lambda signed, signature: xed25519.verify(account_id[1:], signed, signature))
    signed_s = fields.values.get(b"vt")
    # A `vt` that is no time is somebody else's field of that name.
    known = isinstance(signed_s, int) and 0 <= signed_s <= bt_raw.INT64_MAX
    if keys is None and not (known and fields.values.get(b"vw") == 1):
        raise DeviceMalformed("the record has no keys", kind=_KIND)
    return AccountRecord(raw, keys, signed_s if isinstance(signed_s, int) and known else None)


def newest(raws: Iterable[bytes], account_id: bytes) -> AccountRecord | None:
    """The record that counts among several: of the valid ones the latest signed, among equals the last; None if none.

    One that is not valid does not spoil the others (06.9, 14.1).
    """
    best: AccountRecord | None = None
    for raw in raws:
        try:
            record = open(raw, account_id)
        except (DeviceMalformed, DeviceRefused):
            continue
        if best is None or (record.signed_s or 0) >= (best.signed_s or 0):
            best = record
    return best


def _keys(fields: bt_raw.RawDict) -> HybridPublic | None:
    if b"M" not in fields and b"X" not in fields:
        return None
    return HybridPublic(x25519=fields.string(b"X", KEY_SIZE), mlkem=fields.string(b"M", MLKEM_PUBLIC_SIZE))


def _signed(fields: dict[bytes, bytes], secret: Secret, random: RandomBytes) -> bytes:
    return bt_raw.encode(fields, (b"~", lambda signed: xed25519.sign(secret, signed, random)))
