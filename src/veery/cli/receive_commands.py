"""Printing what comes.

The command is a consumer of the engine's durable events, with the name `cli`: what was written out is acknowledged, so
that a kill repeats a message rather than losing it.
"""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Final

from veery.app.session import Session
from veery.cli.command import Exit, UsageWrong
from veery.cli.console import Console
from veery.cli.engine import opener
from veery.cli.running import run_coroutine
from veery.cli.shown import Json, event_lines, is_own, titles, unreadable_lines

CONSUMER: Final = "cli"
_PAGE: Final = 100
_GATHER_S: Final = 2.0  # what cannot be read comes in numbers: it is told together


def receive(options: Namespace, console: Console) -> int:
    """Print what is new."""
    if options.wait is not None and options.wait < 0:
        raise UsageWrong("--wait takes a number of seconds", remedy="Write it as in --wait 60")
    return run_coroutine(console, _Receiver(options, console).run())


class _Receiver:
    """One run of the command. with_own: whether own messages are printed; cursor: the last event that was printed."""

    def __init__(self, options: Namespace, console: Console) -> None:
        self._options = options
        self._console = console
        self._with_own = bool(options.own)
        self._own = ""  # Account ID
        self._cursor = 0
        self._printed = False
        self._unreadable = 0  # counted, not told yet
        self._telling: asyncio.Task[None] | None = None
        self._names: dict[str, str] = {}
        self._opening = opener(options, console)

    async def run(self) -> int:
        """Print as the options say; gives the exit code."""
        if self._options.wait is not None:
            return await self._wait(float(self._options.wait))
        if self._options.follow:
            await self._until_message(first_only=False)
            return Exit.DONE
        async with self._opening() as session:
            await self._begin(session)
            try:
                with self._console.progress("Asking the swarm for messages"):
                    await session.call("fetch")
            finally:  # what came before an error is printed all the same
                await self._print_kept(session, first_only=False)
        if not self._printed and not self._console.as_json:
            self._console.talk("Nothing new.")
        return Exit.DONE

    async def _wait(self, seconds: float) -> int:
        try:
            async with asyncio.timeout(seconds):
                with self._console.progress("Waiting for a message"):
                    await self._until_message(first_only=True)
        except TimeoutError:
            if not self._console.as_json and not self._printed:
                self._console.talk(f"No message came within {seconds:g} s.")
            return Exit.NONE_CAME
        return Exit.DONE

    async def _until_message(self, *, first_only: bool) -> None:
        """Print what there is and what comes; end at a message if `first_only`."""
        async with self._opening() as session:
            await self._begin(session)
            if not await self._print_kept(session, first_only=first_only):
                await self._print_coming(session, first_only=first_only)

    async def _begin(self, session: Session) -> None:
        self._cursor = int((await session.call("acknowledged", name=CONSUMER))["seq"])
        self._own = str((await session.call("account"))["account_id"])

    async def _print_kept(self, session: Session, *, first_only: bool) -> bool:
        """Print what the store holds and was not printed yet; tells whether it ended at a message."""
        if not self._console.as_json:
            known = [*await session.call("conversations", hidden=True), *await session.call("requests")]
            self._names = titles(known)
        ended = False
        while not ended and (page := await session.call("events", after=self._cursor, limit=_PAGE)):
            async with self._acknowledging(session):
                ended = any(self._print(event) and first_only for event in page)
        await self._tell_unreadable(session)
        return ended

    async def _print_coming(self, session: Session, *, first_only: bool) -> None:
        try:
            async with aclosing(session.stream("follow", after=self._cursor)) as stream:
                async for event in stream:
                    async with self._acknowledging(session):
                        ended = self._print(event) and first_only
                    if self._unreadable and (self._telling is None or self._telling.done()):
                        self._telling = asyncio.create_task(self._tell_soon(session))
                    if ended:
                        return
        finally:
            if self._telling is not None:
                self._telling.cancel()
                await asyncio.gather(self._telling, return_exceptions=True)
            await self._tell_unreadable(session)

    async def _tell_soon(self, session: Session) -> None:
        await asyncio.sleep(_GATHER_S)
        await self._tell_unreadable(session)

    async def _tell_unreadable(self, session: Session) -> None:
        """Say in one line how many messages no key of this device opens, and what to do."""
        if not self._unreadable:
            return
        linked = str((await session.call("devices"))["membership"]) == "in_group"
        number, self._unreadable = self._unreadable, 0
        self._console.lines(unreadable_lines(number, linked=linked))
        self._console.flush()

    @asynccontextmanager
    async def _acknowledging(self, session: Session) -> AsyncIterator[None]:
        """Acknowledge what the body prints, also when it or this is cut off: printed messages do not come again."""
        before = self._cursor
        try:
            yield
        finally:
            if self._cursor > before:
                done = asyncio.ensure_future(session.call("ack", name=CONSUMER, seq=self._cursor))
                try:
                    await asyncio.shield(done)
                except asyncio.CancelledError:
                    await done
                    raise

    def _print(self, event: Json) -> bool:
        """Write an event out; tells whether it is a message from somebody else."""
        self._cursor = max(self._cursor, int(event.get("seq", 0)))
        kind, own = event["event"], event.get("direction") == "out"
        if kind == "conversation" and event.get("title"):
            self._names[str(event["conversation"])] = str(event["title"])
        if not self._with_own and is_own(event, self._own):
            return False
        if self._console.as_json:
            self._console.record(event)
        elif kind == "unreadable":
            self._unreadable += 1
            self._printed = True
        else:
            lines = event_lines(event, self._names, self._own)
            self._printed = self._printed or bool(lines)
            self._console.lines(lines)
            self._console.flush()
        return kind == "message" and not own
