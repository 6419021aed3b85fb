"""Kills by the seed: how many of each kind, when, and the process that the victims are forked from.

`VEERY_ROUNDS` says how many kills the slow tests make in all (500 by default), `VEERY_SEED` which ones.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import time_ns
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
ROUNDS: Final = int(os.environ.get("VEERY_ROUNDS", "500"))
SEED: Final = int(os.environ.get("VEERY_SEED", time_ns() % 10**6))
SHARES: Final = {  # kills of each kind, of 500
    "send": 50,
    "receive": 50,
    "configure": 40,
    "group": 40,
    "purge": 40,
    "upload": 50,
    "download": 40,
    "trim": 40,
    "back up": 40,
    "everything": 20,
    "migrate": 60,
    "restore": 30,
}
_LINES_MAX: Final = 25
_STEPS: Final = (10, 8_000)
_LIFE_S: Final = 2.0  # at most, once it works
_PAUSE_S: Final = 0.05
_START_S: Final = 60.0


def source(name: str) -> Random:
    """Where the chances of a test come from; the seed is printed, and shown when the test fails."""
    say(f"VEERY_SEED={SEED} VEERY_ROUNDS={ROUNDS}")
    return Random(f"{SEED} {name}")


def say(what: object) -> None:
    """Show something beside a failed test, or with `pytest -s`."""
    sys.stdout.write(f"{what}\n")


def kinds(chances: Random, *names: str) -> list[str]:
    """The kinds of a test's kills, each as often as its share, in an order of chance."""
    found = [name for name in names for _ in range(math.ceil(SHARES[name] * ROUNDS / sum(SHARES.values())))]
    chances.shuffle(found)
    return found


@dataclass(frozen=True)
class Moment:
    """When a victim dies, whichever comes first. lines: that it tells, and a pause after them; steps: None for no end
    by steps; life_s: after it has begun to work.
    """

    lines: int
    pause_s: float
    steps: int | None
    life_s: float

    @classmethod
    def by_chance(cls, chances: Random) -> Moment:
        """Half of them die at a step, early ones as often as late ones; the others between two steps, from outside."""
        first, last = _STEPS
        steps = int(first * (last / first) ** chances.random()) if chances.random() < 0.5 else None
        life_s = _LIFE_S * (0.1 + 0.9 * chances.random())
        return cls(chances.randrange(1, _LINES_MAX), _PAUSE_S * chances.random(), steps, life_s)


@dataclass(frozen=True)
class Told:
    """What a victim has acknowledged, by word, and how it ended (-9: killed)."""

    words: Mapping[str, Sequence[int]]
    status: int

    @property
    def killed(self) -> bool:
        return self.status == -signal.SIGKILL


class Zygote:
    """The process that victims are forked from."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def kill(self, moment: Moment, kind: str, directory: Path, **rest: Any) -> Told:
        """Have one victim and kill it; gives what it told until then. Fails if it ended by an error."""
        reader, writer = await asyncio.open_unix_connection(self._socket)
        try:
            order = {"kind": kind, "directory": str(directory), "steps": moment.steps, **rest}
            writer.write(json.dumps(order).encode() + b"\n")
            pid = int((await reader.readline()).split()[1])
            lines = await _until(reader, moment)
            if not lines or not lines[-1].startswith(b"ended"):
                with suppress(ProcessLookupError):  # it has just died at its step
                    os.kill(pid, signal.SIGKILL)
                lines += (await reader.read()).splitlines()
            return _told(lines)
        finally:
            writer.close()
            await writer.wait_closed()


async def _until(reader: asyncio.StreamReader, moment: Moment) -> list[bytes]:
    lines: list[bytes] = []
    try:
        async with asyncio.timeout(_START_S) as limit:
            while len(lines) <= moment.lines and (line := await reader.readline()):
                lines.append(line)
                if line == b"open 0\n":
                    limit.reschedule(asyncio.get_running_loop().time() + moment.life_s)
            await asyncio.sleep(moment.pause_s)
    except TimeoutError:
        assert lines, "a victim did not begin"
    return lines


def _told(lines: list[bytes]) -> Told:
    words: dict[str, list[int]] = defaultdict(list)
    for line in lines:
        word, _, rest = line.decode().partition(" ")
        assert word != "error", json.loads(rest)
        words[word].append(int(rest))
    return Told(words, words.pop("ended")[0])


@asynccontextmanager
async def zygote(directory: Path) -> AsyncIterator[Zygote]:
    """A zygote, ready. directory: for its socket, whose path may have 100 characters."""
    socket, pipe = directory / "z", asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.zygote", str(socket), cwd=ROOT, stdin=pipe, stdout=pipe
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"ready\n"
        yield Zygote(socket)
    finally:
        process.stdin.close()
        await process.wait()
