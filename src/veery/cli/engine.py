"""The engine of a command's profile: the one that runs already, or one of its own for as long as the command takes.

A question that one call answers goes to a running engine over a plain socket, without an event loop: that is what
makes commands quick beside a daemon. Everything else goes through `veery.app.session`.
"""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Final, TypeAlias, TypeVar

from veery.app.session import OwnSession, RemoteSession, Session, open_session
from veery.cli.console import Console
from veery.cli.profiles import existing_profile
from veery.cli.quick import Questions, engine_runs
from veery.cli.running import run_coroutine
from veery.cli.text import now_ms
from veery.cli.unlock import unlock_of
from veery.errors import VeeryError
from veery.network.proxy import Proxy
from veery.store.keys import Unlock

T = TypeVar("T")
Work = Callable[[Session], Awaitable[T]]
Opening: TypeAlias = Callable[[], AbstractAsyncContextManager[Session]]


_SETTLE_S: Final = 5.0
_LOOK_S: Final = 0.05


class OtherProxy(VeeryError):
    """The running engine does not go through the proxy that the command names."""

    default_kind = "cli.other_proxy"
    default_remedy = "End that process first, or leave --proxy out"


def with_session(options: Namespace, console: Console, work: Work[T]) -> T:
    """Open a session, do the work, close it. Raises what both raise."""
    opening = opener(options, console)

    async def main() -> T:
        async with opening() as session:
            return await work(session)

    return run_coroutine(console, main())


def ask_engine(options: Namespace, console: Console, questions: Questions) -> list[Any]:
    """What the engine answers to each question. Raises what it raises."""

    async def work(session: Session) -> list[Any]:
        answers = [await session.call(method, **params) for method, params in questions]
        await settle(session)
        return answers

    with console.progress("Telling the network"):
        return with_session(options, console, work)


async def settle(session: Session) -> None:
    """Give what was put into the outbox, and what own devices share, one try before an engine of our own ends.

    This takes some seconds at most; what is not stored then goes on the next time. An engine that runs needs no wait.
    """
    if not isinstance(session, OwnSession):
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(_SETTLE_S):
            while any(_untried(copy) for copy in await session.call("outbox")):  # noqa: ASYNC110 - see below
                await asyncio.sleep(_LOOK_S)  # control messages tell of no state that could be awaited
            await session.call("sync_flush")
            await session.call("device_flush")


def _untried(copy: dict[str, Any]) -> bool:
    if copy["waiting_since"] is not None:  # for keys; what was just woken is looked at once
        return bool(copy["next_attempt_at"] <= now_ms())
    return bool(copy["attempts"] == 0)


def opener(options: Namespace, console: Console) -> Opening:
    """What opens a session, as often as it is called. A passphrase is asked for here, before any loop runs.

    Inside a loop Ctrl-C would not reach the prompt.
    """
    directory = existing_profile(options)
    proxy = None if options.proxy is None else Proxy.parse(options.proxy)
    key: Unlock | None = None if engine_runs(directory) else unlock_of(directory, console)

    @asynccontextmanager
    async def opening() -> AsyncIterator[Session]:
        def unlock() -> Unlock:
            return key or unlock_of(directory, console)

        async with open_session(directory, unlock, proxy=proxy) as session:
            if proxy is not None and isinstance(session, RemoteSession):
                await _check_proxy(session, proxy)
            yield session

    return opening


async def _check_proxy(session: Session, proxy: Proxy) -> None:
    """Refuse to send by a road that the person did not choose."""
    used = (await session.call("path"))["proxy"]
    if used != str(proxy):
        raise OtherProxy(f"the running Veery of this profile goes through {used or 'no proxy'}, not through {proxy}")
