"""ZeroMQ sockets of the node message queue on an asyncio loop, without a thread and without futures (15.1, 15.2).

A ZeroMQ socket tells by one file descriptor that *something* happened, edge-triggered: after a wake-up the socket must
be read until it is empty, and after every send it must be asked again, since sending can swallow the edge. That is all
that this module does, besides setting the options of 15.1 and answering the authenticator's questions (ZAP). It knows
frames, not commands: `QueueEndpoint` gives them meaning.

The key of a peer on a listener is the one that CURVE proved, read from each message; never the routing id, which anyone
can choose.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import zmq

from veery.errors import Misuse, NetworkError, Unreachable
from veery.protocol.constants import (
    KEY_SIZE,
    QUEUE_HANDSHAKE_S,
    QUEUE_HEARTBEAT_S,
    QUEUE_HEARTBEAT_TIMEOUT_S,
    QUEUE_MESSAGE_MAX,
    QUEUE_RECONNECT_MAX_MS,
    QUEUE_RECONNECT_MS,
)

Arrived = Callable[["QueueSocket", "Origin", list[bytes]], None]
Allow = Callable[[str, bytes], bool]  # (address, key 32 bytes) -> let this connection in

_ZAP_DOMAIN: Final = "veery"
_ZAP_ADDRESS: Final = "inproc://zeromq.zap.01"
_NOW: Final = int(zmq.NOBLOCK)  # plain numbers: arithmetic on the library's enums costs more than a send
_MORE: Final = int(zmq.SNDMORE)
_EVENTS: Final = int(zmq.EVENTS)
_READABLE: Final = int(zmq.POLLIN)
_BATCH: Final = 256  # messages of one socket in one turn of the loop, so that none starves the others


@dataclass(frozen=True, slots=True)
class CurveKeys:
    """The X25519 pair that the queue listens and calls with, 32 raw bytes each."""

    public: bytes
    secret: bytes


@dataclass(frozen=True, slots=True)
class Origin:
    """Whom a message came from: routing id and proven key (32 bytes) on a listener, and the peer's address as text."""

    routing_id: bytes | None = None
    key: bytes | None = None
    address: str = ""


class QueueSocket:
    """One ZeroMQ socket on the loop. Made by `QueueSockets`; `listener` tells a ROUTER from a DEALER."""

    def __init__(self, socket: zmq.Socket[bytes], loop: asyncio.AbstractEventLoop, arrived: Arrived) -> None:
        self.listener = socket.type == zmq.ROUTER
        self.closed = False
        self._socket = socket
        self._loop = loop
        self._arrived = arrived
        self._descriptor = int(socket.getsockopt(zmq.FD))
        self._scheduled = False
        loop.add_reader(self._descriptor, self._drain)
        self._again()

    def send(self, parts: Sequence[bytes], routing_id: bytes | None = None) -> None:
        """Send one message now or fail. Raises Unreachable: the peer is gone, or its send queue is full."""
        if self.closed:
            raise Unreachable("the queue connection is closed", kind="network.queue.closed")
        *before, last = parts if routing_id is None else (routing_id, *parts)
        try:
            for part in before:
                self._socket.send(part, _NOW | _MORE)
            self._socket.send(last, _NOW)
        except zmq.Again:
            raise Unreachable("the send queue of a peer is full", kind="network.queue.full") from None
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise NetworkError("the queue socket failed", kind="network.queue.socket") from error
            raise Unreachable("the peer is not connected any more", kind="network.queue.gone") from None
        self._again()

    def close(self, linger_s: float) -> None:
        """Close; what is queued is still sent for `linger_s` seconds in the background."""
        if not self.closed:
            self.closed = True
            self._loop.remove_reader(self._descriptor)
            self._socket.close(linger=int(linger_s * 1000))

    def _again(self) -> None:
        if not self._scheduled and not self.closed and int(self._socket.getsockopt(_EVENTS)) & _READABLE:
            self._scheduled = True
            self._loop.call_soon(self._drain)

    def _drain(self) -> None:
        self._scheduled = False
        try:
            self._read()
        except Exception:
            self._again()  # the edge is used up: without this, what still waits would wait for ever
            raise

    def _read(self) -> None:
        for _ in range(_BATCH):
            if self.closed:
                return
            try:
                frame = self._socket.recv(_NOW, copy=False)
            except zmq.Again:
                return
            self._deliver(frame)
        self._again()

    def _deliver(self, frame: zmq.Frame) -> None:
        parts = [frame.bytes]
        while frame.more:  # the rest of a message is there when its first part is
            frame = self._socket.recv(_NOW, copy=False)
            parts.append(frame.bytes)
        if self.listener:
            self._arrived(self, _origin(parts[0], frame), parts[1:])
        else:
            self._arrived(self, _KNOWN, parts)


_KNOWN: Final = Origin()  # on a connection that was opened here, the socket says who it is


def _origin(routing_id: bytes, frame: zmq.Frame) -> Origin:
    user, address = _metadata(frame, "User-Id"), _metadata(frame, "Peer-Address")
    return Origin(routing_id, bytes.fromhex(user) if len(user) == 2 * KEY_SIZE else None, address)


