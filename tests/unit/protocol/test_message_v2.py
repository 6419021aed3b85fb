"""Messages v2: who can read, whose name stands on it, what a swarm sees, and every way to be refused."""

from __future__ import annotations

import pytest

from tests.unit.protocol.devices.people import Counted, account, account_pair
from veery.errors import Misuse
from veery.protocol import bt_raw, crypto, message, message_v1, message_v2
from veery.protocol.devices import HybridKeys, HybridPublic
from veery.protocol.message_v2 import MessageMalformed, NoKey, OpenedMessage
from veery.secret import Secret

ALICE, BOB, EVE = account(1), account(2), account(3)
ACTIVE, OLDER, OTHER = account_pair(1), account_pair(2), account_pair(3)
PRO = Secret(crypto.ed25519_from_seed(bytes([9]) * 32)[1])


def sealed(
    content: bytes = b"hello", keys: HybridPublic = ACTIVE.public, recipient: bytes = BOB.account_id.raw
) -> bytes:
    return message_v2.seal(
        content, sender_ed25519_secret=ALICE.ed25519_secret, recipient=recipient, keys=keys, random=Counted()
    )


def fallback(content: bytes = b"hello", recipient: bytes = BOB.account_id.raw) -> bytes:
    return message_v2.seal_fallback(
        content, sender_ed25519_secret=ALICE.ed25519_secret, recipient=recipient, random=Counted()
    )


def refusal(data: bytes, *held: HybridKeys) -> str:
    with pytest.raises((MessageMalformed, NoKey)) as caught:
        message_v2.open(data, BOB, held)
    return caught.value.kind


def resealed(inner: bytes, data: bytes | None = None) -> bytes:
    """A message of the fallback form with this inner part, as its sender could make it."""
    secret = Counted()(32)
    ephemeral = crypto.x25519_public(secret)
    own = BOB.x25519_public
    combined = crypto.sha3_256(crypto.x25519(secret, own), own, ephemeral, b"SessionV2NonPFS")
    raw = crypto.shake256(56, b"SessionV2NonPFSSS", combined)
    body = crypto.xchacha_encrypt(raw[:32], raw[32:], inner.ljust(396, b"\0"))
    return b"\x00\x02" + bytes(2) + ephemeral + bytes(1088) + body


@pytest.mark.parametrize("content", [b"", b"hello", b"ends in \0\0", bytes(300), bytes(range(256)) * 20])
@pytest.mark.parametrize("form", [sealed, fallback])
def test_recipient_reads_what_the_sender_wrote(content: bytes, form: object) -> None:
    data = sealed(content) if form is sealed else fallback(content)
    opened = message_v2.open(data, BOB, [OLDER, ACTIVE])
    assert opened == OpenedMessage(
        sender=ALICE.account_id.raw,
        sender_ed25519=ALICE.ed25519_public,
        content=content,
        pro_signature=None,
        signed_by_pro=None,
        pfs=form is sealed,
    )


@pytest.mark.parametrize(
    ("length", "size"), [(0, 1536), (278, 1536), (279, 1536), (280, 1792), (535, 1792), (536, 2048)]
)
def test_sizes_go_up_in_steps_and_are_the_same_in_both_forms(length: int, size: int) -> None:
    # inner: 117 bytes beside the content, of which the digits of its length are 3 from 100 on
    assert len(sealed(bytes(length))) == len(fallback(bytes(length))) == size


def test_forms_look_alike_to_a_swarm() -> None:
    one, other = sealed(), fallback()
    assert one[:2] == other[:2] == b"\x00\x02"
    assert len(one) == len(other)


def test_the_shared_indicator_needs_a_secret_to_be_read() -> None:
    again = message_v2.seal(
        b"hello",
        sender_ed25519_secret=ALICE.ed25519_secret,
        recipient=BOB.account_id.raw,
        keys=ACTIVE.public,
        random=Counted("other"),
    )
    assert message_v2.indicator(sealed()) != message_v2.indicator(again)


def test_without_the_account_key_there_is_no_reading() -> None:
    assert refusal(sealed()) == "message.v2.no_key"
    assert refusal(sealed(), OLDER, OTHER) == "message.v2.no_key"


def test_the_long_term_key_alone_does_not_open_it() -> None:
    # what a thief of the recovery phrase has later: the account, but no account key
    with pytest.raises(NoKey):
        message_v2.open(sealed(), BOB, [])
    assert message_v2.open(fallback(), BOB, []).content == b"hello"


def test_somebody_else_reads_neither_form() -> None:
    for data in (sealed(), fallback()):
        with pytest.raises(NoKey):
            message_v2.open(data, EVE, [ACTIVE])


def test_a_message_cannot_be_sealed_again_for_a_third_person() -> None:
    inner = message_v2.sign_inner(b"hello", ALICE.ed25519_secret, EVE.account_id.raw)
    assert refusal(resealed(inner)) == "message.v2.signature"
    mine = message_v2.sign_inner(b"hello", ALICE.ed25519_secret, BOB.account_id.raw)
    assert message_v2.open(resealed(mine), BOB, []).content == b"hello"


