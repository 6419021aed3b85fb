"""Requests that a member missed, repeated until it answers (05.5).

A store is repeated as a pushed message, to which no limit of time applies, in the form that the message has by then:
one that was deleted meanwhile is not sent. Other requests go in the same bytes, unless something newer contradicts them
(`repair_rules`). What is owed is on disk before the
client is answered, and goes out in the order in which it was missed. A member that left the list is waited for.

The table is bounded. When it is full, the older half is given up, and the members concerned are owed everything
instead (`on_given_up`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby
from typing import Final

from veery.errors import RuntimeFault, Unreachable, VeeryError
from veery.node import message_table as table
from veery.node import replication_table as owed
from veery.node.message_table import StoredMessage
from veery.node.messages import MessageStore
from veery.node.repair_rules import still_holds
from veery.node.replication_table import RepairRow
from veery.node.view import NodeView
from veery.node.writes import Members
from veery.policy.replication import repair_after, repair_given_up
from veery.protocol.constants import HASH_LENGTH, NO_SWARM, REPAIR_TIMEOUT_MS, SECOND_MS
from veery.protocol.storage_rpc.hashing import message_hash
from veery.protocol.storage_rpc.parse import parse_forwarded
from veery.protocol.storage_rpc.requests import Recursive, Store
from veery.protocol.storage_rpc.write import write_forwarded
from veery.protocol.swarm import push
from veery.protocol.swarm.nodes import ServiceNode

log = logging.getLogger(__name__)

_AT_ONCE: Final = 128  # missed requests of one member that are looked at together
_BYTES_MAX: Final = 64 * 1024 * 1024  # of all bodies together
_LOOK_S: Final = 1.0
_PUSH: Final = "push"  # the method under which a missed store is kept; its body is the hash and the timestamp


class Repairs:
    """The table of missed requests. most: rows that are kept; ticks_ms: a clock that never jumps.

    on_given_up: told of a member whose missed requests did not fit.
    """

    def __init__(
        self,
        view: NodeView,
        store: MessageStore,
        members: Members,
        *,
        most: int,
        ticks_ms: Callable[[], int],
        on_given_up: Callable[[bytes], None] = lambda peer: None,
    ) -> None:
        self.on_given_up = on_given_up
        self._view = view
        self._store = store
        self._members = members
        self._most = most
        self._ticks_ms = ticks_ms
        self._due: dict[bytes, int] = {}  # member -> when it is tried again
        self._attempts: dict[bytes, int] = {}
        self._absent: set[bytes] = set()
        self._repairing: dict[bytes, asyncio.Task[None]] = {}
        self._rows = self._bytes = 0

    def start(self) -> None:
        """Take up what the last run left; it is due at once."""
        self._due = dict.fromkeys(self._store.read(owed.peers_to_repair), self._ticks_ms())
        self._rows, self._bytes = self._store.read(owed.repairs_size)

    # -- what is missed ----------------------------------------------------------------------------------------

    async def missed(self, node: ServiceNode, request: Recursive) -> None:
        """A member did not get a request; it is on disk when this returns, or logged that it could not be noted."""
        method, body = _kept(request)
        now = self._view.now_ms()
        try:
            await self._store.write(lambda db: owed.add_repair(db, node.ed25519, method, body, now))
            self._rows, self._bytes = self._rows + 1, self._bytes + len(body)
            self._due.setdefault(node.ed25519, repair_after(0, self._ticks_ms()))
            if self._rows > self._most or self._bytes > _BYTES_MAX:
                await self._give_up_half()
        except RuntimeFault as error:
            log.error("a missed request could not be noted: %s", error.kind)

    async def _give_up_half(self) -> None:
        given_up = await self._store.write(owed.give_up_repairs)
        self._rows -= len(given_up)
        self._bytes -= sum(size for _, size in given_up)
        log.warning("members missed more requests than are kept; they are sent everything instead")
        for peer in {peer for peer, _ in given_up}:
            self.on_given_up(peer)

    def list_changed(self) -> None:
        """A new list: members that came back are due at once."""
        for peer in [peer for peer in self._absent if self._reachable(peer) is not None]:
            self._absent.discard(peer)
            self._due[peer] = self._ticks_ms()

    # -- repeating ---------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Repeat for ever what is due."""
        try:
            while True:
                self._begin_due()
                await asyncio.sleep(_LOOK_S)
        finally:
            for task in self._repairing.values():
                task.cancel()
            await asyncio.gather(*self._repairing.values(), return_exceptions=True)

    async def run_due(self) -> None:
        """Repeat what is due now, and wait for it."""
        await asyncio.gather(*self._begin_due())

    def _begin_due(self) -> list[asyncio.Task[None]]:
        """Each member is repaired by a task of its own, so that one that does not answer holds up no other."""
        if self._view.own_swarm == NO_SWARM:
            return []
        now = self._ticks_ms()
        due = [
            peer for peer, at in self._due.items() if at <= now and peer not in self._absent | self._repairing.keys()
        ]
        return [self._begin(peer) for peer in due]

    def _begin(self, peer: bytes) -> asyncio.Task[None]:
        task = self._repairing[peer] = asyncio.get_running_loop().create_task(self._repair(peer))
        task.add_done_callback(lambda done: self._ended(peer, done))
        return task

    def _ended(self, peer: bytes, task: asyncio.Task[None]) -> None:
        del self._repairing[peer]
        if not task.cancelled() and task.exception() is not None:
            self._later(peer)
            log.error("a repair failed (%s)", type(task.exception()).__name__, exc_info=task.exception())

    def _later(self, peer: bytes) -> None:
        self._attempts[peer] = self._attempts.get(peer, 0) + 1
        self._due[peer] = repair_after(self._attempts[peer], self._ticks_ms())

    def _reachable(self, peer: bytes) -> ServiceNode | None:
        node = self._view.node(peer)
        return node if node is not None and node.active and node.contactable else None

    async def _repair(self, peer: bytes) -> None:
        """Send a member all that it missed, until that is done or fails."""
        while True:
            node = self._reachable(peer)
            if node is None:
                self._absent.add(peer)
                return
            if node.swarm_id != self._view.own_swarm:
                await self._forget(peer)
                return
            rows = self._store.read(lambda db: owed.repairs_of(db, peer, _AT_ONCE))
            if not rows:
                self._due.pop(peer, None)
                self._attempts.pop(peer, None)
                return
            if not await self._send_rows(node, rows):
                self._later(peer)
                return

    async def _send_rows(self, node: ServiceNode, rows: list[RepairRow]) -> bool:
        """Send some rows in their order and forget what has arrived; gives whether all has."""
        now = self._view.now_ms()
        done = [row for row in rows if repair_given_up(row.missed, now)]
        live = [row for row in rows if not repair_given_up(row.missed, now)]
        try:
            for is_push, group in groupby(live, key=lambda row: row.method == _PUSH):
                await self._send(node, [*group], done, is_push=is_push)
        except VeeryError as error:
            log.debug("a repair did not arrive: %s", error.kind)
        await self._store.write(lambda db: owed.drop_repairs(db, [row.id for row in done]))
        self._rows -= len(done)
        self._bytes -= sum(len(row.body) for row in done)
        return len(done) == len(rows)

    async def _send(self, node: ServiceNode, rows: list[RepairRow], done: list[RepairRow], *, is_push: bool) -> None:
        """Send rows of one kind; those that need not be sent again go to `done`. Raises VeeryError leaves."""
        if is_push:
            for blob in push.batches(self._as_they_are(rows)):
                if await self._ask(node, b"sn.data", blob) not in push.TAKEN:
                    raise VeeryError("the member did not take the messages", kind="node.not_taken")
            done += rows
            return
        for row in rows:
            if not self._is_wanted(row):
                done.append(row)
                continue
            try:
                await self._ask(node, b"sn.storage_cc", row.method.encode(), row.body)
            except Unreachable:
                raise
            except VeeryError as error:
                log.debug("a repair was refused for good: %s", error.kind)
            done.append(row)

    def _is_wanted(self, row: RepairRow) -> bool:
        request = parse_forwarded(row.method, row.body)
        return self._store.read(lambda db: still_holds(db, request, row.missed))

    def _as_they_are(self, rows: list[RepairRow]) -> list[push.PushedMessage]:
        """The messages of missed stores as they stand here now; those that are gone are left out.

        But for the timestamp, which is that of the store: here an older copy of the message may have kept its own, and
        a member that remembers the deletion of that copy would refuse it.
        """
        times = {row.body[:HASH_LENGTH].decode(): int(row.body[HASH_LENGTH:]) for row in rows}
        found = self._store.read(lambda db: table.by_hash(db, times))
        return [pushed(replace(message, timestamp=times[message.hash])) for message in found]

    async def _ask(self, node: ServiceNode, command: bytes, *parts: bytes) -> tuple[bytes, ...]:
        return tuple(await self._members.ask(node, command, *parts, timeout_s=REPAIR_TIMEOUT_MS / SECOND_MS))

    async def _forget(self, peer: bytes) -> None:
        """The member is in another swarm now: it has no use for what it missed here."""
        self._due.pop(peer, None)
        self._attempts.pop(peer, None)
        await self._store.write(lambda db: owed.drop_repairs_of(db, peer))
        self._rows, self._bytes = self._store.read(owed.repairs_size)


def pushed(message: StoredMessage) -> push.PushedMessage:
    """A stored message in the form in which members pass it on."""
    return push.PushedMessage(
        message.account, message.hash.encode(), message.timestamp, message.expiry, message.data, message.namespace
    )


def _kept(request: Recursive) -> tuple[str, bytes]:
    if isinstance(request, Store):
        return _PUSH, f"{message_hash(request.account, request.namespace, request.data)}{request.timestamp}".encode()
    return request.method, write_forwarded(request)
