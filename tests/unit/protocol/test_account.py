"""Accounts, Account IDs and display names (01.1, 01.2, 01.4)."""

from __future__ import annotations

import pytest

from veery.errors import Malformed, Misuse
from veery.protocol import crypto
from veery.protocol.account import Account, AccountId, AccountIdWrong, AccountSeedWrong, DisplayNameWrong, display_name
from veery.protocol.recovery import RecoveryWordsWrong

SEED = bytes(range(16))
KEY = bytes(range(100, 132))
USER = AccountId(b"\x05" + KEY)


def test_an_identifier_has_a_prefix_and_a_key() -> None:
    assert (USER.prefix, USER.key, USER.raw, USER.hex) == (5, KEY, b"\x05" + KEY, "05" + KEY.hex())


def test_identifiers_are_values_ordered_by_their_bytes() -> None:
    other = AccountId(b"\x03" + KEY)
    assert {USER: 1}[AccountId.from_hex(USER.hex)] == 1
    assert sorted([USER, other]) == [other, USER]


@pytest.mark.parametrize("printed", [str(USER), repr(USER), f"{USER}", f"{USER!r}", f"{USER:>20}"])
def test_identifiers_print_shortened(printed: str) -> None:
    assert USER.hex[:6] in printed
    assert USER.hex[2:10] not in printed
    assert len(printed) < 25


def test_an_identifier_pads_like_text() -> None:
    assert f"{USER:>20}" == str(USER).rjust(20)


@pytest.mark.parametrize("size", [0, 32, 34])
def test_identifiers_of_another_size_are_refused(size: int) -> None:
    with pytest.raises(AccountIdWrong) as wrong:
        AccountId(bytes(size))
    assert wrong.value.kind == "account.id.length"


@pytest.mark.parametrize("prefix", ["05", "03", "15", "25", "00", "07"])
def test_every_known_prefix_is_read_in_any_case(prefix: str) -> None:
    text = prefix + KEY.hex()
    assert AccountId.from_hex(text.upper()).hex == text


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "account.id.length"),
        ("05" + "a" * 63, "account.id.length"),
        ("05" + "a" * 65, "account.id.length"),
        (" " + "05" + "a" * 64, "account.id.length"),
        ("05" + "g" * 64, "account.id.hex"),
        ("05" + " a" * 32, "account.id.hex"),
        ("05" + "\uff11" * 64, "account.id.hex"),
        ("05" + "a" * 63 + "\n", "account.id.hex"),
        ("42" + "a" * 64, "account.id.prefix"),
    ],
)
def test_other_texts_are_no_identifier(text: str, kind: str) -> None:
    with pytest.raises(AccountIdWrong) as wrong:
        AccountId.from_hex(text)
    assert wrong.value.kind == kind


def test_an_unknown_prefix_is_read_where_any_is_taken() -> None:
    assert AccountId.from_hex("42" + KEY.hex(), any_prefix=True).prefix == 0x42


def test_what_a_person_types_is_trimmed() -> None:
    assert AccountId.parse_user(f"  {USER.hex.upper()}\n") == USER


@pytest.mark.parametrize(
    ("prefix", "said"), [("03", "group"), ("15", "community"), ("25", "community"), ("00", "05"), ("99", "05")]
)
def test_a_person_is_told_what_they_typed_instead_of_an_account_id(prefix: str, said: str) -> None:
    with pytest.raises(AccountIdWrong) as wrong:
        AccountId.parse_user(prefix + KEY.hex())
    assert wrong.value.kind == "account.id.prefix"
    assert said in wrong.value.message
    assert KEY.hex()[:8] not in str(wrong.value)
    assert wrong.value.remedy


def test_an_account_id_is_the_converted_key() -> None:
    account = Account.from_seed(SEED)
    assert account.account_id == AccountId.from_x25519(account.x25519_public)
    assert account.account_id == AccountId.from_ed25519(account.ed25519_public)
    assert account.account_id.prefix == 5


def test_keys_that_do_not_convert_are_refused() -> None:
    for point in (bytes(32), b"\x01" + bytes(31), b"\xff" * 32):
        with pytest.raises(crypto.CryptoFailed):
            AccountId.from_ed25519(point)
    with pytest.raises(Misuse):
        AccountId.from_x25519(bytes(31))


def test_an_account_signs() -> None:
    account = Account.from_seed(SEED)
    crypto.ed25519_verify(account.ed25519_public, b"words", account.sign(b"words"))


