"""The walk of `veery doctor`: this machine first, then the engine's steps along the road."""

from __future__ import annotations

import platform
import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from veery import __version__
from veery.app.session import Session
from veery.cli.command import Exit
from veery.cli.console import Console
from veery.cli.engine import with_session
from veery.cli.shown import step_line


def walk(options: Namespace, console: Console) -> int:
    """Print every step as it ends; FAILED at the first that does not hold."""
    _show(console, _versions())

    async def work(session: Session) -> bool:
        good = True
        _show(console, {"name": "database", "ok": True, "detail": "the profile opens", "remedy": ""})
        async for step in session.stream("doctor"):
            _show(console, step)
            good = good and bool(step["ok"])
        return good

    return Exit.DONE if with_session(options, console, work) else Exit.FAILED


def _versions() -> dict[str, Any]:
    system = f"{platform.system()} {platform.machine()}"
    detail = f"Veery {__version__}, Python {'.'.join(map(str, sys.version_info[:3]))}, {system}"
    return {"name": "versions", "ok": True, "detail": detail, "remedy": ""}


def _show(console: Console, step: Mapping[str, Any]) -> None:
    if console.as_json:
        console.record(step)
        return
    console.line(step_line(step))
    console.flush()
    if not step["ok"] and step.get("remedy"):
        console.talk(f"      {step['remedy']}.")
