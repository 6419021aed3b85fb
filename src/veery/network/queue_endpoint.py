"""One end of the node message queue: listens, calls, runs commands and matches answers (chapter 15).

`QueueSockets` moves frames; `protocol.queue.receive` decides what a frame is; this module holds what lies between:
which connection leads to a key, which own requests wait, and the handlers of commands.

A service node talks *by key*: over any connection with that key, incoming or outgoing, and a new outgoing one only when
there is none (15.3.5). Answers are matched by tag alone, on whatever connection they come. Outgoing connections by key
end after 30 s without use. Others (push servers, tools) talk *by address*, with HI and HELLO, through `connect`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

from veery.errors import NetworkError, PeerRefused, Unreachable
from veery.network.queue_links import Counters, Handler, Incoming, Link, Registered, Sender
from veery.network.queue_sockets import Allow, CurveKeys, Origin, QueueSocket, QueueSockets
from veery.protocol import queue
from veery.protocol.constants import (
    QUEUE_HANDSHAKE_S,
    QUEUE_IDLE_S,
    QUEUE_LINGER_S,
    QUEUE_REQUEST_TIMEOUT_S,
    QUEUE_TIMER_S,
    QUEUE_WAITING_MAX,
)
from veery.protocol.crypto import RandomBytes
from veery.protocol.queue_state import PendingRequests, ProvenRoutes, fixed_routing_id

log = logging.getLogger(__name__)

Address = tuple[str, int]


class QueueEndpoint:
    """Commands in both directions over the queue. Make it on a running loop; close it when done.

    keys: own X25519 pair. is_node: whether a key is in the active list *now*. address_of: where the node with a key
    listens. service_node: whether this side is one. allow: which (address, key) may connect at all; everyone may.
    """

    def __init__(
        self,
        keys: CurveKeys,
        random: RandomBytes,
        *,
        is_node: Callable[[bytes], bool] = lambda key: False,
        address_of: Callable[[bytes], Address | None] = lambda key: None,
        service_node: bool = False,
        waiting_max: Mapping[bytes, int] | None = None,
        allow: Allow | None = None,
    ) -> None:
        self.counters = Counters()
        self.on_route_taken: Callable[[bytes], None] = lambda routing_id: None
        self._keys = keys
        self._random = random
        self._is_node = is_node
        self._address_of = address_of
        self._service_node = service_node
        self._waiting_max = waiting_max or {}
        self._loop = asyncio.get_running_loop()
        self._sockets = QueueSockets(keys, self._arrived, allow=allow)
        self._links: dict[QueueSocket, Link] = {}
        self._outgoing: dict[bytes, Link] = {}
        self._incoming: dict[bytes, Sender] = {}
        self._routes = ProvenRoutes()
        self._commands: dict[bytes, Registered] = {}
        self._rules: dict[bytes, queue.CommandRule] = {}
        self._pending = PendingRequests()
        self._futures: dict[bytes, asyncio.Future[tuple[bytes, ...]]] = {}
        self._running: Counter[bytes] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer = self._loop.create_task(self._tick(), name="queue timer")
        self._numbers = 0
        self._draining = False

    # -- set-up ------------------------------------------------------------------------------------------------

    def register(self, command: bytes, rule: queue.CommandRule, handler: Handler) -> None:
        """Run `handler` for a command. A request's result is sent as the parts of its answer; None sends nothing."""
        self._commands[command] = Registered(rule, handler)
        self._rules[command] = rule

    def listen(self, host: str, port: int) -> int:
        """Open the listener; gives the bound port. Raises NetworkError when the port cannot be had."""
        socket, bound = self._sockets.listen(host, port)
        self._link(socket)
        return bound

    async def connect(
        self, address: Address, key: bytes, *, fixed_id: bool = False, timeout_s: float = QUEUE_HANDSHAKE_S
    ) -> Link:
        """Connect by address and wait for HELLO. Raises Unreachable: nobody there, or another key (15.1.1)."""
        routing_id = fixed_routing_id(self._keys.public) if fixed_id else None
        link = self._link(self._sockets.call(*address, key, routing_id), key=key)
        link.hello = self._loop.create_future()
        link.socket.send(queue.hello())
        try:
            async with asyncio.timeout(timeout_s):
                await link.hello
        except TimeoutError:
            self._drop(link, 0)
            raise Unreachable("connection attempt timed out", kind="network.queue.hello") from None
        return link

    def disconnect(self, link: Link) -> None:
        """Close a connection that `connect` opened."""
        self._drop(link, QUEUE_LINGER_S)

    def list_changed(self) -> None:
        """The active list is another: connections by key to those that left it are closed (15.2)."""
        for key in [key for key in self._outgoing if not self._is_node(key)]:
            self._drop(self._outgoing[key], 0)
        for key in [key for key in self._incoming if not self._is_node(key)]:
            del self._incoming[key]

    async def drain(self, timeout_s: float = QUEUE_REQUEST_TIMEOUT_S) -> None:
        """Take no further commands, and let those that run be answered, for so long at most."""
        self._draining = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)

    async def close(self) -> None:
        """Fail what waits, stop handlers, close all sockets."""
        self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(self._timer, *self._tasks, return_exceptions=True)
        for tag in [*self._futures]:
            self._fail(tag, Unreachable("the queue was closed", kind="network.queue.closed"))
        await self._sockets.close()

    # -- sending -----------------------------------------------------------------------------------------------

    async def request(
        self,
        key: bytes,
        command: bytes,
        *parts: bytes,
        timeout_s: float = QUEUE_REQUEST_TIMEOUT_S,
        outgoing_only: bool = False,
    ) -> tuple[bytes, ...]:
        """Ask the service node with this X25519 key; gives the parts of its answer.

        Raises Unreachable (no address, queue full, timed out) or PeerRefused (a refusal code, 15.3.3).
        """
        return await self.ask(key, command, *parts, timeout_s=timeout_s, outgoing_only=outgoing_only)

    def ask(
        self,
        key: bytes,
        command: bytes,
        *parts: bytes,
        timeout_s: float = QUEUE_REQUEST_TIMEOUT_S,
        outgoing_only: bool = False,
    ) -> asyncio.Future[tuple[bytes, ...]]:
        """As `request`, but the request is sent when this returns. It must be awaited, or cancelled."""
        return self._ask(
            lambda message: self._send_by_key(key, message, timeout_s, outgoing_only), command, parts, timeout_s
        )

    async def request_on(
        self, link: Link, command: bytes, *parts: bytes, timeout_s: float = QUEUE_REQUEST_TIMEOUT_S
    ) -> tuple[bytes, ...]:
        """Ask over one connection by address. Raises as `request`."""

        def send(message: list[bytes]) -> Link:
            link.socket.send(message)
            return link

        return await self._ask(send, command, parts, timeout_s)

    def notify(self, sender: Sender, command: bytes, *parts: bytes) -> None:
        """Send a one-way command to where a message came from. Raises Unreachable when it is gone."""
        if sender.routing_id is not None and self._routes.key_of(sender.routing_id) != sender.key:
            raise Unreachable("the connection belongs to another key now", kind="network.queue.gone")
        sender.link.socket.send(queue.command(command, *parts), sender.routing_id)

    def _ask(
        self, send: Callable[[list[bytes]], Link], command: bytes, parts: tuple[bytes, ...], timeout_s: float
    ) -> asyncio.Future[tuple[bytes, ...]]:
        tag = queue.new_tag(self._random)
        future: asyncio.Future[tuple[bytes, ...]] = self._loop.create_future()
        try:
            link = send(queue.request(command, tag, *parts))
        except NetworkError as error:
            future.set_exception(error)
            return future
        self.counters.sent += 1
        self._pending.add(tag, command, self._now_ms() + int(timeout_s * 1000), link.number)
        self._futures[tag] = future  # one that nobody awaits any more goes with its answer or its time-out
        return future

    def _send_by_key(self, key: bytes, message: list[bytes], timeout_s: float, outgoing_only: bool) -> Link:
        known = None if outgoing_only else self._incoming.get(key)
        if known is not None and key not in self._outgoing:
            try:
                known.link.socket.send(message, known.routing_id)
            except Unreachable:
                self._incoming.pop(key, None)
            else:
                return known.link
        link = self._outgoing.get(key) or self._call(key)
        link.socket.send(message)
        link.idle_at = max(link.idle_at, self._loop.time() + max(QUEUE_IDLE_S, timeout_s + QUEUE_LINGER_S))
        return link

    def _call(self, key: bytes) -> Link:
        address = self._address_of(key)
        if address is None:
            raise Unreachable("no address is known for a service node", kind="network.queue.no_address")
        link = self._link(self._sockets.call(*address, key, fixed_routing_id(self._keys.public)), key=key)
        link.by_key = True
        self._outgoing[key] = link
        return link

    # -- receiving ---------------------------------------------------------------------------------------------

    def _arrived(self, socket: QueueSocket, origin: Origin, parts: list[bytes]) -> None:
        link = self._links.get(socket)
        if link is None:
            return
        outgoing = not socket.listener
        proven = link.key if outgoing else origin.key
        sender = Sender(link, proven, origin.routing_id, origin.address)
        node = link.by_key if outgoing else proven is not None and self._is_node(proven)
        if not outgoing:
            self._note(sender, node)
        connection = queue.Connection(
            outgoing=outgoing,
            connecting=link.hello is not None and not link.hello.done(),
            remote_sn=node,
            local_sn=self._service_node,
        )
        self._carry_out(queue.receive(parts, connection, self._rules, self._pending), sender)

    def _note(self, sender: Sender, node: bool) -> None:
        """Remember who holds a routing id, and where a service node can be answered by key."""
        if sender.routing_id is not None and self._routes.note(sender.routing_id, sender.key):
            self.on_route_taken(sender.routing_id)
        if node and sender.key is not None:
            self._incoming[sender.key] = sender

    def _carry_out(self, outcome: queue.Outcome, sender: Sender) -> None:
        match outcome:
            case queue.Replied(tag, parts):
                self._answer(tag, parts)
            case queue.Request(command, tag, parts):
                self._run(Incoming(command, parts, sender), tag)
            case queue.Command(command, parts):
                self._run(Incoming(command, parts, sender), None)
            case queue.Failed(tag, code):
                self._fail(tag, _refused(code))
            case queue.Refused(code, command):
                self._refused_untagged(code, command, sender.link)
            case queue.Refuse(_, send) | queue.Hello(send):
                self._reply(sender, [*send])
            case queue.Connected():
                if sender.link.hello is not None:
                    sender.link.hello.set_result(None)
            case queue.Close():
                self._drop(sender.link, 0)
            case queue.Ignored():
                pass

    def _answer(self, tag: bytes, parts: tuple[bytes, ...]) -> None:
        self._pending.take(tag)
        future = self._futures.pop(tag, None)
        if future is not None and not future.done():
            future.set_result(parts)

    def _fail(self, tag: bytes, error: Exception) -> None:
        self._pending.take(tag)
        future = self._futures.pop(tag, None)
        if future is not None and not future.done():
            self.counters.failed[type(error).__name__] += 1
            future.set_exception(error)

    def _refused_untagged(self, code: queue.Refusal, command: bytes, link: Link) -> None:
        log.debug("a peer refused a queue command: %s", code.name)
        tag = self._pending.take_refused(command, link.number)
        if tag is not None:
            self._fail(tag, _refused(code))

    def _run(self, incoming: Incoming, tag: bytes | None) -> None:
        category = incoming.command.partition(b".")[0]
        if self._draining or self._running[category] >= self._waiting_max.get(category, QUEUE_WAITING_MAX):
            self.counters.dropped += 1
            return
        if incoming.sender.link.by_key:
            self._touch(incoming.sender.link)
        self._running[category] += 1
        self.counters.handled += 1
        task = self._loop.create_task(self._handled(incoming, tag))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._finished(done, category))

    async def _handled(self, incoming: Incoming, tag: bytes | None) -> None:
        parts = await self._commands[incoming.command].handler(incoming)
        if tag is not None and parts is not None:  # answered here: a callback of the task runs a turn later
            self._reply(incoming.sender, queue.reply(tag, *parts))

    def _finished(self, task: asyncio.Task[None], category: bytes) -> None:
        self._tasks.discard(task)
        self._running[category] -= 1
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("a queue command failed (%s)", type(error).__name__, exc_info=error)

    def _reply(self, sender: Sender, message: list[bytes]) -> None:
        """Answer on the connection that a message came on; a service node also on another of its connections."""
        try:
            sender.link.socket.send(message, sender.routing_id)
        except NetworkError:
            if sender.key is not None and self._is_node(sender.key):
                with suppress(NetworkError):  # nobody is left to be told
                    self._send_by_key(sender.key, message, 0.0, outgoing_only=False)

    # -- links and time ----------------------------------------------------------------------------------------

    def _link(self, socket: QueueSocket, key: bytes | None = None) -> Link:
        self._numbers += 1
        link = self._links[socket] = Link(socket, self._numbers, key)
        self._touch(link)
        return link

    def _touch(self, link: Link) -> None:
        link.idle_at = max(link.idle_at, self._loop.time() + QUEUE_IDLE_S)

    def _drop(self, link: Link, linger_s: float) -> None:
        if self._links.pop(link.socket, None) is None:
            return
        if link.by_key and link.key is not None:
            self._outgoing.pop(link.key, None)
        self._sockets.forget(link.socket, linger_s)

    def _now_ms(self) -> int:
        return int(self._loop.time() * 1000)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(QUEUE_TIMER_S)
            for tag in self._pending.handle_timer(self._now_ms()):
                self.counters.timed_out += 1
                self._fail(tag, Unreachable("a service node did not answer in time", kind="network.queue.timeout"))
            now = self._loop.time()
            for link in [link for link in self._outgoing.values() if link.idle_at < now]:
                self._drop(link, 0)  # what could not be sent in all that time will not be


def _refused(code: queue.Refusal) -> PeerRefused:
    return PeerRefused(
        f"a service node refused a queue command: {code.value.decode()}",
        code=0,
        kind=f"network.queue.{code.name.lower()}",
    )
