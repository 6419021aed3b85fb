"""Messages v1: padding, the deterministic box, and whole stored messages."""

from __future__ import annotations

import hashlib
import re

import pytest

from tests.vectors.harness import Case, topic
from veery.errors import ProtocolError
from veery.protocol import content, crypto, envelope, expiry_rules, message_v1, receive_rules
from veery.protocol.constants import TTL_CONFIG_MS
from veery.secret import Secret

CURRENT_FRAMING = re.compile(rb"\x08\x01\x12[\x80-\xff]{0,4}[\x00-\x7f]\n\x00\x12\x00\x1a", re.DOTALL)
FILL = {"padded": envelope.pad, "legacy_padded": envelope.pad_legacy}


def keys(seed_hex: str) -> tuple[bytes, Secret, bytes, Secret]:
    """Ed25519 public and secret, X25519 public and secret of an account seed (16 bytes) or an Ed25519 seed."""
    public, secret = crypto.ed25519_from_seed(bytes.fromhex(seed_hex).ljust(32, b"\0"))
    box_secret = crypto.ed25519_secret_to_x25519(secret)
    return public, Secret(secret), crypto.x25519_public(box_secret), Secret(box_secret)


@topic("padding")
def padding(inputs: Case, expected: Case) -> None:
    if "padded_hex" in inputs:
        assert envelope.unpad(bytes.fromhex(inputs["padded_hex"])).hex() == expected["content_hex"]
        return
    plain = bytes.fromhex(inputs["fill_hex"]) * inputs["length"]
    for name, fill in FILL.items():
        padded = fill(plain)
        assert len(padded) == expected[f"{name}_length"]
        assert hashlib.sha256(padded).hexdigest() == expected[f"{name}_sha256"]
        assert envelope.unpad(padded) == plain


@topic("v1-sealed-deterministic")
def sealed_deterministic(inputs: Case, expected: Case) -> None:
    _, secret, _, _ = keys(inputs["sender_ed25519_seed_hex"])
    recipient = bytes.fromhex(inputs["recipient_x25519_pubkey_hex"])
    message = bytes.fromhex(inputs["message_hex"])
    assert message_v1.sign_plaintext(message, secret, recipient).hex() == expected["signed_plaintext_hex"]
    assert message_v1.seal_deterministic(message, secret, recipient).hex() == expected["sealed_box_hex"]


@topic("v1-decrypt")
def v1_decrypt(inputs: Case, expected: Case) -> None:
    _, _, public, secret = keys(inputs["recipient_seed_hex"])
    if "sealed_box_hex" in inputs:
        sealed = bytes.fromhex(inputs["sealed_box_hex"])
        box = message_v1.open_box(sealed, x25519_public=public, x25519_secret=secret)
        assert box.message.hex() == expected["plaintext_hex"]
        assert box.sender.hex() == expected["sender_id"]
        assert box.sender_ed25519.hex() == expected["sender_ed25519_pubkey_hex"]
        if "sender_seed_hex" in inputs:
            assert keys(inputs["sender_seed_hex"])[0] == box.sender_ed25519
        return
    data = envelope.from_base64(inputs["data_base64"])
    check_opened(message_v1.open(data, x25519_public=public, x25519_secret=secret), expected)


def check_opened(opened: message_v1.OpenedMessage, expected: Case) -> content.Content:
    assert opened.content.hex() == expected["content_hex"]
    assert opened.sender.hex() == expected["sender_id"]
    assert opened.timestamp == expected["envelope_timestamp"]
    if "sender_ed25519_pubkey_hex" in expected:
        assert opened.sender_ed25519.hex() == expected["sender_ed25519_pubkey_hex"]
    read = content.decode(opened.content)
    assert content.encode(read).hex() == opened.content.hex()
    return read


def receive(inputs: Case) -> tuple[message_v1.OpenedMessage, bytes]:
    """Open a stored item and check it as a device that knows nobody would; gives the message and its conversation."""
    _, _, public, secret = keys(inputs["recipient_seed_hex"])
    data = envelope.from_base64(inputs["data_base64"])
    opened = message_v1.open(data, x25519_public=public, x25519_secret=secret)
    own = b"\x05" + public
    received = receive_rules.Received(content.decode(opened.content), opened.sender, opened.timestamp)
    receive_rules.check(received, own, receive_rules.Known())
    return opened, receive_rules.conversation_of(received, own)


