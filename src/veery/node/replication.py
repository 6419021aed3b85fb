"""Keeping the members of a swarm alike: handshakes, dumps and pushes carried out (05.4); `repairs` has the rest.

`policy.replication` decides; this shell sends, stores and remembers. What is owed to others is in the database, so that
a restart goes on where it stopped. A node asks every member for a dump when it starts and when it joins a swarm: what
it missed while it was down comes back in this way, also when the others were restarted meanwhile. It asks a member that
joins as well, if they have not met since it started: such a member may come back with messages that nobody else has.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence

from veery.errors import Malformed, RuntimeFault, VeeryError
from veery.node import message_table as table
from veery.node import replication_table as owed
from veery.node.message_table import StoredMessage
from veery.node.messages import MessageStore
from veery.node.repairs import Repairs, pushed
from veery.node.view import NodeView
from veery.node.writes import Members
from veery.policy.replication import Dump, Handshakes, PushMapped, ShakeHands, changes
from veery.protocol.constants import (
    DATA_MAX,
    DUMP_VERSION,
    HANDSHAKE_TIMEOUT_MS,
    HASH_LENGTH,
    PUSH_BATCH_MAX,
    SECOND_MS,
    SIGNATURE_SLACK_MS,
    TTL_MAX_PRIVATE_MS,
)
from veery.protocol.storage_rpc.hashing import message_hash
from veery.protocol.storage_rpc.namespaces import Namespace
from veery.protocol.swarm import push
from veery.protocol.swarm.nodes import ServiceNode
from veery.protocol.swarm.push import PushedMessage
from veery.registry.snapshot import Snapshot
from veery.runtime.sqlite import Connection

log = logging.getLogger(__name__)

_ROWS = 400  # messages that are read for one batch; batches are cut by bytes besides
_NOT_STORED = b"Failed to store messages"
# Old nodes push without the namespace, which then reads as 0 (05.4.1); the hash tells which it was.
_LOST_NAMESPACES = tuple(int(each) for each in Namespace if each)
_ROW_OVERHEAD = 150  # bytes of a pushed message besides its data, at most


class Replication:
    """Hands stored messages over, and takes those of others."""

    def __init__(
        self,
        view: NodeView,
        store: MessageStore,
        members: Members,
        repairs: Repairs,
        *,
        ticks_ms: Callable[[], int],
        on_batch: Callable[[bool], None] = lambda passed: None,
    ) -> None:
        """ticks_ms: a clock that never jumps, for waiting times; the view's clock is for times of messages."""
        self._view = view
        self._store = store
        self._members = members
        self._repairs = repairs
        self._ticks_ms = ticks_ms
        self._on_batch = on_batch
        self._handshakes = Handshakes()
        self._newcomers: set[bytes] = set()  # members that joined while we were here: they are owed everything
        self._met: set[bytes] = set()  # all who answered since we started; others may have what we do not
        self._dumps: dict[tuple[bytes, int], Dump] = {}
        self._wake = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()

    # -- from other members ------------------------------------------------------------------------------------

    async def receive_push(self, parts: tuple[bytes, ...]) -> Sequence[bytes] | None:
        """Answer `sn.data`: store what is not known yet. No part, no answer; a bad blob is stored not even in part."""
        if not parts:
            return None
        now = self._view.now_ms()
        try:
            checked = (_checked(each, now) for each in push.decode_push(parts[0]))
            await self._store.put_pushed([message for message in checked if message is not None])
        except Malformed as error:
            log.warning("a member pushed what cannot be read: %s", error.kind)
            return [b"400", _NOT_STORED]
        except RuntimeFault as error:
            log.error("what a member pushed cannot be stored: %s", error.kind)
            return [b"500", _NOT_STORED]
        return []

    async def receive_ready(self, key: bytes | None, parts: tuple[bytes, ...]) -> Sequence[bytes]:
        """Answer `sn.data_ready` of the node with this X25519 key (05.4.2)."""
        snapshot = self._view.snapshot
        node = None if snapshot is None or key is None else snapshot.by_x25519(key)
        if node is None or not node.active:
            return [push.READY_UNKNOWN]
        if node.swarm_id != self._view.own_swarm:
            return [push.READY_MISMATCH]
        if not node.contactable:
            return [push.READY_NO_CONTACT]
        try:
            ready = push.decode_ready(parts)
        except Malformed:
            return [push.READY_MALFORMED]
        if ready.wants_dump:
            await self._begin_dump(node.ed25519, node.swarm_id)  # on disk before the peer stops asking
        self._handshakes.hasten(node.ed25519, self._ticks_ms())
        self._wake.set()
        return push.encode_ready_reply(self._view.version)

    # -- lists -------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up the dumps that the last run left."""
        for row in self._store.read(owed.dumps):
            self._dumps[row.peer, row.swarm] = Dump(row.cursor, row.up_to)

    def list_changed(self, before: Snapshot | None, after: Snapshot) -> None:
        """A new list: shake hands with new members, push to new swarms."""
        own = self._view.keys.ed25519
        old = {} if before is None else {swarm: before.members(swarm) for swarm in before.ring.ids}
        new = {swarm: after.members(swarm) for swarm in after.ring.ids}
        now = self._ticks_ms()
        for change in changes(old, new, own):
            match change:
                case ShakeHands(peer, want_dump):
                    if not want_dump:
                        self._newcomers.add(peer)
                    self._handshakes.begin(peer, want_dump=want_dump or peer not in self._met, now_ms=now)
                case PushMapped(peer, swarm):
                    self._spawn(self._begin_dump(peer, swarm))
        members = frozenset(node.ed25519 for node in self._view.others())
        self._handshakes.keep_only(members)
        self._newcomers &= members
        active = {(node.ed25519, node.swarm_id) for node in after.active}
        for peer, swarm in [key for key in self._dumps if key not in active]:
            self._spawn(self._end_dump(peer, swarm))
        self._repairs.list_changed()
        self._wake.set()

    def give_all(self, peer: bytes) -> None:
        """Owe a member of this swarm everything."""
        node = self._view.node(peer)
        if node is not None and node.active and node.swarm_id == self._view.own_swarm:
            self._spawn(self._begin_dump(peer, node.swarm_id))

    async def _begin_dump(self, peer: bytes, swarm: int) -> None:
        """Owe a peer all that is stored now, from the beginning. It is on disk when this returns."""

        def note(db: Connection) -> int:
            newest = table.newest_id(db)  # asked of the writer, so that stores which wait for their commit count
            owed.begin_dump(db, peer, swarm, newest)
            return newest

        self._dumps.pop((peer, swarm), None)  # batches of an older one that are under way count for nothing
        up_to = await self._store.write(note)
        self._dumps[peer, swarm] = Dump(0, up_to)
        self._wake.set()

    async def _end_dump(self, peer: bytes, swarm: int) -> None:
        self._dumps.pop((peer, swarm), None)
        await self._store.write(lambda db: owed.drop_dump(db, peer, swarm))

    # -- the work ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Shake hands and push for ever."""
        while True:
            self._wake.clear()
            await self.turn()
            await self._until_woken()

    async def turn(self) -> None:
        """Begin what is due now: handshakes, and batches as the windows of their dumps take them."""
        for peer, want_dump in self._handshakes.due(self._ticks_ms()):
            self._spawn(self._shake_hands(peer, want_dump))
        for (peer, swarm), dump in [*self._dumps.items()]:
            await self._push_on(peer, swarm, dump)

    async def settled(self) -> None:
        """Wait until what has begun is over."""
        while self._sending:
            await asyncio.gather(*self._sending, return_exceptions=True)

    @property
    def owing(self) -> int:
        """Handshakes and dumps that are not done."""
        return len(self._handshakes) + len(self._dumps)

    async def close(self) -> None:
        """Stop sending."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    async def _until_woken(self) -> None:
        try:
            async with asyncio.timeout(1.0):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _shake_hands(self, peer: bytes, want_dump: bool) -> None:
        node = self._view.node(peer)
        if node is None or not node.contactable:
            return
        answer = await self._ask_ready(node, want_dump)
        if answer is None:
            return
        if answer.version is None or (answer.version < DUMP_VERSION and peer in self._newcomers):
            await self._begin_dump(peer, node.swarm_id)
        self._newcomers.discard(peer)
        self._met.add(peer)
        self._handshakes.answered(peer)

    async def _ask_ready(self, node: ServiceNode, want_dump: bool) -> push.DataReady | None:
        """What a member says to a handshake; None when it is to be asked again."""
        ready = push.encode_ready(push.DataReady(self._view.version, want_dump))
        try:
            parts = await self._members.ask(node, b"sn.data_ready", *ready, timeout_s=HANDSHAKE_TIMEOUT_MS / SECOND_MS)
            return push.decode_ready_reply(parts)
        except VeeryError as error:
            log.debug("a handshake failed: %s", error.kind)
            # Nodes below 2.10 know no handshake and get the push without asking (05.4.2).
            return push.DataReady(None) if error.kind == "network.queue.unknown_command" else None

    async def _push_on(self, peer: bytes, swarm: int, dump: Dump) -> None:
        """Send as many batches of a dump as its window takes."""
        while dump.may_send(self._ticks_ms()):
            after, now = dump.reads_from, self._view.now_ms()
            rows = await self._store.read_long(
                lambda db: table.batch_after(db, after, dump.up_to, now, _ROWS)  # noqa: B023  # awaited at once
            )
            last, blob = self._batch(rows, swarm, after, dump.up_to)
            if blob is None:
                dump.skipped_to(last)
                continue
            window = dump.sent(last)
            self._spawn(self._push(peer, swarm, dump, blob, last, window))
        if dump.done and self._dumps.get((peer, swarm)) is dump:
            await self._end_dump(peer, swarm)

    def _batch(
        self, rows: list[tuple[int, StoredMessage]], swarm: int, after: int, up_to: int
    ) -> tuple[int, bytes | None]:
        """The blob for a peer of `swarm` from the next rows, and the number that it reaches."""
        snapshot = self._view.snapshot
        chosen: list[PushedMessage] = []
        size, last = 0, after
        for number, message in rows:
            if snapshot is not None and snapshot.swarm_of(message.account) == swarm:
                size += len(message.data) + _ROW_OVERHEAD
                if chosen and size > PUSH_BATCH_MAX:
                    return last, push.encode_push(chosen)
                chosen.append(pushed(message))
            last = number
        reached = last if len(rows) == _ROWS else up_to
        return reached, (push.encode_push(chosen) if chosen else None)

    async def _push(self, peer: bytes, swarm: int, dump: Dump, blob: bytes, last: int, window: int) -> None:
        node = self._view.node(peer)
        try:
            if node is None or not node.contactable:
                raise VeeryError("no contact data", kind="node.no_contact")
            parts = await self._members.ask(node, b"sn.data", blob, timeout_s=HANDSHAKE_TIMEOUT_MS / SECOND_MS)
            if tuple(parts) not in push.TAKEN:
                raise VeeryError("the member did not take the batch", kind="node.not_taken")
        except VeeryError as error:
            log.info("a batch was not taken: %s", error.kind)
            self._on_batch(False)
            dump.failed(self._ticks_ms())
            return
        self._on_batch(True)
        dump.confirmed(last, window)
        row = owed.DumpRow(peer, swarm, dump.cursor, dump.up_to)
        if self._dumps.get((peer, swarm)) is dump:
            await self._store.write(lambda db: owed.save_dump(db, row))
        self._wake.set()

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._sending.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("replication failed (%s)", type(task.exception()).__name__, exc_info=task.exception())


def _checked(found: PushedMessage, now_ms: int) -> StoredMessage | None:
    """A live message whose hash is its own, with size and expiry as stores have them; others are left out (05.13)."""
    if len(found.data) > DATA_MAX or len(found.hash) != HASH_LENGTH or found.expiry_ms <= now_ms:
        return None
    expiry = min(found.expiry_ms, now_ms + TTL_MAX_PRIVATE_MS + SIGNATURE_SLACK_MS)
    for namespace in (found.namespace, *(_LOST_NAMESPACES if found.namespace == 0 else ())):
        text = message_hash(found.account, namespace, found.data)
        if found.hash == text.encode():
            return StoredMessage(found.account, namespace, text, found.timestamp_ms, expiry, found.data)
    return None