def test_both_secrets_are_one_number() -> None:
    account = Account.from_seed(SEED)
    assert crypto.x25519_public(account.x25519_secret.reveal()) == account.x25519_public
    assert crypto.point_base_mul(account.x25519_secret.reveal()) == account.ed25519_public


def test_an_account_prints_nothing_of_its_keys() -> None:
    account = Account.from_seed(SEED)
    for printed in (repr(account), str(account), f"{account}", repr([account])):
        assert "0001" not in printed
        assert account.account_id.hex[:10] not in printed
        assert account.x25519_secret.reveal().hex()[:8] not in printed
        assert str(account.account_id) in printed


def test_a_new_account_takes_sixteen_random_bytes() -> None:
    asked: list[int] = []

    def random(size: int) -> bytes:
        asked.append(size)
        return SEED

    assert Account.create(random).account_id == Account.from_seed(SEED).account_id
    assert asked == [16]


@pytest.mark.parametrize("size", [0, 15, 17, 31, 33, 64])
def test_seeds_of_another_size_are_refused(size: int) -> None:
    with pytest.raises(AccountSeedWrong):
        Account.from_seed(b"\x01" * size)


def test_the_padded_form_of_a_seed_is_that_seed() -> None:
    padded = Account.from_seed(SEED + bytes(16))
    assert padded.seed.reveal() == SEED
    assert padded.words() == Account.from_seed(SEED).words()


def test_a_seed_of_32_bytes_is_used_as_it_is_and_has_no_words() -> None:
    account = Account.from_seed(KEY)
    assert account.seed.reveal() == account.seed32.reveal() == KEY
    assert account.ed25519_public == crypto.ed25519_from_seed(KEY)[0]
    with pytest.raises(Misuse):
        account.words()


def test_words_restore_the_account() -> None:
    account = Account.from_seed(SEED)
    assert Account.from_words(account.words()).account_id == account.account_id


def test_the_codes_hold_the_id_and_the_seed() -> None:
    account = Account.from_seed(SEED)
    assert AccountId.parse_user(account.qr_account_id()) == account.account_id
    assert account.qr_recovery() == SEED.hex()


@pytest.mark.parametrize("form", [SEED.hex(), SEED.hex().upper() + "\n", SEED.hex() + "0" * 32])
def test_a_scanned_recovery_code_restores(form: str) -> None:
    assert Account.from_qr(form).seed.reveal() == SEED


def test_scanned_words_restore() -> None:
    assert Account.from_qr(Account.from_seed(SEED).words()).seed.reveal() == SEED
    with pytest.raises(RecoveryWordsWrong):
        Account.from_qr("two words")


@pytest.mark.parametrize("form", ["", "abbey", "00" * 15, "zz" * 16, USER.hex, KEY.hex(), "https://example.org/"])
def test_other_codes_are_no_recovery_code(form: str) -> None:
    with pytest.raises(AccountSeedWrong) as wrong:
        Account.from_qr(form)
    assert wrong.value.kind == "account.seed.code"
    assert isinstance(wrong.value, Malformed)


@pytest.mark.parametrize(("typed", "kept"), [(" Alice ", "Alice"), ("é" * 50, "é" * 50), ("a b", "a b")])
def test_a_display_name_is_trimmed(typed: str, kept: str) -> None:
    assert display_name(typed) == kept


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("", "account.name.empty"),
        (" \n", "account.name.empty"),
        ("a" * 101, "account.name.too_long"),
        ("é" * 51, "account.name.too_long"),
        ("\ud800", "account.name.not_text"),
    ],
)
def test_other_display_names_are_refused(typed: str, kind: str) -> None:
    with pytest.raises(DisplayNameWrong) as wrong:
        display_name(typed)
    assert wrong.value.kind == kind


def test_an_id_can_exist_only_if_its_key_is_one_of_an_account() -> None:
    assert all(Account.from_seed(bytes([number]) * 16).account_id.can_exist for number in range(50))
    changed = Account.from_seed(SEED).account_id.raw
    slips = [AccountId(changed[:at] + bytes([changed[at] ^ 1]) + changed[at + 1 :]) for at in range(1, 33)]
    assert sum(each.can_exist for each in slips) < len(slips) // 2
    assert not AccountId(b"\x05" + bytes(32)).can_exist
    assert not AccountId(b"\x05" + (2**255 - 20).to_bytes(32, "little")).can_exist
