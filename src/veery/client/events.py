"""Events for programs: durable ones from a cursor, and those of the moment.

`client.events(after=cursor)` gives an endless stream of JSON objects. Durable events carry `seq`, come in its order and
can be read again from any cursor; events of the moment (typing, calls) have none and are lost to who is not listening.
A consumer that has dealt with everything up to a number says so with `ack`; what every consumer has acknowledged may be
removed after a while. An object `{"event": "gap", "seq": n}` says that events up to n are gone that were not read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final, Self

from veery.client.core import Core
from veery.client.faults import ClientClosed
from veery.client.views import Json
from veery.store.events import Event, EventPage

PAGE: Final = 200  # events read at once
GAP_EVENT: Final = "gap"


class EventStream:
    """An endless stream: waits for what comes, and ends when the engine is closed. One reader at a time."""

    def __init__(self, core: Core, after: int) -> None:
        self._core = core
        self._cursor = after
        self._durable: deque[Json] = deque()
        self._inbox = core.hub.attach()

    @property
    def cursor(self) -> int:
        """The number of the last durable event that was read from the store for this stream."""
        return self._cursor

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Json:
        """The next event. Can be cancelled without losing any."""
        hub = self._core.hub
        while True:
            if self._durable:
                return self._durable.popleft()
            version = hub.version
            if await self._read():
                continue
            if self._inbox.events:
                return dict(self._inbox.events.popleft())
            if hub.closed:
                raise StopAsyncIteration
            await hub.changed(version)

    async def _read(self) -> bool:
        try:
            page = await self._core.read(lambda tables: tables.events.after(self._cursor, PAGE))
        except ClientClosed:
            return False
        self._durable += page_json(page, self._cursor)
        if page.events:
            self._cursor = page.events[-1].seq
        return bool(page.events)


class Consumer:
    """A stream that remembers, under a name, how far a program has come: each event at least once.

    Asking for the next event says that the last one has been dealt with. A program that dies in between gets that one
    again, so what it does with an event should bear being done twice.
    """

    def __init__(self, events: Events, name: str, stream: EventStream) -> None:
        self._events = events
        self._name = name
        self._stream = stream
        self._last = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Json:
        """The next event, once the last one is acknowledged."""
        if self._last:
            await self._events.ack(self._name, self._last)
            self._last = 0
        event = await anext(self._stream)
        self._last = int(event.get("seq", 0))
        return event


class Events:
    """The events of one account."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def __call__(self, after: int = 0) -> EventStream:
        """Everything with a number above `after`, then what happens."""
        return EventStream(self._core, after)

    async def consume(self, name: str, *, from_start: bool = False) -> Consumer:
        """The events that the consumer of a name has not dealt with yet, then what happens.

        A new name begins with what happens from now on, or with all events that are kept if `from_start`.
        """
        known = await self._core.read(lambda tables: tables.events.consumers())
        if name not in known and not from_start:
            await self.ack(name, await self.last())
        return Consumer(self, name, self(await self.acknowledged(name)))

    async def page(self, after: int = 0, limit: int = PAGE) -> list[Json]:
        """At most `limit` durable events with a number above `after`; does not wait."""
        page = await self._core.read(lambda tables: tables.events.after(after, limit))
        return page_json(page, after)

    async def last(self) -> int:
        """The number of the newest event; 0 when there was none."""
        return await self._core.read(lambda tables: tables.events.last())

    async def ack(self, name: str, seq: int) -> int:
        """A consumer has dealt with everything up to `seq`; gives what counts now, for it never goes back."""
        now_ms = self._core.clock.now_ms()
        return await self._core.write(lambda tables: tables.events.acknowledge(name, seq, now_ms))

    async def acknowledged(self, name: str) -> int:
        """Up to which number a consumer has dealt with events; 0 when it is unknown."""
        return await self._core.read(lambda tables: tables.events.acknowledged(name))

    async def forget(self, name: str) -> None:
        """Forget a consumer, so that it holds nothing back any more."""
        await self._core.write(lambda tables: tables.events.forget_consumer(name))


def page_json(page: EventPage, after: int) -> list[Json]:
    """The events of a page as JSON objects, with a gap in front if some were removed unread."""
    found = [event_json(event) for event in page.events]
    if page.missed and after and page.events:
        found.insert(0, {"event": GAP_EVENT, "seq": page.events[0].seq - 1})
    return found


def event_json(event: Event) -> Json:
    """A durable event as one JSON object."""
    payload: Mapping[str, Any] = event.payload
    return {"event": event.kind, **payload, "seq": event.seq}
