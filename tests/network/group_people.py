"""People of groups over real nodes: one engine each, polled by hand where a test needs an order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from veery.client import profile as profiles
from veery.client.client import Client
from veery.lab.network import LabNetwork
from veery.protocol.account import Account
from veery.runtime.randomness import random_bytes
from veery.store.keys import KeyFile


@dataclass(frozen=True, slots=True)
class Member:
    """One person with an engine that does only what it is told to."""

    name: str
    client: Client

    @property
    def id(self) -> str:
        return self.client.account.hex

    async def poll(self) -> None:
        """Send what waits, then fetch from the own swarm and those of groups."""
        await self.client.pump.run_due()
        await self.client.receiving.fetch()
        await self.client.groups.fetch()
        await self.client.pump.run_due()

    async def show(self, group: str) -> Any:
        return await self.client.groups.show(group)

    async def statuses(self, group: str) -> dict[str, str]:
        return {each["id"]: each["status"] for each in (await self.show(group))["list"]}

    async def texts(self, group: str) -> list[str]:
        found = await self.client.conversations.messages(group, 1_000)
        return sorted(each.body for each in found if each.kind == "text")


@asynccontextmanager
async def members(directory: Path, nodes: int, names: list[str]) -> AsyncIterator[list[Member]]:
    """A lab of so many nodes, and people in it."""
    async with LabNetwork(directory / "lab", nodes) as lab, AsyncExitStack() as stack:
        network = lab.network_file.read_text()
        found: list[Member] = []
        for name in names:
            account, key = Account.create(random_bytes), KeyFile(directory / f"{name}.key")
            profile = await profiles.create(directory / name, account, name, network, key)
            client = await stack.enter_async_context(await Client.open(profile))
            found.append(Member(name, client))
        yield found
