"""Recursive requests as outcomes: from clients to the whole swarm, and from another member to this node alone."""

from __future__ import annotations

import asyncio

from veery.errors import RuntimeFault
from veery.node.dispatch import Dispatcher
from veery.node.outcome import Outcome
from veery.node.writes import Writes
from veery.protocol.storage_rpc.answers import RecursiveAnswer
from veery.protocol.storage_rpc.encoding import Encoding
from veery.protocol.storage_rpc.errors import RpcError, UnknownMethod
from veery.protocol.storage_rpc.parse import parse_forwarded
from veery.protocol.storage_rpc.requests import Recursive


class SwarmWork:
    """Runs recursive requests in the process that owns the database and the queue.

    What has begun is carried out to its end, also when its client goes away: a store that half of the swarm took, and
    that nobody notes as missed by the others, would never be repaired.
    """

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self._running: set[asyncio.Task[RecursiveAnswer]] = set()

    async def run(self, request: Recursive) -> Outcome:
        """Do it at every member of the swarm."""
        task = asyncio.get_running_loop().create_task(self._writes.everywhere(request))
        self._running.add(task)
        task.add_done_callback(self._ended)
        answer = await asyncio.shield(task)
        return Outcome(answer.code(request), answer.body())

    async def close(self) -> None:
        """Wait until what has begun is done; members that do not answer are waited for as long as ever."""
        if self._running:
            await asyncio.wait(self._running)

    def _ended(self, task: asyncio.Task[RecursiveAnswer]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # who waits has it too; nobody may be left who does


class Forwarded:
    """Answers `sn.storage_cc`: a request that another member passes on, checked anew and forwarded no further."""

    def __init__(self, dispatcher: Dispatcher, writes: Writes) -> None:
        self._dispatcher = dispatcher
        self._writes = writes

    async def answer(self, parts: tuple[bytes, ...]) -> list[bytes] | None:
        """The parts of the answer; None (no answer) for fewer than two parts or an unknown method (15.4)."""
        if len(parts) < 2:
            return None
        if len(parts) > 2:
            return [b"400", f"Invalid request: expected 2 message parts, received {len(parts)}".encode()]
        try:
            request = parse_forwarded(parts[0].decode("utf-8", "replace"), parts[1])
            self._dispatcher.check(request, forwarded=True)
            result = await self._writes.locally(request)
        except UnknownMethod:
            return None
        except RpcError as error:
            return Outcome.refused(error).to_queue(Encoding.BENCODED)
        except RuntimeFault as error:
            return [b"500", error.kind.encode()]
        return [Outcome(200, result.body()).encoded(Encoding.BENCODED)]
