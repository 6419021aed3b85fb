"""Calls between a worker and its core over a Unix socket pair: msgpack frames behind a 4-byte length.

Both sides are of one program on one machine and trust each other; frames are bounded all the same. What is sent in one
turn of the loop goes out in one write.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast

import msgspec

from veery.errors import NodeError, PeerRefused, RuntimeFault, Unreachable, VeeryError

log = logging.getLogger(__name__)

Answerer = Callable[..., Awaitable[Any]]

_FRAME_MAX: Final = 64 * 1024 * 1024
_HEAD: Final = 4
_ERRORS: Final[dict[str, type[VeeryError]]] = {
    "RuntimeFault": RuntimeFault,
    "Unreachable": Unreachable,
    "VeeryError": VeeryError,
}
_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder().decode


class LinkClosed(RuntimeFault):
    """The other process is gone."""

    default_kind = "node.link_closed"


class Link(asyncio.Protocol):
    """One end. `answerers`: what the other side may call, by name. `closed` is set when the other side is gone."""

    def __init__(self, answerers: Mapping[str, Answerer]) -> None:
        self._answerers = answerers
        self._transport: asyncio.WriteTransport | None = None
        self._received = bytearray()
        self._outgoing: list[bytes] = []
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._numbers = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.get_running_loop()
        self.closed = asyncio.Event()

    @classmethod
    async def over(cls, end: socket.socket, answerers: Mapping[str, Answerer]) -> Link:
        """Make an end on a connected socket."""
        link = cls(answerers)
        await asyncio.get_running_loop().create_unix_connection(lambda: link, sock=end)
        return link

    # -- calling -----------------------------------------------------------------------------------------------

    async def call(self, name: str, *args: object) -> Any:
        """Call the other side and wait for its answer. Raises what it raised, or LinkClosed."""
        self._numbers += 1
        number = self._numbers
        future: asyncio.Future[Any] = self._loop.create_future()
        self._calls[number] = future
        try:
            self._send((number, name, args))
            return await future
        finally:
            self._calls.pop(number, None)

    def tell(self, name: str, *args: object) -> None:
        """Call the other side without an answer."""
        self._send((0, name, args))

    def close(self) -> None:
        """End the link."""
        if self._transport is not None:
            self._flush()
            self._transport.close()

    def _send(self, frame: object) -> None:
        if self.closed.is_set():
            raise LinkClosed("the other process of the node is gone")
        data = _ENCODE(frame)
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing += (len(data).to_bytes(_HEAD, "big"), data)

    def _flush(self) -> None:
        if self._transport is not None and self._outgoing:
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()

    # -- asyncio.Protocol --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set()
        for future in self._calls.values():
            if not future.done():
                future.set_exception(LinkClosed("the other process of the node is gone"))
        # Calls that the other side made go on: half of a store must not be undone because a worker died.

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        at = 0
        while len(received) - at >= _HEAD:
            size = int.from_bytes(received[at : at + _HEAD], "big")
            if size > _FRAME_MAX:
                log.error("a frame between processes of the node is too large")
                self.close()
                return
            if len(received) - at < _HEAD + size:
                break
            self._frame(_DECODE(received[at + _HEAD : at + _HEAD + size]))
            at += _HEAD + size
        del received[:at]

    def _frame(self, frame: list[Any]) -> None:
        number, name, args = frame
        if name == "":
            self._answered(number, args)
            return
        task = self._loop.create_task(self._answer(name, args))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._finished(done, number, name))

    def _answered(self, number: int, args: list[Any]) -> None:
        future = self._calls.get(number)
        if future is None or future.done():
            return
        if len(args) == 1:
            future.set_result(args[0])
        else:
            future.set_exception(_error(args))

    async def _answer(self, name: str, args: list[Any]) -> Any:
        return await self._answerers[name](*args)

    def _finished(self, task: asyncio.Task[Any], number: int, name: str) -> None:
        self._tasks.discard(task)
        if task.cancelled() or self.closed.is_set():
            return
        error = task.exception()
        if error is not None and not isinstance(error, VeeryError):
            log.error("a call between processes of the node failed: %s", name, exc_info=error)
            error = NodeError("the other process of the node failed", kind="node.internal")
        if number:
            self._send((number, "", (task.result(),) if error is None else _written(error)))


def _written(error: VeeryError) -> tuple[Any, ...]:
    family = next((name for name, kind in _ERRORS.items() if isinstance(error, kind)), "VeeryError")
    return ("PeerRefused" if isinstance(error, PeerRefused) else family, error.message, error.kind)


def _error(args: list[Any]) -> VeeryError:
    family, message, kind = args
    if family == "PeerRefused":
        return PeerRefused(message, code=0, kind=kind)
    return _ERRORS.get(family, NodeError)(message, kind=kind)
