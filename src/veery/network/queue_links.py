"""The values that an end of the queue hands about: links, senders, incoming commands and their handlers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from veery.network.queue_sockets import QueueSocket
from veery.protocol import queue


@dataclass(frozen=True, slots=True, eq=False)
class Sender:
    """Where a message came from: enough to answer it later.

    `key` is the one that CURVE proved, 32 bytes; `address` is that of the peer, "" on connections opened here.
    """

    link: Link
    key: bytes | None
    routing_id: bytes | None
    address: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Incoming:
    """A command that passed the checks, with its parts behind the tag."""

    command: bytes
    parts: tuple[bytes, ...]
    sender: Sender


Handler = Callable[[Incoming], Awaitable[Sequence[bytes] | None]]


@dataclass(slots=True, eq=False)
class Link:
    """One socket: the listener, or a connection that was opened here."""

    socket: QueueSocket
    number: int
    key: bytes | None = None  # of the peer, for outgoing links
    by_key: bool = False
    hello: asyncio.Future[None] | None = None
    idle_at: float = 0.0


@dataclass(slots=True)
class Registered:
    """A command's rule and what runs it."""

    rule: queue.CommandRule
    handler: Handler


@dataclass(slots=True)
class Counters:
    """What the endpoint did, for metrics: commands run, dropped for want of room, requests sent and timed out."""

    handled: int = 0
    dropped: int = 0
    sent: int = 0
    timed_out: int = 0
    failed: Counter[str] = field(default_factory=Counter)
