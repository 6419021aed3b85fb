"""A contact and the records that it, or a thief of its recovery phrase, can sign."""

from __future__ import annotations

from tests.unit.protocol.devices.people import Counted, account, account_pair
from veery.protocol.devices import AccountRecord, account_record

BOB = account(2)
BOB_ID = BOB.account_id.raw
NOW = 1_777_000_000_000
NOW_S = NOW // 1_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 24 * 3_600_000


def raw_record(number: int = 1, signed_s: int | None = None) -> bytes:
    """Bob's record of account keys by number, signed at a time."""
    return account_record.sign(
        account_pair(number).public,
        account_x25519_secret=BOB.x25519_secret,
        random=Counted(f"{number} {signed_s}"),
        signed_s=signed_s,
    )


def raw_withdrawal(signed_s: int) -> bytes:
    return account_record.sign_withdrawal(account_x25519_secret=BOB.x25519_secret, random=Counted(), signed_s=signed_s)


def record(number: int = 1, signed_s: int | None = None) -> AccountRecord:
    return account_record.open(raw_record(number, signed_s), BOB_ID)


def withdrawal(signed_s: int) -> AccountRecord:
    return account_record.open(raw_withdrawal(signed_s), BOB_ID)
