"""Running the engine of a profile as a service."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from veery.app.session import OwnSession, Session
from veery.cli.command import Exit
from veery.cli.console import Console
from veery.cli.engine import Opening, opener
from veery.cli.profiles import existing_profile
from veery.cli.quick import SOCKET_NAME, engine_runs
from veery.cli.service import notify_supervisor, run_service
from veery.errors import StoreBusy
from veery.secret import shorten


class RunsAlready(StoreBusy):
    """Another process has the profile open."""

    default_kind = "cli.runs_already"
    default_remedy = "Commands of this profile use it; there is nothing to start"


def run(options: Namespace, console: Console) -> int:
    """Run until told to stop."""
    directory = existing_profile(options)
    if engine_runs(directory):
        raise _already(options)
    service = _Engine(options, console, directory)
    run_service(console, service, log_json=options.log_json)
    return Exit.DONE


class _Engine:
    """An open session as a `Service`."""

    def __init__(self, options: Namespace, console: Console, directory: Path) -> None:
        self._options = options
        self._console = console
        self._directory = directory
        self._open: Opening = opener(options, console)
        self._stack = AsyncExitStack()
        self._locked: asyncio.Event | None = None

    async def start(self) -> None:
        """Open the profile and tell."""
        session: Session = await self._stack.enter_async_context(self._open())
        if not isinstance(session, OwnSession):
            raise _already(self._options)
        self._locked = session.client.locking.locked
        own: dict[str, Any] = await session.call("account")
        notify_supervisor("READY=1")
        if self._console.as_json:
            told = {"role": "app", "account_id": own["account_id"], "profile": self._options.profile}
            self._console.record({**told, "socket": str(self._directory / SOCKET_NAME)})
        else:
            self._console.line(f"The engine of {shorten(own['account_id'])} runs (profile {self._options.profile})")
            self._console.flush()

    async def run_until_stopped(self) -> None:
        """It ends by a signal, or when it locks."""
        if self._locked is not None:
            await self._locked.wait()
            self._console.talk("Locked: nobody used it for a while (`veery profile lock-after`).")

    async def close(self) -> None:
        """Close the profile."""
        notify_supervisor("STOPPING=1")
        await self._stack.aclose()


def _already(options: Namespace) -> RunsAlready:
    return RunsAlready(f"the engine of the profile `{options.profile}` runs already")
