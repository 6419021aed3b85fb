"""The clocks."""

from __future__ import annotations

import asyncio
import time

from veery.runtime.clock import Clock, ManualClock, SystemClock, sleep


async def test_a_sleeper_that_sleeps_again_wakes_again_within_one_advance() -> None:
    clock = ManualClock(now_ms=5_000)
    seen: list[tuple[float, int]] = []

    async def every_second() -> None:
        for _ in range(3):
            await sleep(clock, 1)
            seen.append((clock.monotonic(), clock.now_ms()))

    task = asyncio.create_task(every_second())
    await clock.advance(2.5)
    assert seen == [(1.0, 6_000), (2.0, 7_000)]
    await clock.advance(0.5)
    await task
    assert seen[-1] == (3.0, 8_000)


async def test_sleepers_wake_in_the_order_of_moments_then_of_falling_asleep() -> None:
    clock = ManualClock()
    woken: list[str] = []

    async def sleeper(name: str, seconds: float) -> None:
        await sleep(clock, seconds)
        woken.append(name)

    tasks = [asyncio.create_task(sleeper(n, s)) for n, s in (("late", 3), ("first", 1), ("second", 1))]
    await clock.advance(10)
    await asyncio.gather(*tasks)
    assert woken == ["first", "second", "late"]


async def test_decimal_fractions_meet() -> None:
    clock = ManualClock()
    task = asyncio.create_task(clock.sleep_until(0.1 + 0.2))
    for _ in range(3):
        await clock.advance(0.1)
    assert task.done()
    assert clock.monotonic() >= 0.1 + 0.2
    assert clock.now_ms() == ManualClock().now_ms() + 300


async def test_a_loop_over_a_deadline_ends() -> None:
    clock = ManualClock()
    deadline = 0.1 * 3  # a little above 0.3
    rounds = 0

    async def wait() -> None:
        nonlocal rounds
        while clock.monotonic() < deadline:
            rounds += 1
            await clock.sleep_until(deadline)

    task = asyncio.create_task(wait())
    await clock.advance(0.3)
    await task
    assert rounds == 1


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = ManualClock()
    task = asyncio.create_task(sleep(clock, 5))
    await clock.until_sleeping()
    assert clock.next_moment() == 5.0
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert clock.sleeping == 0
    assert clock.next_moment() is None
    await clock.advance(10)
    assert task.cancelled()


async def test_until_sleeping_waits_for_the_count() -> None:
    clock = ManualClock()
    waiting = asyncio.create_task(clock.until_sleeping(2))
    first = asyncio.create_task(sleep(clock, 1))
    await clock.until_sleeping(1)
    assert not waiting.done()
    second = asyncio.create_task(sleep(clock, 2))
    await waiting
    clock.move(2)
    await asyncio.gather(first, second)


async def test_move_wakes_without_running() -> None:
    clock = ManualClock()
    task = asyncio.create_task(sleep(clock, 1))
    await clock.until_sleeping()
    clock.move(4)
    assert clock.monotonic() == 4.0
    assert not task.done()
    await task


async def test_time_does_not_go_back() -> None:
    clock = ManualClock(monotonic=7)
    clock.move(-3)
    await clock.advance(-1)
    await clock.sleep_until(2)
    assert clock.monotonic() == 7.0


def test_the_wall_clock_can_be_set_alone() -> None:
    clock = ManualClock(now_ms=1_000)
    clock.move(2)
    clock.set_wall(50_000)
    assert clock.now_ms() == 50_000
    assert clock.monotonic() == 2.0
    clock.move(1)
    assert clock.now_ms() == 51_000


async def test_system_clock() -> None:
    clock: Clock = SystemClock()
    assert abs(clock.now_ms() - time.time() * 1000) < 5_000
    moment = clock.monotonic() + 0.01
    await clock.sleep_until(moment)
    assert clock.monotonic() >= moment
    ran = asyncio.Event()
    asyncio.get_running_loop().call_soon(ran.set)
    await clock.sleep_until(moment)  # past, and still a turn for others
    assert ran.is_set()