def _metadata(frame: zmq.Frame, name: str) -> str:
    try:
        return str(frame.get(name))
    except zmq.ZMQError:
        return ""


class QueueSockets:
    """A ZeroMQ context with one key pair: listeners, callers and their authenticator. One a node or caller."""

    def __init__(self, keys: CurveKeys, arrived: Arrived, *, allow: Allow | None = None) -> None:
        if not zmq.has("curve"):
            raise Misuse("this ZeroMQ was built without CURVE; install pyzmq from its wheel")
        self._keys = keys
        self._arrived = arrived
        self._allow = allow or (lambda address, key: True)
        self._loop = asyncio.get_running_loop()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._sockets: list[QueueSocket] = []
        self._authenticator: QueueSocket | None = None

    def listen(self, host: str, port: int) -> tuple[QueueSocket, int]:
        """Bind a CURVE listener; port 0 takes a free one. Gives the socket and the bound port."""
        if self._authenticator is None:
            zap = self._context.socket(zmq.ROUTER)
            zap.bind(_ZAP_ADDRESS)
            self._authenticator = QueueSocket(zap, self._loop, self._authenticate)
        socket = self._context.socket(zmq.ROUTER)
        self._common(socket)
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        socket.setsockopt_string(zmq.ZAP_DOMAIN, _ZAP_DOMAIN)
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        try:
            socket.bind(f"tcp://{host}:{port or '*'}")
        except zmq.ZMQError as error:
            socket.close(linger=0)
            raise NetworkError(
                f"the queue port {port} cannot be opened",
                kind="network.queue.bind",
                remedy="Choose another queue port, or stop the program that holds this one",
            ) from error
        bound = int(str(socket.getsockopt_string(zmq.LAST_ENDPOINT)).rpartition(":")[2])
        return self._kept(socket), bound

    def call(self, host: str, port: int, server_key: bytes, routing_id: bytes | None) -> QueueSocket:
        """Open a DEALER to one listener, whose key must be known (15.1.1). It connects and reconnects by itself."""
        socket = self._context.socket(zmq.DEALER)
        self._common(socket)
        socket.setsockopt(zmq.CURVE_SERVERKEY, server_key)
        if routing_id is not None:
            socket.setsockopt(zmq.ROUTING_ID, routing_id)
        socket.connect(f"tcp://{host}:{port}")
        return self._kept(socket)

    def forget(self, socket: QueueSocket, linger_s: float) -> None:
        """Close one socket."""
        socket.close(linger_s)
        self._sockets.remove(socket)

    async def close(self, linger_s: float = 1.0) -> None:
        """Close everything; what is queued is still sent for `linger_s` seconds, while the loop goes on."""
        for socket in self._sockets:
            socket.close(linger_s)
        if self._authenticator is not None:
            self._authenticator.close(0)
        await asyncio.to_thread(self._context.term)

    def _kept(self, socket: zmq.Socket[bytes]) -> QueueSocket:
        kept = QueueSocket(socket, self._loop, self._arrived)
        self._sockets.append(kept)
        return kept

    def _common(self, socket: zmq.Socket[bytes]) -> None:
        socket.setsockopt(zmq.CURVE_PUBLICKEY, self._keys.public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, self._keys.secret)
        socket.setsockopt(zmq.HANDSHAKE_IVL, int(QUEUE_HANDSHAKE_S * 1000))
        socket.setsockopt(zmq.HEARTBEAT_IVL, int(QUEUE_HEARTBEAT_S * 1000))
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, int(QUEUE_HEARTBEAT_TIMEOUT_S * 1000))
        socket.setsockopt(zmq.RECONNECT_IVL, QUEUE_RECONNECT_MS)
        socket.setsockopt(zmq.RECONNECT_IVL_MAX, QUEUE_RECONNECT_MAX_MS)
        socket.setsockopt(zmq.MAXMSGSIZE, QUEUE_MESSAGE_MAX)
        socket.setsockopt(zmq.LINGER, 0)

    def _authenticate(self, zap: QueueSocket, origin: Origin, parts: list[bytes]) -> None:
        """Answer one ZAP 1.0 question: CURVE with a 32-byte key that is allowed, or nothing (15.2)."""
        _, version, request, domain, address, _identity, mechanism, *credentials = (*parts, b"", b"", b"", b"")[:9]
        shown = credentials[0] if credentials else b""
        status, why = b"200", b"OK"
        if domain != _ZAP_DOMAIN.encode():
            status, why = b"400", b"Unknown authentication domain"
        elif mechanism != b"CURVE" or len(shown) != KEY_SIZE:
            status, why = b"500", b"Invalid authentication mechanism"
        elif not self._allow(address.decode("latin-1"), shown):
            status, why = b"400", b"Access denied"
        user = shown.hex().encode() if status == b"200" else b""
        zap.send([b"", version, request, status, why, user, b""], origin.routing_id)
