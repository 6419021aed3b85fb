"""The event loop of a command, and what signals do to it.

Ctrl-C and SIGTERM cancel the command, which then closes what it has open: nothing half done is left behind.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

from veery.cli.command import Terminated
from veery.cli.console import Console
from veery.runtime.logs import configure
from veery.runtime.loop import run

T = TypeVar("T")


def run_coroutine(console: Console, main: Coroutine[Any, Any, T]) -> T:
    """Run the main part of a command on a new loop. Raises KeyboardInterrupt on Ctrl-C, Terminated on SIGTERM."""
    quiet_logs(console)
    return run(_until_terminated(main))


def quiet_logs(console: Console) -> None:
    """Logs of a command that talks to a person: errors alone, everything if `--verbose`."""
    configure(verbose=console.verbose, stream=console.err)
    if not console.verbose:
        logging.getLogger().setLevel(logging.ERROR)


async def _until_terminated(main: Coroutine[Any, Any, T]) -> T:
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(main)
    terminated = asyncio.Event()

    def terminate() -> None:
        terminated.set()
        task.cancel()

    loop.add_signal_handler(signal.SIGTERM, terminate)
    try:
        return await task
    except asyncio.CancelledError:
        if terminated.is_set():
            raise Terminated from None
        raise
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
