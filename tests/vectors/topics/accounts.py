"""Accounts, key conversions, recovery words and the version key (01.1 to 01.6)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.vectors.harness import Case, topic
from veery.errors import ProtocolError
from veery.protocol import crypto, recovery, version_auth, xed25519
from veery.protocol.account import Account, AccountId
from veery.secret import Secret


def message_of(inputs: Case, name: str = "message") -> bytes:
    """A message that a case writes as text or as hex."""
    if f"{name}_hex" in inputs:
        return bytes.fromhex(inputs[f"{name}_hex"])
    return str(inputs.get(f"{name}_utf8") or "").encode()


def check_all(expected: Case, getters: dict[str, Callable[[], object]]) -> None:
    """Compare every expected value with what its getter gives; a value without a getter fails."""
    assert expected, "the case expects nothing"
    assert {key: getters[key]() for key in expected} == dict(expected)


@topic("accounts")
def accounts(inputs: Case, expected: Case) -> None:
    seed = bytes.fromhex(inputs["seed_hex"])
    account = Account.from_seed(seed)
    check_all(
        expected,
        {
            "seed32_hex": account.seed32.reveal().hex,
            "ed25519_pubkey_hex": account.ed25519_public.hex,
            "ed25519_secret_hex": account.ed25519_secret.reveal().hex,
            "x25519_pubkey_hex": account.x25519_public.hex,
            "x25519_secret_hex": account.x25519_secret.reveal().hex,
            "account_id": lambda: account.account_id.hex,
            "recovery_password": lambda: recovery.encode(seed),
            "qr_payload": account.qr_recovery,
        },
    )
    assert crypto.x25519_public(account.x25519_secret.reveal()) == account.x25519_public
    assert account.qr_account_id() == account.account_id.hex
    assert AccountId.parse_user(account.account_id.hex) == account.account_id
    if "qr_payload" in expected:
        assert Account.from_qr(expected["qr_payload"]).account_id == account.account_id
    if "recovery_password" in expected and len(seed) == len(account.seed):
        assert Account.from_words(expected["recovery_password"]).account_id == account.account_id
        assert account.words() == expected["recovery_password"]


@topic("key-conversion")
def key_conversion(inputs: Case, expected: Case) -> None:
    if "ed25519_pubkey_hex" in inputs:
        public = bytes.fromhex(inputs["ed25519_pubkey_hex"])
        if expected.get("error"):
            with pytest.raises(crypto.CryptoFailed):
                crypto.ed25519_public_to_x25519(public)
            return
        check_all(
            expected,
            {
                "x25519_pubkey_hex": crypto.ed25519_public_to_x25519(public).hex,
                "account_id": lambda: AccountId.from_ed25519(public).hex,
            },
        )
        return
    written = inputs.get("ed25519_seed_hex") or inputs["ed25519_secret_hex"]
    public, secret = crypto.ed25519_from_seed(bytes.fromhex(written)[:32])
    converted = crypto.ed25519_public_to_x25519(public)
    message = message_of(inputs)
    check_all(
        expected,
        {
            "ed25519_pubkey_hex": public.hex,
            "ed25519_secret_hex": secret.hex,
            "x25519_pubkey_hex": converted.hex,
            "x25519_secret_hex": crypto.ed25519_secret_to_x25519(secret).hex,
            "account_id": lambda: AccountId.from_x25519(converted).hex,
            "signature_hex": crypto.ed25519_sign(secret, message).hex,
        },
    )
    if "signature_hex" in expected:
        crypto.ed25519_verify(public, message, bytes.fromhex(expected["signature_hex"]))


@topic("mnemonic")
def mnemonic(inputs: Case, expected: Case) -> None:
    checksum = inputs.get("checksum", True)
    if "words" not in inputs:
        data = bytes.fromhex(inputs.get("bytes_hex", inputs.get("seed_hex")))
        if "error" in expected:
            with pytest.raises(ProtocolError):
                recovery.encode(data, checksum=checksum)
            return
        assert recovery.encode(data, checksum=checksum) == expected["words"]
        if not checksum or len(data) == 16:
            assert recovery.decode(expected["words"], checksum=checksum) == data
        return
    wanted = expected.get("error_any_of") or [expected["error"]] if "seed_hex" not in expected else []
    if wanted and "bytes_hex" not in expected:
        with pytest.raises(recovery.RecoveryWordsWrong) as wrong:
            recovery.decode(inputs["words"], checksum=checksum)
        assert wrong.value.kind in [f"account.words.{kind}" for kind in wanted]
        return
    found = recovery.decode(inputs["words"], checksum=checksum)
    assert found.hex() == expected.get("seed_hex", expected.get("bytes_hex"))


@topic("xed25519")
def xed25519_(inputs: Case, expected: Case) -> None:
    public = bytes.fromhex(inputs["x25519_pubkey_hex"])
    if expected.get("error"):
        with refused():
            xed25519.verify(public, message_of(inputs), bytes.fromhex(inputs.get("signature_hex", "00" * 64)))
        return
    secret = Secret(bytes.fromhex(inputs["x25519_secret_hex"]))
    message, random = message_of(inputs), bytes.fromhex(inputs["random64_hex"])
    signature = xed25519.sign(secret, message, lambda size: random[:size])
    original = crypto.point_base_mul(secret.reveal())
    positive = xed25519.public_to_ed25519(public)
    check_all(
        expected,
        {
            "ed25519_pubkey_positive_hex": positive.hex,
            "ed25519_pubkey_hex": original.hex,
            "signature_hex": signature.hex,
            "verifies_against_original_ed25519_key": lambda: crypto.ed25519_verifies(original, message, signature),
        },
    )
    xed25519.verify(public, message, signature)
    crypto.ed25519_verify(positive, message, signature)
    with refused():
        xed25519.verify(public, message + b"!", signature)


def refused() -> AbstractContextManager[object]:
    """The block must be refused as cryptographically wrong."""
    return pytest.raises(crypto.CryptoFailed)


@topic("version-auth")
def version_auth_(inputs: Case, expected: Case) -> None:
    written = inputs.get("ed25519_secret_hex") or inputs["ed25519_seed_hex"]
    _, secret = crypto.ed25519_from_seed(bytes.fromhex(written)[:32])
    key = version_auth.derive(Secret(secret))
    signature = b""
    if "method" in inputs:
        request = (inputs["timestamp"], inputs["method"], inputs["path"], message_of(inputs, "body"))
        signature = key.sign(*request)
        crypto.ed25519_verify(key.public, version_auth.signed_bytes(*request), signature)
    check_all(
        expected,
        {
            "pubkey_hex": key.public.hex,
            "seed_hex": key.seed.reveal().hex,
            "secret_hex": key.ed25519_secret.reveal().hex,
            "header_pubkey": lambda: key.identifier.hex,
            "signature_hex": signature.hex,
        },
    )
