"""Members of a swarm with real databases and without sockets: the rooms of a node, tied together over memory.

Time stands still until somebody moves it, members can be killed, cut off, or left out of the node list, and each sees
a new list when it is told. Requests of clients come in as JSON, signed by `by_hand`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.network.by_hand import Json, Someone, store
from veery.errors import PeerRefused, Unreachable
from veery.node import message_table as table
from veery.node import replication_table as owed
from veery.node.chain import ChainQuestions
from veery.node.dispatch import Dispatcher
from veery.node.keys import NodeKeys
from veery.node.message_table import StoredMessage
from veery.node.messages import MessageStore
from veery.node.reads import Reads
from veery.node.recursive import Forwarded, SwarmWork
from veery.node.repairs import Repairs
from veery.node.replication import Replication
from veery.node.view import NodeView
from veery.node.writes import Writes
from veery.protocol.swarm.nodes import ServiceNode
from veery.registry.snapshot import Snapshot
from veery.secret import Secret

MIB = 1024 * 1024
DAY = 24 * 3_600_000


@dataclass(slots=True)
class Swarm:
    """What is outside of the members: time, the newest list, and who can be reached."""

    directory: Path
    now_ms: int = 1_700_000_000_000
    ticks_ms: int = 0
    listed: dict[int, int] = field(default_factory=dict)  # number -> swarm id
    height: int = 0
    members: dict[int, Member] = field(default_factory=dict)
    cut: set[int] = field(default_factory=set)  # members that no other reaches
    mute: set[int] = field(default_factory=set)  # members whose answers are lost
    size_max: int = 64 * MIB

    def add(self, number: int, version: tuple[int, int, int] = (2, 11, 3)) -> Member:
        made = self.members[number] = Member(self, number, version)
        return made

    def snapshot(self) -> Snapshot:
        nodes = tuple(self.members[number].record(swarm) for number, swarm in sorted(self.listed.items()))
        return Snapshot(self.height, self.height.to_bytes(32, "big"), nodes=nodes, network="test")

    def relist(self, listed: dict[int, int], told: Sequence[int] | None = None) -> None:
        """A new list, which all running members see, or only those that are told."""
        self.listed, self.height = dict(listed), self.height + 1
        for number in self.up if told is None else told:
            self.members[number].see()

    @property
    def up(self) -> list[int]:
        return [number for number, member in self.members.items() if member.running]

    def by_key(self, ed25519: bytes) -> Member:
        return next(member for member in self.members.values() if member.keys.ed25519 == ed25519)

    def advance(self, ms: int) -> None:
        self.now_ms, self.ticks_ms = self.now_ms + ms, self.ticks_ms + ms

    async def turn(self) -> None:
        """Each member does what is due now, and what follows from it is waited for."""
        running = [self.members[number] for number in self.up]
        for member in running:
            await member.replication.turn()
        await asyncio.gather(*(member.repairs.run_due() for member in running))
        await asyncio.gather(*(member.replication.settled() for member in running))

    async def settle(self, turns: int = 40) -> None:
        """Let time pass until nobody owes anything. Raises AssertionError when that does not come."""
        for _ in range(turns):
            await self.turn()
            if not any(self.members[number].owes() for number in self.up):
                return
            self.advance(20_000)
        raise AssertionError([(number, self.members[number].owes()) for number in self.up])


class Member:
    """One node. Its keys and its database outlive a kill."""

    def __init__(self, swarm: Swarm, number: int, version: tuple[int, int, int]) -> None:
        self.swarm = swarm
        self.number = number
        self.version = version
        self.keys = NodeKeys.from_seed(Secret(number.to_bytes(32, "big")))
        self.running = False

    def record(self, swarm_id: int) -> ServiceNode:
        return ServiceNode(
            legacy=self.keys.ed25519,
            ed25519=self.keys.ed25519,
            x25519=self.keys.x25519,
            ip="127.0.0.1",
            https_port=self.number,
            queue_port=self.number,
            swarm_id=swarm_id,
            version=self.version,
        )

    # -- life --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        directory = self.swarm.directory / str(self.number)
        directory.mkdir(mode=0o700, exist_ok=True)
        self.store = MessageStore(directory, size_max=self.swarm.size_max)
        await self.store.start()
        self.view = NodeView(self.keys, self.version, lambda: self.swarm.now_ms)
        self.view.synced = True
        ticks = lambda: self.swarm.ticks_ms  # noqa: E731
        self.repairs = Repairs(self.view, self.store, self, most=1000, ticks_ms=ticks)
        self.writes = Writes(self.view, self.store, self, self.repairs.missed)
        self.work = SwarmWork(self.writes)
        self.dispatcher = Dispatcher(
            self.view, Reads(self.view, self.store), self.work, ChainQuestions(self.view, lambda below: 0)
        )
        self.forwarded = Forwarded(self.dispatcher, self.writes)
        self.replication = Replication(self.view, self.store, self, self.repairs, ticks_ms=ticks)
        self.repairs.on_given_up = self.replication.give_all
        await self.replication.start()
        self.repairs.start()
        self.running = True
        self.see()

    async def kill(self) -> None:
        """Stop without finishing anything."""
        self.running = False
        tasks = [*self.work._running, *self.repairs._repairing.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.replication.close()
        await self.store.close()

    def see(self) -> None:
        """Take the newest list."""
        before, after = self.view.snapshot, self.swarm.snapshot()
        if before is None or before.block_hash != after.block_hash:
            self.view.snapshot = after
            self.replication.list_changed(before, after)

    def owes(self) -> int:
        """What it still has to do for members that are in the list."""
        waiting = self.store.read(owed.peers_to_repair)
        return self.replication.owing + sum(node.ed25519 in waiting for node in self.view.others())

    # -- clients -----------------------------------------------------------------------------------------------

    async def ask_as_client(self, method: str, params: Json) -> tuple[int, Any]:
        outcome = await self.dispatcher.from_json(json.dumps({"method": method, "params": params}).encode())
        body = outcome.encoded()
        return outcome.code, json.loads(body) if isinstance(outcome.body, dict) else body.decode()

    def holds(self) -> dict[str, StoredMessage]:
        """All messages in the database by hash."""
        rows = self.store.read(lambda db: table.batch_after(db, 0, 2**62, 0, 100_000))
        return {message.hash: message for _, message in rows}

    async def sweep(self) -> None:
        now = self.swarm.now_ms
        await self.store.write(lambda db: table.remove_expired(db, now, 10_000))

    # -- other members (the `Members` of the rooms) ------------------------------------------------------------

    async def ask(
        self, node: ServiceNode, command: bytes, *parts: bytes, timeout_s: float, outgoing_only: bool = False
    ) -> Sequence[bytes]:
        peer = self.swarm.by_key(node.ed25519)
        if not self._reaches(peer):
            raise Unreachable("no answer", kind="network.queue.timeout")
        answer = await peer.answer(self.keys.x25519, command, parts)
        if answer is None or not self._reaches(peer) or peer.number in self.swarm.mute:
            raise Unreachable("no answer", kind="network.queue.timeout")
        return answer

    def _reaches(self, peer: Member) -> bool:
        return self.running and peer.running and not {self.number, peer.number} & self.swarm.cut

    async def answer(self, key: bytes, command: bytes, parts: tuple[bytes, ...]) -> Sequence[bytes] | None:
        if not self.view.is_active_key(key):
            raise PeerRefused("refused", code=0, kind="network.queue.forbidden_sn")
        match command:
            case b"sn.storage_cc":
                return await self.forwarded.answer(parts)
            case b"sn.data":
                return await self.replication.receive_push(parts)
            case b"sn.data_ready" if self.version >= (2, 10, 0):
                return await self.replication.receive_ready(key, parts)
        raise PeerRefused("refused", code=0, kind="network.queue.unknown_command")


async def begin(swarm: Swarm, numbers: Iterable[int], **more: tuple[int, int, int]) -> list[Member]:
    """Members that are listed in swarm 0, run, and owe each other nothing."""
    members = [swarm.add(number, **more) for number in numbers]
    swarm.relist({member.number: 0 for member in members})
    for member in members:
        await member.start()
    await swarm.settle()
    return members


async def put(member: Member, who: Someone, data: bytes, namespace: int = 0, ttl: int = DAY) -> str:
    """Store through a member. Gives the hash."""
    params = store(who, data, namespace, at=member.swarm.now_ms, ttl=ttl)
    code, body = await member.ask_as_client("store", params)
    assert code == 200, body
    return str(body["hash"])


def failed(body: dict[str, dict[str, dict[str, object]]]) -> int:
    return sum("failed" in each for each in body["swarm"].values())
