"""Accounts, keys and records for the tests of v2. Nothing here is secret or random."""

from __future__ import annotations

from functools import cache

from veery.protocol import crypto
from veery.protocol.account import Account
from veery.protocol.devices import DeviceRecord, HybridKeys, HybridPublic, record
from veery.secret import Secret


class Counted:
    """Random bytes that are no secret: every call gives others."""

    def __init__(self, label: str = "") -> None:
        self.label, self.calls = label, 0

    def __call__(self, size: int) -> bytes:
        self.calls += 1
        return crypto.shake256(size, self.label.encode(), self.calls.to_bytes(8, "big"))


@cache
def account(number: int) -> Account:
    return Account.from_seed(bytes([number]) * 16)


@cache
def device_pair(number: int) -> HybridKeys:
    return HybridKeys.of_device(Secret(number.to_bytes(32, "big")))


@cache
def account_pair(number: int) -> HybridKeys:
    return HybridKeys.of_account(Secret(number.to_bytes(32, "big")))


def paper_keys(number: int) -> HybridPublic:
    """Public keys of the right sizes that belong to nobody."""
    return HybridPublic(crypto.shake256(32, b"x", bytes([number])), crypto.shake256(1184, b"m", bytes([number])))


def device_record(seqno: int = 1, timestamp_s: int = 1_000, number: int = 1, description: str = "") -> DeviceRecord:
    return record.make(seqno=seqno, timestamp_s=timestamp_s, keys=paper_keys(number), description=description)


def device_id(number: int) -> bytes:
    return bytes([number]) * 32
