"""Account records: signed for anybody who knows the Account ID, and with a time for those who look at it."""

from __future__ import annotations

import pytest

from tests.unit.protocol.devices.people import Counted, account, account_pair
from veery.errors import Misuse
from veery.protocol import bt, bt_raw, crypto, xed25519
from veery.protocol.devices import DeviceMalformed, DeviceRefused, account_record
from veery.secret import Secret

ALICE, BOB = account(1), account(2)
KEYS = account_pair(1).public


def signed(signed_s: int | None = None, number: int = 1) -> bytes:
    return account_record.sign(
        account_pair(number).public,
        account_x25519_secret=ALICE.x25519_secret,
        random=Counted(f"{signed_s}"),
        signed_s=signed_s,
    )


def withdrawal(signed_s: int) -> bytes:
    return account_record.sign_withdrawal(
        account_x25519_secret=ALICE.x25519_secret, random=Counted(), signed_s=signed_s
    )


def custom(fields: dict[bytes, bytes]) -> bytes:
    return bt_raw.encode(fields, (b"~", lambda data: xed25519.sign(ALICE.x25519_secret, data, Counted())))


def refused(raw: bytes) -> str:
    with pytest.raises((DeviceMalformed, DeviceRefused)) as caught:
        account_record.open(raw, ALICE.account_id.raw)
    return caught.value.kind


def test_a_deployed_record_and_one_with_a_time() -> None:
    plain = account_record.open(signed(), ALICE.account_id.raw)
    assert (plain.keys, plain.signed_s, plain.withdrawn) == (KEYS, None, False)
    assert len(plain.raw) == 1302
    timed = account_record.open(signed(1_777_777_777), ALICE.account_id.raw)
    assert (timed.keys, timed.signed_s) == (KEYS, 1_777_777_777)
    assert len(timed.raw) <= 1320


@pytest.mark.parametrize("number", range(1, 9))
def test_accounts_of_both_signs_can_sign(number: int) -> None:
    owner = account(number)
    raw = account_record.sign(KEYS, account_x25519_secret=owner.x25519_secret, random=Counted())
    assert account_record.open(raw, owner.account_id.raw).keys == KEYS
    signs = {xed25519.is_negative(account(each).ed25519_public) for each in range(1, 9)}
    assert signs == {True, False}


def test_a_withdrawal_has_no_keys() -> None:
    record = account_record.open(withdrawal(50), ALICE.account_id.raw)
    assert record.withdrawn
    assert record.signed_s == 50
    # deployed readers find no keys in it
    assert not {b"M", b"X"} & bt.decode_dict(record.raw).keys()


def test_only_the_account_can_sign() -> None:
    with pytest.raises(DeviceRefused):
        account_record.open(signed(), BOB.account_id.raw)
    with pytest.raises(DeviceRefused):
        account_record.open(withdrawal(50), BOB.account_id.raw)


def test_a_negative_accounts_plain_signature_does_not_verify() -> None:
    owner = next(account(each) for each in range(1, 9) if xed25519.is_negative(account(each).ed25519_public))
    fields = {b"M": bt_raw.string(KEYS.mlkem), b"X": bt_raw.string(KEYS.x25519)}
    raw = bt_raw.encode(fields, (b"~", owner.sign))
    with pytest.raises(DeviceRefused):
        account_record.open(raw, owner.account_id.raw)


def test_times_are_signed() -> None:
    raw = signed(1_777_777_777)
    assert refused(raw.replace(b"i1777777777e", b"i1777777778e")) == "devices.account_record.signature"


def test_malformed_records_are_named() -> None:
    mlkem, x25519 = bt_raw.string(KEYS.mlkem), bt_raw.string(KEYS.x25519)
    for raw in (
        b"",
        b"de",
        custom({}),
        custom({b"M": mlkem}),
        custom({b"X": x25519}),
        custom({b"M": mlkem, b"X": bt_raw.string(KEYS.x25519[:31])}),
        custom({b"M": bt_raw.string(KEYS.mlkem + b"1"), b"X": x25519}),
        custom({b"vt": b"i5e"}),
        custom({b"vw": b"i1e"}),
        custom({b"vt": b"i5e", b"vw": b"i2e"}),
        custom({b"vt": b"i-5e", b"vw": b"i1e"}),
        signed() + b"x",
        bytes(76_801),
    ):
        assert refused(raw) == "devices.account_record"


def test_a_field_of_another_kind_under_our_name_is_not_a_time() -> None:
    fields = {b"M": bt_raw.string(KEYS.mlkem), b"X": bt_raw.string(KEYS.x25519)}
    assert account_record.open(custom(fields | {b"vt": b"2:hi"}), ALICE.account_id.raw).signed_s is None
    assert account_record.open(custom(fields | {b"vt": b"i-1e"}), ALICE.account_id.raw).signed_s is None


def test_the_newest_valid_one_counts() -> None:
    own = ALICE.account_id.raw
    foreign = account_record.sign(KEYS, account_x25519_secret=BOB.x25519_secret, random=Counted(), signed_s=999)

    def newest(*raws: bytes) -> int | None:
        found = account_record.newest(raws, own)
        assert found is not None
        return found.signed_s

    assert newest(signed(5), signed(7), signed(6)) == 7
    assert newest(signed(5), foreign, b"nonsense") == 5
    assert newest(signed(5), signed()) == 5
    assert account_record.newest([foreign, b""], own) is None
    last = account_record.newest([signed(number=1), signed(number=2)], own)
    assert last is not None
    assert last.keys == account_pair(2).public


def test_an_echo_names_exactly_these_bytes() -> None:
    one, other = signed(5), signed(6)
    assert len(account_record.echo(one)) == 8
    assert account_record.echo(one) != account_record.echo(other)
    assert account_record.open(one, ALICE.account_id.raw).echo == account_record.echo(one)


def test_other_identifiers_are_misuse() -> None:
    for wrong in (b"\x03" + ALICE.x25519_public, ALICE.x25519_public):
        with pytest.raises(Misuse):
            account_record.open(signed(), wrong)


def test_a_tampered_withdrawal_withdraws_nothing() -> None:
    raw = withdrawal(50)
    for at in range(0, len(raw), 7):
        with pytest.raises((DeviceMalformed, DeviceRefused)):
            account_record.open(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :], ALICE.account_id.raw)


def test_secrets_of_the_wrong_account_do_not_help() -> None:
    with pytest.raises(DeviceRefused):
        account_record.open(
            account_record.sign_withdrawal(
                account_x25519_secret=Secret(crypto.shake256(32, b"thief")), random=Counted(), signed_s=99
            ),
            ALICE.account_id.raw,
        )
