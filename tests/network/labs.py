"""Labs for tests: real nodes in this process, and the roads to them that a stranger has (see `by_hand`)."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch

import aiohttp

from tests.network.by_hand import Json, Someone, bdecode, bencode, now_ms, raw, someone_in, store
from tests.network.by_hand_roads import Hop, Https, Queue, https_session, onion_to_node, queue_to
from veery.lab.network import LabNetwork
from veery.lab.parts import OwnPart
from veery.lab.plan import node_settings
from veery.node.service import Node
from veery.node.settings import NodeSettings


@dataclass(slots=True)
class Lab:
    """A running lab with its nodes at hand, numbered from 1."""

    network: LabNetwork
    session: aiohttp.ClientSession
    stack: AsyncExitStack
    queues: dict[int, Queue] = field(default_factory=dict)

    def node(self, number: int) -> Node:
        part = self.network.node(number)
        assert isinstance(part, OwnPart)
        assert isinstance(part.running, Node)
        return part.running

    @property
    def numbers(self) -> list[int]:
        return [number for number, part in enumerate(self.network.nodes, 1) if part.facts is not None]

    @property
    def nodes(self) -> list[Node]:
        return [self.node(number) for number in self.numbers]

    def https(self, number: int) -> Https:
        return Https(self.session, self.node(number).settings.listen.host, self.node(number).https_port)

    async def queue(self, number: int) -> Queue:
        """An anonymous queue connection to a node, kept for the lab's life."""
        if number not in self.queues:
            self.queues[number] = await self.stack.enter_async_context(self.queue_to(number))
        return self.queues[number]

    def queue_to(self, number: int, **more: Any) -> Any:
        node = self.node(number)
        return queue_to(node.settings.listen.host, node.queue_port, node.view.keys.x25519, **more)

    def hop(self, number: int) -> Hop:
        keys = self.node(number).view.keys
        return Hop(keys.ed25519, keys.x25519)

    def path_to(self, number: int) -> tuple[int, list[Hop]]:
        """A guard and the three hops from it on, none of them node `number`."""
        others = [each for each in self.numbers if each != number][:3]
        return others[0], [self.hop(each) for each in others]

    @property
    def swarms(self) -> list[int]:
        snapshot = self.nodes[0].view.snapshot
        assert snapshot is not None
        return [*snapshot.ring.ids]

    def swarm_of(self, number: int) -> int:
        return self.node(number).view.own_swarm

    def someone_at(self, number: int, *, group: bool = False) -> Someone:
        """A new account that node `number` holds."""
        return someone_in(self.swarm_of(number), self.swarms, group=group)

    def stranger_to(self, number: int) -> Someone:
        """A new account that another swarm than node `number`'s holds."""
        other = next(swarm for swarm in self.swarms if swarm != self.swarm_of(number))
        return someone_in(other, self.swarms)

    def mate(self, number: int) -> int:
        """Another node of its swarm."""
        return next(each for each in self.members(number) if each != number)

    def members(self, number: int) -> list[int]:
        """The numbers of the nodes in the swarm of node `number`."""
        return [each for each in self.numbers if self.swarm_of(each) == self.swarm_of(number)]


Change = Callable[[NodeSettings], NodeSettings]


@asynccontextmanager
async def lab_of(
    directory: Path,
    nodes: int,
    change: Change | None = None,
    *,
    first: int | None = None,
    lifetime_s: float | None = None,
    **more: Any,
) -> AsyncIterator[Lab]:
    """A lab of so many nodes, of which the first `first` are started.

    `change` gets the settings of each node and gives those that it runs with; lifetime_s: how long a proof counts.
    """
    async with AsyncExitStack() as stack:
        if change is not None:
            stack.enter_context(patch("veery.lab.parts.node_settings", lambda *args: change(node_settings(*args))))
        if lifetime_s is not None:
            stack.enter_context(patch("veery.lab.plan._PROOF_LIFETIME_S", lifetime_s))
        session = await stack.enter_async_context(https_session())
        network = LabNetwork(directory / "lab", nodes, **more)
        network.nodes, later = network.nodes[:first], network.nodes[first or nodes :]
        await stack.enter_async_context(network)
        network.nodes += later
        yield Lab(network, session, stack)


