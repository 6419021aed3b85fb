"""Protocol v2: bt-encoding and signatures, hybrid keys, messages, account records."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from tests.vectors.harness import Case, topic
from veery.errors import ProtocolError
from veery.protocol import bt, bt_raw, crypto, message, message_v1, message_v2
from veery.protocol.account import Account
from veery.protocol.devices import account_record
from veery.protocol.devices.keys import HybridKeys, HybridPublic
from veery.secret import Secret

SIZES = {"ephemeral": 32, "indicator": 2, "ciphertext": 1088}


def account_of(seed_hex: str) -> Account:
    return Account.from_seed(bytes.fromhex(seed_hex))


def account_keys(seeds: list[str]) -> list[HybridKeys]:
    return [HybridKeys.of_account(Secret(bytes.fromhex(seed))) for seed in seeds]


class Given:
    """Random bytes that a case names, in the order in which they are asked for."""

    def __init__(self, *parts: str) -> None:
        self.parts: Iterator[bytes] = iter([bytes.fromhex(part) for part in parts])

    def __call__(self, size: int) -> bytes:
        part = next(self.parts)
        assert len(part) == size
        return part


# -- bt-encoding -----------------------------------------------------------------------------------------------


def bt_value(written: Any) -> bt.Value:
    """A value as the cases write it: {"int": "1"}, {"bytes": hex}, {"list": [...]}, {"dict": [[key, value], ...]}."""
    [(kind, content)] = written.items()
    match kind:
        case "int":
            return int(content)
        case "bytes":
            return bytes.fromhex(content)
        case "list":
            return [bt_value(item) for item in content]
        case "dict":
            return {bytes.fromhex(key): bt_value(value) for key, value in content}
    raise AssertionError(f"no check knows the kind {kind}")


@topic("v2-bt")
def v2_bt(inputs: Case, expected: Case) -> None:
    if "value" in inputs:
        value = bt_value(inputs["value"])
        assert bt.encode(value).hex() == expected["encoded"]
        assert bt_raw.decode(bytes.fromhex(expected["encoded"])) == value
    elif "fields" in inputs:
        _check_signing(inputs, expected)
    elif "ed25519_pubkey" in inputs:
        _check_signature(inputs, expected)
    elif expected.get("error"):
        with pytest.raises(bt.BtMalformed):
            bt_raw.decode(bytes.fromhex(inputs["encoded"]))
    else:
        value = bt_raw.decode(bytes.fromhex(inputs["encoded"]))
        assert value == bt_value(expected["value"])


def _check_signing(inputs: Case, expected: Case) -> None:
    public, secret = crypto.ed25519_from_seed(bytes.fromhex(inputs["ed25519_seed"]))
    values = bt_value(inputs["fields"])
    assert isinstance(values, dict)
    fields = {key: bt.encode(value) for key, value in values.items()}
    key = inputs["key"].encode()
    encoded = bt_raw.encode(fields, (key, lambda signed: crypto.ed25519_sign(secret, signed)))
    assert encoded.hex() == expected["encoded"]
    read = bt_raw.read(encoded)
    assert read.before(key).hex() == expected["signed_bytes"]
    bt_raw.verify(read, key, lambda signed, signature: crypto.ed25519_verify(public, signed, signature))


def _check_signature(inputs: Case, expected: Case) -> None:
    public, key = bytes.fromhex(inputs["ed25519_pubkey"]), inputs["key"].encode()

    def check() -> bt_raw.RawDict:
        read = bt_raw.read(bytes.fromhex(inputs["encoded"]))
        bt_raw.verify(read, key, lambda signed, signature: crypto.ed25519_verify(public, signed, signature))
        return read

    if expected.get("error"):
        with pytest.raises((bt.BtMalformed, crypto.CryptoFailed)):
            check()
        return
    read = check()
    if "signed_bytes" in expected:
        assert read.before(key).hex() == expected["signed_bytes"]


# -- keys and records ------------------------------------------------------------------------------------------


@topic("v2-keys")
def v2_keys(inputs: Case, expected: Case) -> None:
    derive = {"device": HybridKeys.of_device, "account": HybridKeys.of_account}[inputs["kind"]]
    keys = derive(Secret(bytes.fromhex(inputs["seed"])))
    assert keys.x25519_secret.reveal().hex() == expected["x25519_sec"]
    assert keys.public.x25519.hex() == expected["x25519_pub"]
    assert keys.mlkem_seed.reveal().hex() == expected["mlkem_seed"]
    assert keys.public.mlkem.hex() == expected["mlkem_pub"]


@topic("v2-account-record")
def v2_account_record(inputs: Case, expected: Case) -> None:
    account_id = bytes.fromhex(inputs["session_id"])
    if "Z" in inputs:
        account = account_of(inputs["account_seed"])
        assert account.account_id.raw == account_id
        keys = HybridKeys.of_account(Secret(bytes.fromhex(inputs["key_seed"]))).public
        raw = account_record.sign(keys, account_x25519_secret=account.x25519_secret, random=Given(inputs["Z"]))
        assert b64encode(raw).decode() == expected["data_base64"]
    else:
        raw = b64decode(inputs["data_base64"])
    if expected.get("error"):
        with pytest.raises(ProtocolError):
            account_record.open(raw, account_id)
        assert account_record.newest([raw], account_id) is None
        return
    opened = account_record.open(raw, account_id)
    assert opened.keys == HybridPublic(bytes.fromhex(expected["X"]), bytes.fromhex(expected["M"]))
    assert account_record.newest([raw, b"de"], account_id) == opened


# -- messages --------------------------------------------------------------------------------------------------


@topic("v2-message")
def v2_message(inputs: Case, expected: Case) -> None:
    sender, recipient = account_of(inputs["sender_seed"]), account_of(inputs["recipient_seed"])
    keys = HybridKeys.of_account(Secret(bytes.fromhex(inputs["key_seed"])))
    ciphertext = b64decode(expected["ciphertext_base64"])
    assert recipient.account_id.hex == inputs["recipient_session_id"]
    assert keys.public.x25519.hex() == inputs["account_X"]
    assert hashlib.sha256(keys.public.mlkem).hexdigest() == inputs["account_M_sha256"]
    assert keys.public.mlkem[:2].hex() == expected["key_prefix"]
    pro_key = _pro_key(inputs)
    content = bytes.fromhex(inputs["content"])
    inner = message_v2.sign_inner(content, sender.ed25519_secret, recipient.account_id.raw, pro_key)
    assert inner.hex() == expected["inner"]
    sealed = message_v2.seal(
        content,
        sender_ed25519_secret=sender.ed25519_secret,
        recipient=recipient.account_id.raw,
        keys=keys.public,
        random=Given(inputs["ephemeral_sec"]),
        pro_key=pro_key,
        encapsulate=lambda public: _encapsulated(public, keys, ciphertext, bytes.fromhex(inputs["mlkem_coins"])),
    )
    assert len(sealed) == expected["size"]
    assert b64encode(sealed).decode() == expected["ciphertext_base64"]
    _check_opened(
        message_v2.open(sealed, recipient, [keys]), {"content": inputs["content"], "pfs": True} | dict(expected)
    )


def _encapsulated(public: bytes, keys: HybridKeys, sealed: bytes, coins: bytes) -> tuple[bytes, bytes]:
    """The encapsulation with given coins, which the library in use cannot make: its ciphertext is the case's own.

    Decapsulation encrypts anew and gives another secret for any ciphertext but the one of these coins (FIPS 203,
    algorithm 18). So a secret that is SHA3-512(coins || SHA3-256(M))[:32] proves the whole ciphertext.
    """
    ciphertext = sealed[36:][: SIZES["ciphertext"]]
    shared = hashlib.sha3_512(coins + hashlib.sha3_256(public).digest()).digest()[:32]
    assert crypto.mlkem_decapsulate(keys.mlkem_seed.reveal(), ciphertext) == shared
    return shared, ciphertext


@topic("v2-nonpfs")
def v2_nonpfs(inputs: Case, expected: Case) -> None:
    sender, recipient = account_of(inputs["sender_seed"]), account_of(inputs["recipient_seed"])
    assert recipient.account_id.hex == inputs["recipient_session_id"]
    sealed = message_v2.seal_fallback(
        bytes.fromhex(inputs["content"]),
        sender_ed25519_secret=sender.ed25519_secret,
        recipient=recipient.account_id.raw,
        random=Given(inputs["ephemeral_sec"], inputs["ki"], b64decode(inputs["fake_mlkem_ct_base64"]).hex()),
        pro_key=_pro_key(inputs),
    )
    assert len(sealed) == expected["size"]
    assert b64encode(sealed).decode() == expected["ciphertext_base64"]
    _check_opened(message_v2.open(sealed, recipient, []), {"content": inputs["content"], "pfs": False} | dict(expected))


def _pro_key(inputs: Case) -> Secret | None:
    if inputs.get("pro_seed") is None:
        return None
    return Secret(crypto.ed25519_from_seed(bytes.fromhex(inputs["pro_seed"]))[1])


def _check_opened(opened: message_v2.OpenedMessage, expected: Case) -> None:
    assert opened.content.hex() == expected["content"]
    assert opened.sender.hex() == expected["sender_session_id"]
    assert opened.pfs is expected["pfs"]
    assert (opened.pro_signature.hex() if opened.pro_signature else None) == expected["pro_signature"]


@topic("v2-receive")
def v2_receive(inputs: Case, expected: Case) -> None:
    recipient, held = account_of(inputs["recipient_seed"]), account_keys(inputs["key_seeds"])
    data = b64decode(inputs["data_base64"])
    if expected["status"] == "v1":
        assert message.version(data) is message.Version.V1
        with pytest.raises((message_v1.MessageMalformed, message_v1.MessageRefused)):
            message.open(data, recipient, held)
        return
    if expected["status"] == "fail":
        assert expected["reason"] == _failure(data, recipient, held)
        return
    assert message.version(data) is message.Version.V2
    opened = message.open(data, recipient, held)
    assert isinstance(opened, message_v2.OpenedMessage)
    _check_opened(opened, expected)


def _failure(data: bytes, recipient: Account, held: list[HybridKeys]) -> str:
    try:
        opened = message.open(data, recipient, held)
    except message_v2.MessageMalformed:
        return "bad_format"
    except message_v2.NoKey:
        return "no_pfs_key"
    except (message_v1.MessageMalformed, message_v1.MessageRefused):
        return "decrypt_failed"
    assert isinstance(opened, message.UnknownVersion)
    assert opened.data == data
    return "unknown_version"