@topic("v1-framing")
def v1_framing(inputs: Case, expected: Case) -> None:
    if not expected["accept"]:
        with pytest.raises(ProtocolError) as caught:
            receive(inputs)
        if "reason" in expected:
            assert word(expected["reason"]) in reasons(caught.value)
        return
    opened, conversation = receive(inputs)
    check_opened(opened, expected)
    check_framing(envelope.from_base64(inputs["data_base64"]))
    if "conversation" in expected:
        assert conversation.hex() == expected["conversation"]


def check_framing(data: bytes) -> None:
    """Our writers give the bytes of the framing that was read, if current clients wrote it."""
    body = envelope.unwrap(data)
    assert envelope.encode_envelope(envelope.decode_envelope(body)) == body
    if CURRENT_FRAMING.match(data):
        assert envelope.wrap(body) == data


def reasons(error: ProtocolError) -> set[str]:
    """The words of the vectors for an error: its family, and the last part of its kind."""
    words = {word(error.kind.rpartition(".")[2])}
    if isinstance(error, envelope.MessageMalformed | content.ContentMalformed):
        words.add("malformed")
    if error.kind in ("message.v1.short", "message.v1.sender"):
        words |= {"malformed", "decrypt"}
    if isinstance(error, receive_rules.Dropped):
        dropped = word(error.reason.value)
        words |= {dropped.removesuffix("s"), dropped.removeprefix("foreign"), dropped.removeprefix("unsend")}
    return words


KINDS: dict[str, content.Kind] = {
    "data": content.DataMessage(body="text"),
    "timerupdate": content.DataMessage(flags=content.EXPIRATION_TIMER_UPDATE),
    "reaction": content.DataMessage(reaction=content.Reaction(1, "05", "+")),
    "receipt": content.ReceiptMessage(),
    "typing": content.TypingMessage(1, content.TypingAction.STARTED),
    "unsend": content.UnsendRequest(1, "05"),
    "requestresponse": content.MessageRequestResponse(),
    "messagerequestresponse": content.MessageRequestResponse(),
    "dataextraction": content.DataExtraction(content.DataExtractionType.MEDIA_SAVED),
    "dataextractionnotification": content.DataExtraction(content.DataExtractionType.SCREENSHOT),
    "call": content.CallMessage(content.CallType.PRE_OFFER, "uuid"),
}
MODES = {
    "off": expiry_rules.DisappearingMode.OFF,
    "afterread": expiry_rules.DisappearingMode.AFTER_READ,
    "dar": expiry_rules.DisappearingMode.AFTER_READ,
    "aftersend": expiry_rules.DisappearingMode.AFTER_SEND,
    "das": expiry_rules.DisappearingMode.AFTER_SEND,
}


def word(name: str) -> str:
    """A name without case and underscores."""
    return name.lower().replace("_", "")


@topic("v1-rules")
def v1_rules(inputs: Case, expected: Case) -> None:
    rule = inputs["rule"]
    if rule == "accept_timestamps":
        envelope_ms, sig_ms, community = inputs["envelope_ms"], inputs["sig_ms"], inputs.get("community", False)
        assert receive_rules.accept_timestamps(envelope_ms, sig_ms, community=community) is expected["accept"]
        return
    kind_of_expiration = content.ExpirationType(inputs["expirationType"])
    timer = inputs["expirationTimer"]
    if rule == "received_mode":
        conversation = expiry_rules.ConversationKind(inputs["conversation"])
        mode = MODES[word(expected["mode"]).removeprefix("delete")]
        assert expiry_rules.received_mode(conversation, kind_of_expiration, timer) is mode
        return
    assert rule in ("ttl", "ttl_sync_copy"), f"no check knows the rule {rule}"
    if inputs["kind"] == "config":
        assert expected["ttl_ms"] == TTL_CONFIG_MS
        return
    message = content.Content(KINDS[word(inputs["kind"])], expiration_type=kind_of_expiration, expiration_timer=timer)
    ttl = expiry_rules.ttl_ms(message) if rule == "ttl" else expiry_rules.sync_copy_ttl_ms(message)
    assert ttl == expected["ttl_ms"]
