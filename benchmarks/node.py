"""Stores and signed retrieves of 1 KiB a second at a service node, beside what they must cost at the least.

Measured with 1, 16 and 64 kept-alive HTTPS connections: a lone node, and a swarm of four whose every store is at all
four members before it is answered. The reference of the stores is the floor of the same run (`_floor.py`). Rounds are
interleaved and medians are printed; CPU time a request is the steadier measure on a machine that does other things.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from _nodes import Network, Process
from _report import Figure, parser, report

CONNECTIONS = (1, 16, 64)
ACCOUNTS = 200
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Subject:
    """Something that takes requests: its name, ports, what to measure, and whose CPU time counts."""

    name: str
    ports: list[int]
    kinds: tuple[str, ...]
    processes: list[Process]

    def cpu_s(self) -> float:
        """CPU time until now."""
        return sum(process.cpu_s() for process in self.processes)


async def _subjects(stack: AsyncExitStack, load: Process, workers: list[int | None], swarm: int) -> list[Subject]:
    floor_directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="veery-bench-"))
    floor = await Process(str(_HERE / "_floor.py"), floor_directory).start()
    stack.push_async_callback(floor.stop)
    found = [Subject("floor", [floor.facts["port"]], ("store",), [floor])]
    for count, size in [*((each, 1) for each in workers), *([(workers[0], swarm)] if swarm else [])]:
        network = await stack.enter_async_context(Network(size, workers=count))
        name = "node" if size == 1 else f"swarm of {size}"
        if len(workers) > 1 and size == 1:
            name += f" (workers {'auto' if count is None else count})"
        port = network.nodes[0].facts["port"]
        filled = await load.ask(kind="fill", targets=[port], connections=4, most=ACCOUNTS)
        if filled["errors"]:
            raise SystemExit(f"{name}: {filled['error']}")
        found.append(Subject(name, [port], ("store", "retrieve") if size == 1 else ("store",), network.nodes))
    return found


async def _measure(subjects: list[Subject], load: Process, rounds: int, seconds: float) -> dict[str, list[float]]:
    seen: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        for connections in CONNECTIONS:
            for subject in subjects:
                for kind in subject.kinds:
                    before = subject.cpu_s()
                    found = await load.ask(kind=kind, targets=subject.ports, connections=connections, seconds=seconds)
                    spent = subject.cpu_s() - before
                    name = f"{subject.name} {kind} x{connections}"
                    if found["errors"]:
                        raise SystemExit(f"{name}: {found['errors']} failed: {found['error']}")
                    seen[f"{name} rate"].append(found["done"] / found["seconds"])
                    seen[f"{name} cpu"].append(spent / found["done"] * 1e6)
                    seen[f"{name} p95"].append(found["p95_ms"])
    return seen


def _figures(subjects: list[Subject], seen: dict[str, list[float]]) -> list[Figure]:
    found = []
    for subject in subjects:
        for kind in subject.kinds:
            for connections in CONNECTIONS:
                name, floor = f"{subject.name} {kind} x{connections}", f"floor store x{connections}"
                for measure, unit in (("rate", "1/s"), ("cpu", "us"), ("p95", "ms")):
                    beside = kind == "store" and subject.name != "floor" and measure != "p95"
                    reference = median(seen[f"{floor} {measure}"]) if beside else None
                    found.append(Figure(f"{name} {measure}", median(seen[f"{name} {measure}"]), unit, reference))
    return found


async def main() -> None:
    """Measure and report."""
    options = parser("Stores and retrieves a second of a service node, beside their floor.")
    options.add_argument("--workers", default="0", help="settings to compare, as in 0,1,2 or auto")
    options.add_argument("--swarm", type=int, default=4, help="members of the swarm; 0 for none")
    options.add_argument("--rounds", type=int)
    options.add_argument("--seconds", type=float)
    chosen = options.parse_args()
    workers = [None if each == "auto" else int(each) for each in chosen.workers.split(",")]
    rounds, seconds = chosen.rounds or (1 if chosen.quick else 5), chosen.seconds or (1.0 if chosen.quick else 2.0)
    async with AsyncExitStack() as stack:
        load = await Process(str(_HERE / "_load.py")).start()
        stack.push_async_callback(load.stop)
        subjects = await _subjects(stack, load, workers, chosen.swarm)
        seen = await _measure(subjects, load, rounds, seconds)
    report(_figures(subjects, seen), as_json=chosen.json)


if __name__ == "__main__":
    asyncio.run(main())
