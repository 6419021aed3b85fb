"""What `veery lab` does, apart from parsing and printing: each function is given where to tell what happens."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from veery.lab.control import LabControl, ask
from veery.lab.demo import Demo, painter
from veery.lab.network import LabNetwork
from veery.lab.plan import LOCK
from veery.runtime.lifecycle import STOP_SIGNALS
from veery.runtime.locks import FileLock

_DOWN_S = 60.0

Tell = Callable[[dict[str, Any]], None]


async def up(directory: Path, nodes: int | None, *, processes: bool, host_per_node: bool, tell: Tell) -> None:
    """Run a lab until a signal comes or `down` is asked for.

    `tell` hears of each part in one object, then of `{"ready": true, "seed_url", "network_file"}`.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    try:
        await _until(stop, directory, nodes, processes, host_per_node, tell)
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)


async def _until(
    stop: asyncio.Event, directory: Path, nodes: int | None, processes: bool, host_per_node: bool, tell: Tell
) -> None:
    lab = LabNetwork(directory, nodes, processes=processes, host_per_node=host_per_node)
    starting = asyncio.create_task(lab.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            return
        await starting
        control = LabControl(lab)
        await control.start()
        try:
            for part in await lab.status():
                tell(part)
            tell({"ready": True, "seed_url": lab.seed_url, "network_file": str(lab.network_file)})
            down = asyncio.create_task(control.down.wait())
            await asyncio.wait((down, stopping), return_when=asyncio.FIRST_COMPLETED)
            down.cancel()
        finally:
            await control.close()
    finally:
        for task in (starting, stopping):
            task.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)
        await lab.close()


async def status(directory: Path) -> list[dict[str, Any]]:
    """One row a part of the lab that runs in a directory."""
    rows: list[dict[str, Any]] = await ask(directory, {"do": "status"})
    return rows


async def kill(directory: Path, node: int) -> None:
    """Stop a node without asking it."""
    await ask(directory, {"do": "kill", "node": node})


async def restart(directory: Path, node: int) -> dict[str, Any]:
    """Start a node again; gives its row."""
    found: dict[str, Any] = await ask(directory, {"do": "restart", "node": node})
    return found


async def down(directory: Path) -> None:
    """End the lab and wait until it has ended; what it holds stays in its directory. Raises LabError, LockHeld."""
    await ask(directory, {"do": "down"})
    lock = FileLock(directory / LOCK)
    await lock.acquire(_DOWN_S)
    lock.release()


async def demo(*, stay: bool, colour: bool, say: Callable[[str], None]) -> bool:
    """Run the demo; `stay` lets a person type afterwards. Gives whether both messages arrived."""
    return await Demo(say, painter(colour)).run(stay=stay)
