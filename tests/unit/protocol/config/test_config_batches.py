"""How pushes go into requests (07.9)."""

from __future__ import annotations

from veery.protocol.config import CONTACTS, USER_PROFILE, Push
from veery.protocol.config.batches import Batch, Slot, confirmed, plan


def push(stored: int, *obsolete: str) -> Push:
    return Push(CONTACTS, 1, tuple(b"%d" % index for index in range(stored)), obsolete)


def test_the_delete_comes_last() -> None:
    pushes = [push(1, "b"), Push(USER_PROFILE, 2, (b"x",), ("a", "b"))]
    assert plan(pushes) == (Batch((Slot(0, 0), Slot(1, 0)), ("a", "b")),)


def test_a_sequence_holds_at_most_twenty_requests() -> None:
    batches = plan([push(20), push(25, "a")])
    assert [len(batch.stores) for batch in batches] == [20, 20, 5]
    assert [batch.obsolete for batch in batches] == [(), (), ("a",)]
    assert [len(batch.stores) for batch in plan([push(20, "a")])] == [20, 0]
    assert [len(batch.stores) for batch in plan([push(20)])] == [20]
    assert sorted(slot for batch in batches for slot in batch.stores) == [
        *(Slot(0, part) for part in range(20)),
        *(Slot(1, part) for part in range(25)),
    ]


def test_only_what_was_stored_whole_is_confirmed() -> None:
    pushes = [push(1), push(2), push(2)]
    stored = {Slot(0, 0): "h0", Slot(1, 0): "h1", Slot(2, 0): "h2", Slot(2, 1): "h3"}
    assert confirmed(pushes, stored) == {0: {"h0"}, 2: {"h2", "h3"}}
