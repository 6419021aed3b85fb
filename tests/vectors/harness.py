"""The vector harness: finds every `*.json` in the folders of VEERY_VECTORS and gives each case to its topic.

A topic is a function `check(inputs, expected)` that asserts, registered under the file's `topic` by `@topic("…")` in a
module of `tests/vectors/topics/`. The harness knows no case by name or number.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

Case = Mapping[str, Any]
Check = Callable[[Case, Case], None]

_TOPICS: dict[str, Check] = {}
HERE = Path(__file__).parent


@dataclass(frozen=True)
class VectorCase:
    """One case of one file."""

    topic: str
    name: str
    inputs: Case
    expected: Case


def topic(*names: str) -> Callable[[Check], Check]:
    """Register the check of one or several topics."""

    def register(check: Check) -> Check:
        for name in names:
            if name in _TOPICS:
                raise ValueError(f"the topic {name} has two checks")
            _TOPICS[name] = check
        return check

    return register


def topics() -> Mapping[str, Check]:
    """Every registered topic."""
    package = import_module("tests.vectors.topics")
    for module in iter_modules(package.__path__):
        import_module(f"tests.vectors.topics.{module.name}")
    return _TOPICS


def folders() -> list[Path]:
    """The folders named in VEERY_VECTORS, and the project's own frozen cases."""
    named = [Path(part) for part in os.environ.get("VEERY_VECTORS", "").split(":") if part]
    missing = [str(folder) for folder in named if not folder.is_dir()]
    if missing:
        raise FileNotFoundError(f"VEERY_VECTORS names folders that do not exist: {', '.join(missing)}")
    return [*named, HERE / "frozen"]


def cases() -> Iterator[VectorCase]:
    """Every case of every file, in the order of the files."""
    for folder in folders():
        for file in sorted(folder.glob("*.json")):
            content = json.loads(file.read_text(encoding="utf-8"))
            for case in content["cases"]:
                yield VectorCase(content["topic"], case["name"], case["in"], case["out"])
