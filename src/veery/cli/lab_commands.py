"""Parsing and printing around `veery.lab.command`, which does the work."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from veery.cli.command import Exit
from veery.cli.console import Console, coloured
from veery.cli.running import quiet_logs, run_coroutine
from veery.lab import command as lab
from veery.runtime.loop import run
from veery.runtime.paths import directories

_HEAD: Final = ("PART", "ADDRESS", "HTTPS", "QUEUE", "SWARM", "PROCESS", "KEY")


def up(options: Namespace, console: Console) -> int:
    """Run a lab."""
    rows: list[dict[str, Any]] = []

    def tell(fields: dict[str, Any]) -> None:
        if console.as_json:
            console.record(fields)
        elif "ready" not in fields:
            rows.append(fields)
        else:
            _table(console, rows)
            console.line(f"\nReady: {fields['seed_url']}, network file {fields['network_file']}")
            console.flush()

    quiet_logs(console)
    directory = _directory(options)
    if not console.as_json:
        console.talk(f"Starting the lab in {directory} …")
    work = lab.up(directory, options.nodes, processes=options.processes, host_per_node=options.host_per_node, tell=tell)
    run(work)  # it handles the signals itself
    return Exit.DONE


def status(options: Namespace, console: Console) -> int:
    """List the parts of a running lab."""
    rows = run_coroutine(console, lab.status(_directory(options)))
    if console.as_json:
        for row in rows:
            console.record(row)
    else:
        _table(console, rows)
    return Exit.DONE


def kill(options: Namespace, console: Console) -> int:
    """Stop a node hard."""
    run_coroutine(console, lab.kill(_directory(options), options.node))
    return _done(console, {"node": options.node, "running": False}, f"Node {options.node} is stopped.")


def restart(options: Namespace, console: Console) -> int:
    """Start a node again."""
    with console.progress(f"Starting node {options.node}"):
        row = run_coroutine(console, lab.restart(_directory(options), options.node))
    return _done(console, row, f"Node {options.node} runs again.")


def down(options: Namespace, console: Console) -> int:
    """End a lab."""
    run_coroutine(console, lab.down(_directory(options)))
    return _done(console, {"running": False}, "The lab ends.")


def demo(options: Namespace, console: Console) -> int:
    """Two accounts talk."""

    def say(text: str) -> None:
        if console.as_json:
            console.talk(text)
        else:
            console.line(text)
            console.flush()

    arrived = run_coroutine(console, lab.demo(stay=not options.exit, colour=coloured(console.out), say=say))
    if console.as_json:
        console.record({"arrived": arrived})
    return Exit.DONE if arrived else Exit.FAILED


def _directory(options: Namespace) -> Path:
    return Path(options.dir).expanduser().absolute() if options.dir else directories().data / "lab"


def _table(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    console.table(_HEAD, [_cells(row) for row in rows])


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    name = f"node {row['name']}" if row["role"] == "node" else str(row["name"])
    if not row["running"]:
        return (name, "stopped", "", "", "", "", "")
    values = ("address", "https_port", "queue_port", "swarm", "pid", "ed25519")
    return (name, *("" if row.get(value) is None else str(row[value]) for value in values))


def _done(console: Console, fields: Mapping[str, Any], said: str) -> int:
    if console.as_json:
        console.record(fields)
    else:
        console.talk(said)
    return Exit.DONE
