"""One at a time for each id."""

from __future__ import annotations

import asyncio

from veery.fileserver.id_locks import IdLocks


async def test_one_holder_of_an_id_at_a_time_and_others_beside_it() -> None:
    locks, inside, peak = IdLocks(), 0, 0
    free = asyncio.Event()

    async def hold(*ids: str) -> None:
        nonlocal inside, peak
        async with locks.hold(ids):
            inside += 1
            peak = max(peak, inside)
            await free.wait()
            inside -= 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(hold("a"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert inside == 1
        tasks.create_task(hold("b"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert inside == 2
        free.set()
    assert peak == 2
    assert len(locks) == 0


async def test_holders_of_several_do_not_wait_for_each_other_for_ever() -> None:
    locks = IdLocks()

    async def hold(*ids: str) -> None:
        for _ in range(50):
            async with locks.hold(ids):
                await asyncio.sleep(0)

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        for ids in (("a", "b", "c"), ("c", "b", "a"), ("b", "a", "b"), ("c",)):
            tasks.create_task(hold(*ids))
    assert len(locks) == 0


async def test_who_is_cancelled_while_waiting_leaves_nothing_behind() -> None:
    locks = IdLocks()
    async with locks.hold(["a"]):
        waiting = asyncio.create_task(_hold(locks, ["0", "a"]))
        for _ in range(10):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        async with locks.hold(["0"]):
            assert len(locks) == 2
    assert len(locks) == 0


async def _hold(locks: IdLocks, ids: list[str]) -> None:
    async with locks.hold(ids):
        raise AssertionError("it must not be reached")
