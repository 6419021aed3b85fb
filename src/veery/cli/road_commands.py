"""How the account and its road stand."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from contextlib import suppress
from typing import Final

from veery.cli.command import Exit
from veery.cli.console import Console
from veery.cli.profiles import existing_profile
from veery.cli.questions import answer
from veery.cli.quick import ask, engine_runs
from veery.cli.shown import PATH_HEAD, Json, path_row
from veery.cli.text import count, duration

_BUILT_S: Final = 10.0  # how long to wait for paths
_LOOK_S: Final = 0.1


def path(options: Namespace, console: Console) -> int:
    """Show the paths, or build new ones."""
    with console.progress("Building paths"):
        state = None if options.new else _standing(options)
        state = state or _built(options, console)
    if console.as_json:
        console.record(state)
    elif state["paths"]:
        console.table(PATH_HEAD, [path_row(each) for each in state["paths"]])
    else:
        console.talk("There is no path now; `veery doctor` finds out why.")
    return Exit.DONE if state["paths"] else Exit.FAILED


def status(options: Namespace, console: Console) -> int:
    """Show how the account stands."""
    running = engine_runs(existing_profile(options))
    state = {**answer(options, console, "status"), "running": running}
    if console.as_json:
        console.record(state)
    else:
        console.fields(_status_pairs(state))
    return Exit.DONE


def _standing(options: Namespace) -> Json | None:
    """The paths of a running engine, if they are built."""
    found = ask(existing_profile(options), [("path", {})])
    if not found or not found[0]["paths"] or _under_way(found[0]):
        return None
    state: Json = found[0]
    return state


def _built(options: Namespace, console: Console) -> Json:
    """The paths once they are built, or after some time."""
    from veery.app.session import Session
    from veery.cli.engine import with_session

    async def work(session: Session) -> Json:
        state: Json = await session.call("path", new=options.new)
        if not state["paths"]:  # an engine that has just begun
            state = await session.call("path", new=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(_BUILT_S):
                while _under_way(state):
                    await asyncio.sleep(_LOOK_S)
                    state = await session.call("path")
        return state

    return with_session(options, console, work)


def _under_way(state: Json) -> bool:
    return any(each["state"] == "building" for each in state["paths"])


def _status_pairs(state: Json) -> list[tuple[str, str]]:
    road = state["road"]
    ready = sum(1 for each in road["paths"] if each["state"] == "ready")
    offset = road["clock_offset_ms"]
    return [
        ("Account ID", str(state["account_id"])),
        ("Name", str(state["name"])),
        ("Engine", "runs" if state["running"] else "does not run; it was opened for this command alone"),
        ("Unread", count(int(state["unread"]), "message")),
        ("Requests", str(state["requests"])),
        ("Not stored yet", count(int(state["waiting"]), "copy", "copies")),
        ("Network", f"{road['network']}, {count(int(road['pool']), 'node')} known, height {road['height']}"),
        ("Paths", f"{ready} ready"),
        ("Clock", "not compared yet" if offset is None else _offset_words(int(offset))),
        ("Proxy", str(road["proxy"] or "none")),
    ]


def _offset_words(offset_ms: int) -> str:
    if abs(offset_ms) < 1_000:
        return "agrees with the network"
    return f"{duration(abs(offset_ms) / 1_000)} {'behind' if offset_ms > 0 else 'ahead of'} the network; corrected for"


def doctor(options: Namespace, console: Console) -> int:
    """Walk the road step by step."""
    from veery.cli.walk import walk

    return walk(options, console)
