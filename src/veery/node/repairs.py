"""Requests that a member missed, repeated until it answers (05.5).

A store is repeated as a pushed message, to which no limit of time applies; other requests in the same bytes. They go in
the order in which they were missed, so that a store which was deleted later does not come back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from itertools import groupby

from veery.errors import Unreachable, VeeryError
from veery.node import replication_table as owed
from veery.node.messages import MessageStore
from veery.node.replication_table import RepairRow
from veery.node.view import NodeView
from veery.node.writes import Members
from veery.policy.replication import repair_after, repair_given_up
from veery.protocol.constants import REPAIR_TIMEOUT_MS, SECOND_MS
from veery.protocol.storage_rpc.hashing import message_hash
from veery.protocol.storage_rpc.requests import Recursive, Store
from veery.protocol.storage_rpc.write import write_forwarded
from veery.protocol.swarm import push
from veery.protocol.swarm.nodes import ServiceNode

log = logging.getLogger(__name__)

_AT_ONCE = 64  # missed requests of one member that are looked at together
_PUSH = "push"  # the method under which a missed store is kept, as a pushed message


class Repairs:
    """The table of missed requests. most: rows that are kept."""

    def __init__(self, view: NodeView, store: MessageStore, members: Members, *, most: int) -> None:
        self._view = view
        self._store = store
        self._members = members
        self._most = most
        self._due: dict[bytes, int] = {}  # member -> when it is tried again, ms
        self._attempts: dict[bytes, int] = {}
        self._writing: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Take up what the last run left; it is due at once."""
        now = self._view.now_ms()
        self._due = dict.fromkeys(self._store.read(owed.peers_to_repair), now)

    def missed(self, node: ServiceNode, request: Recursive) -> None:
        """A member did not get a request."""
        method, body = _kept(request)
        now = self._view.now_ms()
        task = asyncio.get_running_loop().create_task(
            self._store.write(lambda db: owed.add_repair(db, node.ed25519, method, body, now, self._most))
        )
        self._writing.add(task)
        task.add_done_callback(self._written)
        self._due.setdefault(node.ed25519, repair_after(0, now))

    async def run_due(self) -> None:
        """Repeat what is due now, at all members at the same time."""
        now = self._view.now_ms()
        due = [peer for peer, at in self._due.items() if at <= now]
        await asyncio.gather(*(self._repair(peer, now) for peer in due))

    async def _repair(self, peer: bytes, now: int) -> None:
        rows = self._store.read(lambda db: owed.repairs_of(db, peer, _AT_ONCE))
        node = self._view.node(peer)
        if node is None or not rows:
            await self._forget(peer, rows)
            return
        answered: list[int] = []
        try:
            for is_push, group in groupby(rows, key=lambda row: row.method == _PUSH):
                answered += await self._send(node, [*group], is_push=is_push, now=now)
        except VeeryError as error:
            log.debug("a repair did not arrive: %s", error.kind)
            self._attempts[peer] = self._attempts.get(peer, 0) + 1
            self._due[peer] = repair_after(self._attempts[peer], now)
        else:
            self._attempts.pop(peer, None)
            self._due[peer] = now
        await self._store.write(lambda db: owed.drop_repairs(db, answered))

    async def _send(self, node: ServiceNode, rows: list[RepairRow], *, is_push: bool, now: int) -> list[int]:
        """Send rows of one kind; gives those that need not be sent again. Raises Unreachable."""
        done = [row.id for row in rows if repair_given_up(row.missed, now)]
        live = [row for row in rows if row.id not in done]
        if is_push:
            for blob in _joined(live):
                await self._ask(node, b"sn.data", blob)
            return done + [row.id for row in live]
        for row in live:
            try:
                await self._ask(node, b"sn.storage_cc", row.method.encode(), row.body)
            except Unreachable:
                raise
            except VeeryError as error:
                log.debug("a repair was refused for good: %s", error.kind)
            done.append(row.id)
        return done

    async def _ask(self, node: ServiceNode, command: bytes, *parts: bytes) -> None:
        await self._members.ask(node, command, *parts, timeout_s=REPAIR_TIMEOUT_MS / SECOND_MS)

    async def _forget(self, peer: bytes, rows: Sequence[RepairRow]) -> None:
        """The member left the list (what it missed comes by a dump if it returns), or nothing is owed any more."""
        self._due.pop(peer, None)
        self._attempts.pop(peer, None)
        if rows:
            await self._store.write(lambda db: owed.drop_repairs(db, [row.id for row in rows]))

    def _written(self, task: asyncio.Task[None]) -> None:
        self._writing.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a missed request could not be noted (%s)", type(task.exception()).__name__)


def _kept(request: Recursive) -> tuple[str, bytes]:
    if not isinstance(request, Store):
        return request.method, write_forwarded(request)
    text = message_hash(request.account, request.namespace, request.data)
    message = push.PushedMessage(
        request.account, text.encode(), request.timestamp, request.expiry, request.data, request.namespace
    )
    return _PUSH, push.encode_push([message])


def _joined(rows: list[RepairRow]) -> list[bytes]:
    """Blobs of one message each as few blobs; a blob that cannot be read any more is left out."""
    messages = [message for row in rows for message in push.decode_push(row.body)]
    return [*push.batches(messages)]
