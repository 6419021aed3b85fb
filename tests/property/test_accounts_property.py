"""Properties of chapter 01: round trips, and what strangers' bytes can raise."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from veery.protocol import blinded_messages, blinding, crypto, recovery, xed25519
from veery.protocol.account import Account, AccountId, AccountIdWrong, AccountSeedWrong, DisplayNameWrong, display_name
from veery.protocol.names import Name, NameAnswerWrong, NameNotRecognised
from veery.protocol.recovery import RecoveryWordsWrong
from veery.protocol.words_english import WORDS

seeds = st.binary(min_size=16, max_size=16)
keys = st.binary(min_size=32, max_size=32)
words = st.one_of(st.sampled_from(WORDS), st.text(max_size=8))
prefixes = st.sampled_from([0x15, 0x25])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=100),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


@given(seeds, st.data())
def test_words_give_the_seed_back_in_any_spelling(seed: bytes, data: st.DataObject) -> None:
    written = recovery.encode(seed).split()
    assert len(written) == 13
    spelled = [data.draw(st.sampled_from([word, word.upper(), word[:3], word[:3] + "zzz"])) for word in written]
    spaces = data.draw(st.lists(st.sampled_from([" ", "\n", "  ", "\t"]), min_size=13, max_size=13))
    assert recovery.decode("".join(space + word for space, word in zip(spaces, spelled, strict=True))) == seed


@given(st.integers(1, 16).flatmap(lambda groups: st.binary(min_size=4 * groups, max_size=4 * groups)))
def test_words_without_a_checksum_give_the_bytes_back(data: bytes) -> None:
    assert recovery.decode(recovery.encode(data, checksum=False), checksum=False) == data


@given(st.one_of(st.text(max_size=200), st.lists(words, max_size=16).map(" ".join)), st.booleans())
def test_other_words_raise_only_the_named_error(text: str, checksum: bool) -> None:
    try:
        found = recovery.decode(text, checksum=checksum)
    except RecoveryWordsWrong as wrong:
        assert wrong.kind.startswith("account.words.")
        assert (wrong.position is None) == (wrong.word is None)
        assert set(wrong.near) <= set(WORDS)
        assert len(wrong.near) <= 3
    else:
        assert recovery.decode(recovery.encode(found, checksum=checksum), checksum=checksum) == found


@given(seeds, st.integers(0, 12), st.sampled_from(WORDS))
def test_a_changed_word_is_noticed_or_changes_the_seed(seed: bytes, at: int, other: str) -> None:
    written = recovery.encode(seed).split()
    assume(written[at] != other)
    written[at] = other
    with suppress(RecoveryWordsWrong):
        assert recovery.decode(" ".join(written)) != seed


@given(st.binary(min_size=33, max_size=33))
def test_identifiers_give_their_bytes_back(raw: bytes) -> None:
    found = AccountId(raw)
    assert AccountId.from_hex(found.hex.upper(), any_prefix=True) == found
    assert bytes([found.prefix]) + found.key == raw
    assert found.hex not in f"{found} {found!r}"


@given(st.text(max_size=80))
def test_other_texts_raise_only_the_named_errors(text: str) -> None:
    with suppress(AccountIdWrong):
        assert AccountId.parse_user(text).hex == text.strip().lower()
    with suppress(AccountSeedWrong, RecoveryWordsWrong):
        Account.from_qr(text)
    with suppress(DisplayNameWrong):
        assert 0 < len(display_name(text).encode()) <= 100


@given(seeds, keys)
def test_blinded_owners_match_their_account_id(seed: bytes, server: bytes) -> None:
    account = Account.from_seed(seed)
    for prefix in (0x15, 0x25):
        own = blinding.blind(prefix, account.ed25519_secret, server)
        assert blinding.matches(account.account_id, own.account_id, server)
        crypto.ed25519_verify(own.key, seed, own.sign(seed))


@given(keys, keys)
def test_any_key_blinds_or_is_refused(key: bytes, server: bytes) -> None:
    with suppress(crypto.CryptoFailed):
        positive, negative = blinding.ids15(AccountId.from_x25519(key), server)
        assert positive.key == xed25519.flip_sign(negative.key)


@given(seeds, st.binary(max_size=100), st.binary(min_size=64, max_size=64))
def test_x25519_signatures_verify(seed: bytes, message: bytes, random: bytes) -> None:
    account = Account.from_seed(seed)
    signature = xed25519.sign(account.x25519_secret, message, lambda size: random[:size])
    xed25519.verify(account.x25519_public, message, signature)


@given(keys, st.binary(max_size=20), st.binary(max_size=70))
def test_any_signature_is_refused(key: bytes, message: bytes, signature: bytes) -> None:
    with pytest.raises(crypto.CryptoFailed):
        xed25519.verify(key, message, signature)


@given(prefixes, seeds, seeds, st.binary(max_size=300), st.binary(min_size=24, max_size=24))
def test_blinded_messages_give_their_content_back(
    prefix: int, left: bytes, right: bytes, content: bytes, nonce: bytes
) -> None:
    alice, bob = (blinding.blind(prefix, Account.from_seed(seed).ed25519_secret, left * 2) for seed in (left, right))
    payload = blinded_messages.seal(alice, bob.account_id, content, lambda size: nonce[:size])
    received = blinded_messages.open_received(bob, alice.account_id, payload)
    assert received == blinded_messages.open_sent(alice, bob.account_id, payload)
    assert (received.content, received.sender) == (content, Account.from_seed(left).account_id)


@given(prefixes, keys, st.binary(max_size=150))
def test_strange_payloads_are_refused(prefix: int, key: bytes, payload: bytes) -> None:
    own = blinding.blind(prefix, Account.from_seed(bytes(16)).ed25519_secret, bytes(32))
    with pytest.raises((blinded_messages.BlindedMessageMalformed, crypto.CryptoFailed)):
        blinded_messages.open_received(own, AccountId(bytes([prefix]) + key), payload)


@given(st.text(max_size=40))
def test_any_text_is_a_name_or_not(text: str) -> None:
    with suppress(NameNotRecognised):
        name = Name.parse(text).text
        assert name == name.lower()
        assert name.isascii()
        assert Name.parse(name).text == name


@given(json_values, st.dictionaries(st.sampled_from(["encrypted_value", "nonce"]), json_values))
def test_strange_answers_raise_only_the_named_error(value: object, result: dict[str, object]) -> None:
    for answer in (value, {"result": value}, {"result": result}):
        with suppress(NameAnswerWrong):
            assert Name.parse("alice").read_answer(answer) is None


@given(st.binary(max_size=64))
def test_scalars_reduce_modulo_the_order(value: bytes) -> None:
    assert int.from_bytes(crypto.scalar_reduce(value), "little") == int.from_bytes(value, "little") % crypto.L
