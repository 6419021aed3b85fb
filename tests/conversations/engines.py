"""Engines over a swarm in memory: one `Device` is one account on one device, with its store on the disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.conversations.memory_swarm import Killed, MemoryRoad, MemorySwarm, Weather, calm
from veery.client.client import Client
from veery.client.profile import Profile, create, restore
from veery.protocol.account import Account
from veery.runtime.clock import ManualClock
from veery.runtime.randomness import insecure_randomness
from veery.store.database import Store
from veery.store.keys import KeyFile
from veery.store.message_values import Message
from veery.store.tables import Tables

T = TypeVar("T")

FILE_SERVER_KEY = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"
NETWORK = (
    '[network]\nname = "memory"\nseeds = ["http://127.0.0.1:1"]\n'
    f'file_server = {{ url = "http://127.0.0.1:2", key = "{FILE_SERVER_KEY}" }}\n'
)


def account_of(number: int) -> Account:
    """A fixed account."""
    return Account.from_seed(bytes([number]) * 16)


@dataclass
class Device:
    """One device. `client` is open between `open` and `close`."""

    name: str
    account: Account
    profile: Profile
    swarm: MemorySwarm
    clock: ManualClock
    seed: int
    weather: Weather = calm
    road_type: type[MemoryRoad] = MemoryRoad
    opened: int = 0
    clients: list[Client] = field(default_factory=list)

    @property
    def client(self) -> Client:
        return self.clients[-1]

    @property
    def id(self) -> str:
        return self.account.account_id.hex

    @property
    def road(self) -> MemoryRoad:
        road = self.client.road
        assert isinstance(road, MemoryRoad)
        return road

    async def open(self) -> Client:
        """Open the engine, as a new process would."""
        self.opened += 1
        random = insecure_randomness(1_000 * self.seed + self.opened)
        road = self.road_type(self.swarm, lambda: self.weather(), seed=self.seed)
        self.clients.append(await Client.open(self.profile, road=road, clock=self.clock, random=random))
        return self.client

    async def restart(self) -> None:
        """End the engine and open it again from the disk."""
        await self.client.close()
        await self.open()

    async def kill_during(self, work: Callable[[Client], Any], writes: int) -> None:
        """Do some work and end the process at its `writes`-th write, before or after it is on the disk; reopen."""
        arm(store_of(self.client), writes)
        try:
            await work(self.client)
        except Killed:
            pass
        finally:
            await self.restart()

    async def messages(self, other: str) -> list[Message]:
        """The messages of a conversation, oldest first."""
        found = await self.read(lambda tables: tables.messages.page(other, 10_000, newest_first=False))
        return list(found)

    async def texts(self, other: str) -> list[str]:
        """The texts of a conversation, oldest first."""
        return [message.body for message in await self.messages(other)]

    async def read(self, work: Callable[[Tables], T]) -> T:
        """Look into the store."""
        return await store_of(self.client).read(work)

    async def events(self) -> list[dict[str, Any]]:
        """All durable events."""
        return await self.client.events.page(0, 100_000)


def store_of(client: Client) -> Store:
    """The store behind a client."""
    return client._core.store


def arm(store: Store, writes: int) -> None:
    """Let the process end at a write: odd numbers before it, even ones after it was committed."""
    left = writes
    run = store.run

    async def counted(work: Callable[[Tables], Any]) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed
        result = await run(work)
        left -= 1
        if left == 0:
            raise Killed
        return result

    setattr(store, "run", counted)  # noqa: B010 - a method of one instance is replaced


async def make_device(
    directory: Path, swarm: MemorySwarm, clock: ManualClock, name: str, number: int, device: int = 0
) -> Device:
    """A device of account `number`, open. device: the first one has made the account, others were restored."""
    account = account_of(number)
    place, key = directory / f"{name}{device}", KeyFile(directory / f"{name}{device}.key")
    called = f"{name}'s device {device}"
    if device:
        profile = await restore(place, account.words(), name, NETWORK, key, device_name=called, clock=clock)
    else:
        profile = await create(place, account, name, NETWORK, key, device_name=called, clock=clock)
    made = Device(name, account, profile, swarm, clock, seed=10 * number + device)
    await made.open()
    return made


async def exchange(*devices: Device, rounds: int = 3) -> None:
    """Bring everything that waits to the swarms and from there to everybody."""
    for _ in range(rounds):
        for device in devices:
            await device.client.pump.run_due()
        for device in devices:
            await device.client.receiving.fetch()
