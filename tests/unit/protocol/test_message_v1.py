"""Sealing and opening: who can read, whose name stands on it, and every way to be refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from veery.errors import Misuse
from veery.protocol import crypto, envelope, message_v1
from veery.protocol.message_v1 import MessageRefused, OpenedMessage
from veery.secret import Secret

T = 1_774_990_800_123


class Person:
    """Keys of one account."""

    def __init__(self, number: int) -> None:
        self.ed25519, secret = crypto.ed25519_from_seed(bytes([number]) * 16 + bytes(16))
        self.secret = Secret(secret)
        self.x25519_secret = Secret(crypto.ed25519_secret_to_x25519(secret))
        self.x25519 = crypto.x25519_public(self.x25519_secret.reveal())
        self.account_id = b"\x05" + self.x25519

    def open(self, data: bytes) -> OpenedMessage:
        return message_v1.open(data, x25519_public=self.x25519, x25519_secret=self.x25519_secret)

    def open_box(self, sealed: bytes) -> message_v1.OpenedBox:
        return message_v1.open_box(sealed, x25519_public=self.x25519, x25519_secret=self.x25519_secret)


ALICE, BOB, EVE = Person(1), Person(2), Person(3)


class Counted:
    """Random bytes that are no secret: every call another hash."""

    def __init__(self) -> None:
        self.calls: Iterator[int] = iter(range(1_000))

    def __call__(self, size: int) -> bytes:
        return crypto.blake2b(64, next(self.calls).to_bytes(4, "big"))[:size]


def sealed(content: bytes = b"hello", recipient: bytes = BOB.account_id, pro_key: Secret | None = None) -> bytes:
    return message_v1.seal(
        content,
        sender_ed25519_secret=ALICE.secret,
        recipient=recipient,
        timestamp_ms=T,
        random=Counted(),
        pro_key=pro_key,
    )


@pytest.mark.parametrize("content", [b"", b"hello", b"ends in \x80", b"ends in \0", bytes(500)])
@pytest.mark.parametrize("recipient", [BOB.account_id, BOB.x25519])
def test_recipient_reads_what_the_sender_wrote(content: bytes, recipient: bytes) -> None:
    opened = BOB.open(sealed(content, recipient))
    assert opened.content == content
    assert opened.sender == ALICE.account_id
    assert opened.sender_ed25519 == ALICE.ed25519
    assert opened.timestamp == T
    assert opened.pro_sig is not None
    assert len(opened.pro_sig) == 64


def test_message_to_oneself() -> None:
    own = message_v1.seal(
        b"milk", sender_ed25519_secret=ALICE.secret, recipient=ALICE.account_id, timestamp_ms=T, random=Counted()
    )
    assert ALICE.open(own).sender == ALICE.account_id


def test_framing_is_that_of_current_clients() -> None:
    body = envelope.unwrap(sealed())
    found = envelope.decode_envelope(body)
    assert envelope.wrap(body) == sealed()
    assert (found.type, found.source, found.source_device) == (envelope.EnvelopeType.SESSION_MESSAGE, None, 1)
    assert len(found.content) == 160 + 96 + 48


def test_randomness_makes_the_box() -> None:
    random = Counted()
    boxes = {message_v1.seal_box(b"m", ALICE.secret, BOB.account_id, random) for _ in range(3)}
    assert len(boxes) == 3
    assert {BOB.open_box(box).message for box in boxes} == {b"m"}


def test_pro_signature_is_over_the_box() -> None:
    rotating, secret = crypto.ed25519_from_seed(bytes(range(32)))
    found = envelope.decode_envelope(envelope.unwrap(sealed(pro_key=Secret(secret))))
    assert found.pro_sig is not None
    crypto.ed25519_verify(rotating, found.content, found.pro_sig)


def test_decoy_has_the_shape_of_a_signature() -> None:
    random = Counted()
    decoys = [message_v1.decoy_pro_signature(random) for _ in range(20)]
    assert len(set(decoys)) == 20
    for decoy in decoys:
        point, scalar = decoy[:32], decoy[32:]
        assert int.from_bytes(scalar, "little") < crypto.L
        crypto.ed25519_public_to_x25519(point)  # refuses what is not on the main subgroup
    assert len(message_v1.decoy_pro_signature(bytes)) == 64


def refused(data: bytes, reader: Person = BOB) -> str:
    with pytest.raises(MessageRefused) as caught:
        reader.open_box(data)
    return caught.value.kind


def box_of(plaintext: bytes, recipient: Person = BOB) -> bytes:
    return crypto.box_seal(recipient.x25519, plaintext, bytes(32))


def test_boxes_that_are_refused() -> None:
    box = message_v1.seal_box(b"m", ALICE.secret, BOB.x25519, Counted())
    assert refused(box, EVE) == "message.v1.decrypt"
    assert refused(box[:-1] + bytes([box[-1] ^ 1])) == "message.v1.decrypt"
    assert refused(box[:143]) == "message.v1.short"
    assert refused(b"") == "message.v1.short"
    assert refused(bytes(144)) == "message.v1.decrypt"


def test_empty_message_is_the_shortest_box() -> None:
    box = message_v1.seal_box(b"", ALICE.secret, BOB.x25519, Counted())
    assert len(box) == 144
    assert BOB.open_box(box).message == b""


def test_message_sealed_again_for_a_third_person_is_refused() -> None:
    plaintext = message_v1.sign_plaintext(b"m", ALICE.secret, BOB.x25519)
    assert refused(box_of(plaintext, EVE), EVE) == "message.v1.signature"
    assert BOB.open_box(box_of(plaintext)).sender == ALICE.account_id


def test_every_part_of_the_plaintext_is_signed() -> None:
    plaintext = message_v1.sign_plaintext(b"m", ALICE.secret, BOB.x25519)
    for at in (0, 1, 32, 33, 64, 96):
        altered = plaintext[:at] + bytes([plaintext[at] ^ 1]) + plaintext[at + 1 :]
        assert refused(box_of(altered)) == "message.v1.signature"


def test_another_name_on_the_signature_is_refused() -> None:
    signature = message_v1.sign_plaintext(b"m", EVE.secret, BOB.x25519)[-64:]
    assert refused(box_of(b"m" + ALICE.ed25519 + signature)) == "message.v1.signature"


@pytest.mark.parametrize("key", [bytes([1]) + bytes(31), bytes(32), b"\xec" + b"\xff" * 30 + b"\x7f"])
def test_keys_of_low_order_prove_nobody(key: bytes) -> None:
    identity = bytes([1]) + bytes(31)
    assert refused(box_of(b"m" + key + identity + bytes(32))) in ("message.v1.signature", "message.v1.sender")


def test_deterministic_box_opens_and_is_equal_for_equal_input() -> None:
    box = message_v1.seal_deterministic(b"config", ALICE.secret, ALICE.account_id)
    assert box == message_v1.seal_deterministic(b"config", ALICE.secret, ALICE.x25519)
    assert box != message_v1.seal_deterministic(b"confih", ALICE.secret, ALICE.x25519)
    assert ALICE.open_box(box).message == b"config"


@pytest.mark.parametrize("recipient", [b"", bytes(31), b"\x03" + BOB.x25519, b"\x15" + BOB.x25519, bytes(34)])
def test_recipients_that_are_none(recipient: bytes) -> None:
    with pytest.raises(Misuse) as caught:
        sealed(recipient=recipient)
    assert caught.value.kind == "message.v1.recipient"


def test_recipient_of_low_order_is_refused() -> None:
    with pytest.raises(crypto.CryptoFailed):
        sealed(recipient=bytes(32))


def test_limit_of_what_swarms_store() -> None:
    framing = len(sealed(bytes(70_000 - 2))) - len(envelope.pad(bytes(70_000 - 2)))
    largest = (76_800 - framing) // 160 * 160
    assert len(sealed(bytes(largest - 2))) == largest + framing
    with pytest.raises(Misuse) as caught:
        sealed(bytes(largest - 1))
    assert caught.value.kind == "message.v1.too_long"


def test_printing_an_opened_message_shows_neither_names_nor_content() -> None:
    opened = BOB.open(sealed())
    assert repr(opened) == f"OpenedMessage(timestamp={T})"
    assert repr(BOB.open_box(message_v1.seal_box(b"m", ALICE.secret, BOB.x25519, Counted()))) == "OpenedBox()"
