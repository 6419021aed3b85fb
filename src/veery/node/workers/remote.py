"""What a worker asks its core for, in the shapes that the rooms expect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from veery.errors import RuntimeFault
from veery.node.messages import DATABASE
from veery.node.outcome import Outcome
from veery.node.workers.link import Link
from veery.protocol.storage_rpc.requests import Delete, Recursive
from veery.protocol.storage_rpc.write import write_forwarded
from veery.protocol.swarm.nodes import ServiceNode
from veery.registry.snapshot import Snapshot
from veery.runtime.sqlite import Connection, Options, mapped, open_plain

T = TypeVar("T")


class RemoteWork:
    """Recursive requests, carried out by the core. The request was checked here; the core does not check it again."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def run(self, request: Recursive) -> Outcome:
        """Do it at every member of the swarm."""
        required = isinstance(request, Delete) and request.required
        code, body = await self._link.call("work", request.method, write_forwarded(request), required)
        return Outcome(code, body)


class RemoteMembers:
    """Other nodes, reached through the core's queue."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def ask(
        self, node: ServiceNode, command: bytes, *parts: bytes, timeout_s: float, outgoing_only: bool = False
    ) -> Sequence[bytes]:
        """Ask a node. Raises Unreachable or PeerRefused."""
        answer: Sequence[bytes] = await self._link.call("ask", node.ed25519, command, parts, timeout_s, outgoing_only)
        return answer


class OwnReader:
    """A reading connection of the worker's own to the message database."""

    def __init__(self, directory: Path) -> None:
        self._connection = open_plain(directory / DATABASE, Options(read_only=True))

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run a short read now. Raises RuntimeFault leaves."""
        with mapped():
            return work(self._connection)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def pack_snapshot(snapshot: Snapshot) -> list[Any]:
    """A node list as plain values for the link."""
    nodes = msgspec.to_builtins(list(snapshot.nodes), builtin_types=(bytes,))
    return [snapshot.height, snapshot.block_hash, list(snapshot.hardfork), nodes, snapshot.network]


def unpack_snapshot(values: list[Any]) -> Snapshot:
    """Read `pack_snapshot`. Raises RuntimeFault when the other side sent something else."""
    try:
        height, block_hash, (major, revision), nodes, network = values
        found = msgspec.convert(nodes, tuple[ServiceNode, ...], builtin_types=(bytes,))
    except (ValueError, msgspec.ValidationError) as error:
        raise RuntimeFault("a node list between processes cannot be read", kind="node.link") from error
    return Snapshot(height, block_hash, (major, revision), found, network)
