"""Fingerprints of accounts: the same as with libsodium, and made without it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from veery.protocol import crypto
from veery.protocol.account import AccountId
from veery.protocol.fingerprint import fingerprint, fingerprint_of

BOB = AccountId(b"\x05" + bytes(range(32)))


def test_a_fingerprint_is_a_hash_of_the_whole_identifier() -> None:
    digest = crypto.blake2b(8, BOB.raw, person=b"VeeryFingerprint").hex()
    assert fingerprint(BOB.raw).replace(" ", "") == digest
    assert [len(group) for group in fingerprint(BOB.raw).split(" ")] == [4] * 4
    assert BOB.fingerprint == fingerprint_of(BOB.hex) == fingerprint_of(BOB.hex.upper()) == fingerprint(BOB.raw)
    assert fingerprint(b"\x15" + BOB.raw[1:]) != BOB.fingerprint


@pytest.mark.parametrize("other", ["", "05", "03" + "00" * 32, "zz" * 33, "05" * 34])
def test_groups_and_nonsense_have_none(other: str) -> None:
    assert fingerprint_of(other) is None


def test_it_needs_no_cryptography() -> None:
    script = "import sys, veery.protocol.fingerprint; print([n for n in ('nacl', 'cryptography') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
