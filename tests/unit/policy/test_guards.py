"""Guard memory."""

from __future__ import annotations

from veery.policy.guards import GUARDS_MAX, Guard, GuardMemory
from veery.protocol.constants import DAY_MS


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_guards_are_used_again_oldest_first_for_ten_days() -> None:
    memory = GuardMemory([Guard(key(2), 2 * DAY_MS), Guard(key(1), 1 * DAY_MS)])
    assert memory.usable(3 * DAY_MS) == (key(1), key(2))
    assert memory.keeps(key(1), 11 * DAY_MS - 1)
    assert not memory.keeps(key(1), 11 * DAY_MS)
    assert memory.usable(11 * DAY_MS) == (key(2),)
    assert not memory.keeps(key(3), 0)


def test_the_first_contact_is_what_counts() -> None:
    memory = GuardMemory()
    assert memory.remember(key(1), 5)
    assert not memory.remember(key(1), 900)
    assert memory.guards == (Guard(key(1), 5),)
    assert memory.remember(key(2), 10 * DAY_MS + 5)  # the first is forgotten by now
    assert memory.guards == (Guard(key(2), 10 * DAY_MS + 5),)


def test_forgetting() -> None:
    memory = GuardMemory([Guard(key(1), 0)])
    assert memory.forget(key(1))
    assert not memory.forget(key(1))
    assert memory.guards == ()


def test_the_memory_is_bounded() -> None:
    memory = GuardMemory()
    for number in range(100):
        memory.remember(key(number), number)
    assert len(memory.guards) == GUARDS_MAX
    assert memory.guards[0] == Guard(key(0), 0)
