"""Blinded identities and messages (01.7)."""

from __future__ import annotations

import pytest

from tests.vectors.harness import Case, topic
from tests.vectors.topics.accounts import check_all, message_of
from veery.errors import ProtocolError
from veery.protocol import blinded_messages, blinding, crypto
from veery.protocol.account import AccountId
from veery.secret import Secret


def identity_of(kind: str, inputs: Case, owner: str = "") -> blinding.BlindedIdentity:
    """The identity of an owner of a case under a scheme, `15` or `25`."""
    secret = Secret(bytes.fromhex(inputs[f"{owner}ed25519_secret_hex"]))
    return blinding.blind(int(kind, 16), secret, bytes.fromhex(inputs["server_pubkey_hex"]))


@topic("blinding-ids")
def blinding_ids(inputs: Case, expected: Case) -> None:
    server = bytes.fromhex(inputs["server_pubkey_hex"])
    if expected.get("error"):
        with pytest.raises(ProtocolError):
            check_ids(inputs, {"blind25_id": ""}, server)
        return
    check_ids(inputs, expected, server)


def check_ids(inputs: Case, expected: Case, server: bytes) -> None:
    user = AccountId.from_hex(inputs["account_id"])
    positive, negative = blinding.ids15(user, server)
    by_id = blinding.id25(user, server)
    other = AccountId.from_hex(inputs["blinded_id"]) if "blinded_id" in inputs else by_id
    check_all(
        expected,
        {
            "blind15_factor_hex": blinding.factor15(server).hex,
            "blind15_id_positive": lambda: positive.hex,
            "blind15_id_negative": lambda: negative.hex,
            "blind15_id_actual": lambda: identity_of("15", inputs).account_id.hex,
            "blind25_factor_hex": blinding.factor25(user, server).hex,
            "blind25_id": lambda: by_id.hex,
            "matches": lambda: blinding.matches(user, other, server),
        },
    )
    if "ed25519_secret_hex" not in inputs:
        return
    own15, own25 = identity_of("15", inputs), identity_of("25", inputs)
    assert own25.account_id == by_id
    assert own15.account_id == blinding.id15_of_ed25519(bytes.fromhex(inputs["ed25519_secret_hex"])[32:], server)
    for own in (own15, own25):
        assert blinding.matches(user, own.account_id, server)


@topic("blinding-signatures")
def blinding_signatures(inputs: Case, expected: Case) -> None:
    own = identity_of(inputs["kind"], inputs)
    message = message_of(inputs)
    check_all(
        expected,
        {
            "signature_hex": own.sign(message).hex,
            "blinded_id": lambda: own.account_id.hex,
            "pubkey_hex": own.key.hex,
        },
    )
    crypto.ed25519_verify(own.key, message, own.sign(message))


@topic("blinded-encryption")
def blinded_encryption(inputs: Case, expected: Case) -> None:
    sender_id = AccountId.from_hex(inputs["sender_blinded_id"])
    recipient_id = AccountId.from_hex(inputs["recipient_blinded_id"])
    kind = inputs["recipient_blinded_id"][:2]
    if expected.get("error"):
        with pytest.raises(ProtocolError):
            blinded_messages.open_received(
                identity_of(kind, inputs, "recipient_"), sender_id, bytes.fromhex(inputs["ciphertext_hex"])
            )
        return
    if "ciphertext_hex" in expected:
        nonce = bytes.fromhex(inputs["nonce_hex"])
        sender = identity_of(kind, inputs, "sender_")
        assert sender.account_id == sender_id
        sealed = blinded_messages.seal(sender, recipient_id, message_of(inputs), lambda size: nonce[:size])
        assert sealed.hex() == expected["ciphertext_hex"]
        opened = blinded_messages.open_sent(sender, recipient_id, sealed)
        assert (opened.content, opened.sender.hex) == (message_of(inputs), expected["sender_account_id"])
    else:
        sealed = bytes.fromhex(inputs["ciphertext_hex"])
    opened = blinded_messages.open_received(identity_of(kind, inputs, "recipient_"), sender_id, sealed)
    content = message_of(expected if "message_hex" in expected else inputs)
    assert (opened.content, opened.sender.hex) == (content, expected["sender_account_id"])
