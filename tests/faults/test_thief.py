"""The thief: everything that swarms ever held, the recovery words, and one device; and what that opens of a year.

The bounds are those of R6 (06.18.4): 37 days for devices that are away from time to time, and for one that is always
online 7 days of its key, 72 hours of the one before, 16 days of account seeds and half a day in which each is used. The
same thief opens every message of those that went out as v1.
"""

from __future__ import annotations

import pytest

from tests.faults.thief_world import STEP, Thief, World
from tests.unit.policy.device_world import DAY, START_MS

USUAL = 27 * DAY
WORST = 37 * DAY
YEAR = 365
THEFTS = (45, 100, 200, 299, YEAR)  # days


def check_theft(world: World) -> None:
    """Any one device is stolen now."""
    for person in world.people:
        thief = Thief(person.account.words(), person.swarm, person.log)
        assert thief.opens_v1() == [logged.stored_ms for logged in person.log]
        assert not thief.opens_v2([])
        for device in person.devices:
            opened = thief.opens_v2(thief.account_keys(device.kept()))
            age = world.now_ms - min(opened)
            assert DAY < age <= (USUAL if device is person.devices[0] else WORST)
            assert max(opened) == world.now_ms  # the thief is in: what comes now is open


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_year_is_closed_to_the_thief_but_for_the_last_weeks() -> None:
    world = World(seed=1)
    for day in range(1, YEAR + 1):
        for _ in range(DAY // STEP):
            world.step()
        if day in THEFTS:
            check_theft(world)


def test_ten_weeks_are_closed_to_the_thief_but_for_the_last_ones() -> None:
    world = World(seed=2)
    for _ in range(70 * DAY // STEP):
        world.step()
    check_theft(world)


def test_a_thief_who_also_has_a_deleted_device_key_opens_everything() -> None:
    """The log holds what the theft is measured by: only deleting closes it."""
    world = World(seed=3)
    first = world.people[0].devices[0]
    early = first.kept()
    for _ in range(40 * DAY // STEP):
        world.step()
    person = world.people[0]
    thief = Thief(person.account.words(), person.swarm, person.log)
    opened = thief.opens_v2(thief.account_keys(early))
    assert min(opened) == START_MS + STEP
