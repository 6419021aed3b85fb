"""The pairs that open messages: derived once, and gone with their seeds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from veery.client.levels.own_keys import OpeningKeys
from veery.protocol.devices import AccountKeys
from veery.protocol.devices.account_keys import AccountKey
from veery.secret import Secret
from veery.store.tables import Tables


def key(number: int) -> AccountKey:
    return AccountKey(Secret(bytes([number]) * 32), 1_000 + number, 2_000 + number)


def holding(*keys: AccountKey) -> Tables:
    """Tables that hold these keys."""
    return cast(Tables, SimpleNamespace(devices=SimpleNamespace(account_keys=lambda: AccountKeys(keys))))


def test_pairs_are_derived_once_and_keep_the_order_of_the_store() -> None:
    pairs = OpeningKeys()
    first = [*pairs.of(holding(key(1), key(2)))()]
    again = [*pairs.of(holding(key(2), key(3), key(1)))()]
    assert [pair.seed.reveal()[0] for pair in again] == [2, 3, 1]
    assert again[0] is first[1]
    assert again[2] is first[0]
    assert again[0].public == key(2).keys.public


def test_a_pair_goes_with_its_seed() -> None:
    pairs = OpeningKeys()
    pairs.of(holding(key(1), key(2)))()
    (left,) = pairs.of(holding(key(2)))()
    assert left.seed.reveal() == key(2).seed.reveal()
    assert [*pairs._derived] == [key(2).seed.reveal()]
    pairs.of(holding())  # before anything is opened
    assert not pairs._derived


def test_everything_is_forgotten_when_seeds_are_erased() -> None:
    pairs = OpeningKeys()
    first = pairs.of(holding(key(1)))()[0]
    pairs.forget()
    assert not pairs._derived
    assert pairs.of(holding(key(1)))()[0] is not first
