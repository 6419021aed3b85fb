"""An engine that nobody uses for a while locks."""

from __future__ import annotations

import asyncio

import pytest

from tests.conversations.engines import Device
from veery.app.session import OwnSession, open_session
from veery.client.client import Client
from veery.client.locking import MINUTES_MAX, LockTimeWrong
from veery.client.profile import Profile
from veery.runtime.clock import ManualClock


async def settled() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_it_never_locks_unless_asked_to(alice: Device, clock: ManualClock) -> None:
    locking = asyncio.create_task(alice.client.locking.run())
    await alice.client.read(lambda tables: None)
    await clock.advance(10**7)
    assert not alice.client.locking.locked.is_set()
    assert await alice.client.locking.after() is None
    locking.cancel()
    await asyncio.gather(locking, return_exceptions=True)


async def test_it_locks_after_the_last_use(alice: Device, clock: ManualClock) -> None:
    service = alice.client.locking
    await service.set_after(10)
    locking = asyncio.create_task(service.run())
    await clock.until_sleeping(1)
    await clock.advance(9 * 60)
    with service.used():
        await clock.advance(11 * 60)  # a long answer is use as long as it takes
        await alice.client.read(lambda tables: None)
        assert not service.locked.is_set()
    await clock.until_sleeping(1)
    await clock.advance(9 * 60)
    await alice.client.read(lambda tables: None)
    assert not service.locked.is_set()
    await clock.until_sleeping(1)
    await clock.advance(2 * 60)
    async with asyncio.timeout(30):
        await locking
    assert service.locked.is_set()


async def test_times_that_make_no_sense(alice: Device) -> None:
    for minutes in (-1, 0, MINUTES_MAX + 1):
        with pytest.raises(LockTimeWrong):
            await alice.client.locking.set_after(minutes)
    await alice.client.locking.set_after(5)
    assert await alice.client.locking.after() == 5
    await alice.client.locking.set_after(None)
    assert await alice.client.locking.after() is None


async def test_a_locked_session_lets_the_profile_go(alice: Device, clock: ManualClock) -> None:
    await alice.client.close()

    async def open_client(profile: Profile) -> Client:
        return await alice.open()

    directory, unlock = alice.profile.directory, alice.profile.unlock
    async with open_session(directory, lambda: unlock, open_client=open_client) as session:
        assert isinstance(session, OwnSession)
        await session.call("set_lock_after", minutes=1)
        first = session.client
        async with asyncio.timeout(30):
            first.locking.locked.set()
            while alice.profile.socket.exists() or not first.closed:  # noqa: ASYNC110 - no event tells of a file
                await asyncio.sleep(0)
        async with open_session(directory, lambda: unlock, open_client=open_client) as next_session:
            assert (await next_session.call("lock_after"))["minutes"] == 1