def test_what_opens_is_never_tried_with_another_key() -> None:
    inner = message_v2.sign_inner(b"hello", ALICE.ed25519_secret, BOB.account_id.raw)
    broken = inner.replace(b"1:c5:hello", b"1:c5:hallo")
    assert refusal(resealed(broken)) == "message.v2.signature"
    assert refusal(resealed(inner[:-1])) == "message.v2.format"
    assert refusal(resealed(inner + b"x")) == "message.v2.format"
    assert refusal(resealed(b"")) == "message.v2.format"


def test_a_key_of_low_order_has_no_account() -> None:
    low = bytes([1]) + bytes(31)
    fields = {b"S": bt_raw.string(low), b"c": bt_raw.string(b"hi")}
    # the identity as a public key verifies R = S·B for any message; libsodium refuses it
    inner = bt_raw.encode(fields, (b"~", lambda signed: bytes([1]) + bytes(63)))
    assert refusal(resealed(inner)) in ("message.v2.signature", "message.v2.sender")


def test_pro_signature_is_over_all_before_it() -> None:
    data = message_v2.seal(
        b"hello",
        sender_ed25519_secret=ALICE.ed25519_secret,
        recipient=BOB.account_id.raw,
        keys=ACTIVE.public,
        random=Counted(),
        pro_key=PRO,
    )
    opened = message_v2.open(data, BOB, [ACTIVE])
    assert opened.pro_signature is not None
    assert opened.signed_by_pro is not None
    crypto.ed25519_verify(PRO.reveal()[32:], opened.signed_by_pro, opened.pro_signature)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00\x02", bytes(1536), b"\x00\x02" + bytes(1533), b"\x00\x02" + bytes(76_800), b"\x00\x02" + bytes(1534)],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    assert refusal(data, ACTIVE) == "message.v2.format"


def test_what_cannot_be_sent_is_misuse() -> None:
    with pytest.raises(Misuse) as caught:
        sealed(bytes(76_800))
    assert caught.value.kind == "message.v2.too_long"
    assert caught.value.remedy
    for recipient in (BOB.x25519_public, b"\x03" + BOB.x25519_public):
        with pytest.raises(Misuse):
            sealed(recipient=recipient)
        with pytest.raises(Misuse):
            fallback(recipient=recipient)


def test_unusable_keys_of_a_recipient_are_refused() -> None:
    for keys in (HybridPublic(bytes(32), ACTIVE.public.mlkem), HybridPublic(ACTIVE.public.x25519, b"\xff" * 1184)):
        with pytest.raises(crypto.CryptoFailed):
            sealed(keys=keys)


def test_nothing_of_a_message_is_printed() -> None:
    assert "hello" not in repr(message_v2.open(sealed(), BOB, [ACTIVE]))


# -- whatever lies in namespace 0 ------------------------------------------------------------------------------


def v1() -> bytes:
    return message_v1.seal(
        b"old",
        sender_ed25519_secret=ALICE.ed25519_secret,
        recipient=BOB.account_id.raw,
        timestamp_ms=1,
        random=Counted(),
    )


def test_dispatch_by_the_first_two_bytes() -> None:
    assert message.version(v1()) is message.Version.V1
    assert message.version(sealed()) is message.Version.V2
    assert message.version(fallback()) is message.Version.V2
    for data in (b"\x00", b"\x00\x01", b"\x00\x03" + bytes(2_000)):
        assert message.version(data) is message.Version.UNKNOWN


def test_each_version_is_opened_by_its_own_rules() -> None:
    old = message.open(v1(), BOB, [ACTIVE])
    assert isinstance(old, message_v1.OpenedMessage)
    assert old.content == b"old"
    new = message.open(sealed(), BOB, [ACTIVE])
    assert isinstance(new, OpenedMessage)
    assert new.pfs


def test_a_later_version_is_kept_as_it_came() -> None:
    data = b"\x00\x07something"
    assert message.open(data, BOB, [ACTIVE]) == message.UnknownVersion(data)


def test_nothing_is_no_message() -> None:
    with pytest.raises(MessageMalformed) as caught:
        message.open(b"", BOB, [ACTIVE])
    assert caught.value.kind == "message.empty"


def test_every_held_key_with_the_indicator_is_tried() -> None:
    # the wrong key has the same two first bytes, and comes first
    twin = HybridKeys(OTHER.seed, OTHER.x25519_secret, OTHER.mlkem_seed, ACTIVE.public)
    assert message_v2.open(sealed(), BOB, [twin, ACTIVE]).content == b"hello"
    assert refusal(sealed(), twin) == "message.v2.no_key"


def test_the_signature_is_over_the_hash_keyed_by_the_whole_account_id() -> None:
    inner = message_v2.sign_inner(b"hello", ALICE.ed25519_secret, BOB.account_id.raw)
    fields = bt_raw.read(inner)
    signed = crypto.blake2b(64, fields.before(b"~"), key=BOB.account_id.raw, person=b"SessionV2Message")
    crypto.ed25519_verify(ALICE.ed25519_public, signed, fields.string(b"~"))