# -- roads (04.1) ------------------------------------------------------------------------------------------------


class Road(Protocol):
    """One way in for the requests of 04: gives the code and the body in the form that JSON has."""

    async def __call__(self, lab: Lab, number: int, method: str, params: Json) -> tuple[int, Any]: ...


async def by_https(lab: Lab, number: int, method: str, params: Json) -> tuple[int, Any]:
    answer = await lab.https(number).rpc(method, params)
    return answer.code, answer.value if answer.headers["Content-Type"] == "application/json" else answer.text


async def by_onion(lab: Lab, number: int, method: str, params: Json) -> tuple[int, Any]:
    guard, hops = lab.path_to(number)
    payload = json.dumps({"method": method, "params": params}).encode()
    onion = onion_to_node(hops, lab.hop(number), payload)
    answer = await lab.https(guard).send("/onion_req/v2", onion.body)
    assert answer.code == 200, answer.text
    reply = onion.open(answer.body)
    assert reply.keys() == {"status", "body"}
    try:
        return reply["status"], json.loads(reply["body"])
    except ValueError:
        return reply["status"], reply["body"]


async def by_queue_json(lab: Lab, number: int, method: str, params: Json) -> tuple[int, Any]:
    queue = await lab.queue(number)
    return _parted(await queue.ask(f"storage.{method}", json.dumps(params).encode()), json.loads)


async def by_queue_bt(lab: Lab, number: int, method: str, params: Json) -> tuple[int, Any]:
    queue = await lab.queue(number)
    return _parted(await queue.ask(f"storage.{method}", bencode(raw(params))), lambda body: as_json(bdecode(body)))


ROADS: dict[str, Road] = {
    "https": by_https,
    "onion": by_onion,
    "queue-json": by_queue_json,
    "queue-bt": by_queue_bt,
}


def _parted(parts: Sequence[bytes], read: Callable[[bytes], Any]) -> tuple[int, Any]:
    code, body = (200, parts[0]) if len(parts) == 1 else (int(parts[0]), parts[1])
    try:
        return code, read(body)
    except (ValueError, IndexError):
        return code, body.decode()


_BINARY = ("signature", "data", "revoked_subaccounts")


def as_json(value: Any, name: str = "") -> Any:
    """A bencoded answer in the form of the JSON one: raw bytes as base64, other texts as text (04.1)."""
    if isinstance(value, dict):
        return {key.decode(): as_json(item, key.decode()) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item, name) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode() if name in _BINARY else value.decode()
    return value


# -- answers -----------------------------------------------------------------------------------------------------


async def ok(lab: Lab, road: Road, method: str, params: Json, number: int = 1) -> Any:
    code, body = await road(lab, number, method, params)
    assert code == 200, body
    return body


def swarm_of_answer(lab: Lab, answer: Json, number: int = 1) -> dict[str, Json]:
    """The members' results, after checking that all are there, none failed, and `t` is where it belongs."""
    wanted = {lab.node(each).view.keys.ed25519.hex() for each in lab.members(number)}
    assert answer["swarm"].keys() == wanted
    assert not any("failed" in each for each in answer["swarm"].values())
    assert abs(answer["t"] - now_ms()) < 60_000
    assert answer["hf"] >= [19, 4]
    found: dict[str, Json] = answer["swarm"]
    return found


async def stored(lab: Lab, who: Someone, data: bytes, namespace: int = 0, **more: Any) -> str:
    answer = await ok(lab, ROADS["https"], "store", store(who, data, namespace, **more))
    return str(answer["hash"])
