"""The shared list of account keys: which one is active, in what order, and how long old ones are kept."""

from __future__ import annotations

import pytest

from veery.errors import Misuse
from veery.protocol.devices import AccountKey, AccountKeys
from veery.secret import Secret

DAY = 24 * 3600


def key(number: int, created_s: int, rotated_s: int | None = None, *, distributed: bool = True) -> AccountKey:
    return AccountKey(Secret(bytes([number]) * 32), created_s, rotated_s, distributed)


def written(keys: AccountKeys) -> list[tuple[int, int, int | None]]:
    return [(each.seed.reveal()[0], each.created_s, each.rotated_s) for each in keys]


def test_a_rotation_makes_the_new_key_later_than_all() -> None:
    keys = AccountKeys().rotated(Secret(bytes([1]) * 32), 100).rotated(Secret(bytes([2]) * 32), 50)
    assert written(keys) == [(2, 101, None), (1, 100, 101)]
    assert keys.active is not None
    assert keys.active.seed.reveal()[0] == 2
    assert keys.undistributed


def test_the_order_of_a_payload() -> None:
    keys = AccountKeys().merged([key(1, 10, 30), key(2, 20, 40), key(3, 25, 40), key(4, 40)], 0)
    assert written(keys) == [(4, 40, None), (3, 25, 40), (2, 20, 40), (1, 10, 30)]


def test_keys_past_retention_go() -> None:
    keys = AccountKeys().merged([key(1, 10, 100), key(2, 100)], 0)
    assert len(keys.pruned(100 + 16 * DAY)) == 2
    assert written(keys.pruned(101 + 16 * DAY)) == [(2, 100, None)]
    assert written(keys.pruned(1_000 * DAY)) == [(2, 100, None)]


def test_an_old_message_does_not_bring_a_deleted_key_back() -> None:
    now = 200 * DAY
    keys = AccountKeys().merged([key(1, 10, now - 16 * DAY - 1), key(2, 20, now - 16 * DAY), key(3, 30)], now)
    assert [number for number, _, _ in written(keys)] == [3, 2]


def test_an_unrotated_copy_does_not_revive_a_key() -> None:
    keys = AccountKeys().merged([key(1, 10, 20), key(1, 10)], 0)
    assert written(keys) == [(1, 10, 20)]
    assert keys.active is None


def test_the_earlier_rotation_and_the_first_creation_count() -> None:
    assert written(AccountKeys().merged([key(1, 10, 30), key(1, 99, 20), key(1, 5, 40)], 0)) == [(1, 10, 20)]


def test_only_what_was_carried_is_settled() -> None:
    keys = AccountKeys().rotated(Secret(bytes([1]) * 32), 100)
    later = keys.rotated(Secret(bytes([2]) * 32), 200)
    settled = later.carried(each.seed for each in keys)
    assert settled.undistributed
    assert [each.distributed for each in settled] == [False, True]
    assert not later.carried(each.seed for each in later).undistributed


def test_a_key_that_another_device_has_pushed_is_distributed() -> None:
    keys = AccountKeys().rotated(Secret(bytes([1]) * 32), 100)
    assert not keys.merged([key(1, 100)], 0).undistributed


def test_seeds_are_not_printed_and_have_their_size() -> None:
    assert "01010101" not in repr(AccountKeys().merged([key(1, 10)], 0))
    assert repr(bytes([1]) * 32)[2:20] not in repr(key(1, 10))
    with pytest.raises(Misuse):
        AccountKey(Secret(bytes(31)), 1)


def test_of_keys_made_in_one_second_the_lowest_seed_stays_active() -> None:
    for order in ((1, 2, 3), (3, 2, 1), (2, 3, 1)):
        keys = AccountKeys().merged([key(number, 100) for number in order], 0)
        assert written(keys)[0] == (1, 100, None)
        assert [rotated for _, _, rotated in written(keys)[1:]] == [100, 100]
