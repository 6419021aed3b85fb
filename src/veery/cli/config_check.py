"""Reading a settings file without starting anything."""

from __future__ import annotations

import tomllib
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from veery.cli.command import Exit
from veery.cli.console import Console
from veery.cli.text import count
from veery.errors import SettingsError
from veery.registry.network_file import NetworkFile
from veery.runtime.paths import read_bounded
from veery.runtime.settings import Loaded, keys_of, load

_FILE_MAX: Final = 1_000_000  # bytes


def check(options: Namespace, console: Console) -> int:
    """Check one file."""
    file = Path(options.file).expanduser()
    kind = options.kind or _kind_of(file)
    if kind == "network":
        NetworkFile.load(file)
        return _told(console, {"file": str(file), "kind": kind}, f"{file}: a good network file")
    loaded: Loaded[object] = load(_schema(kind), file=file)
    given = sorted(key for key, origin in loaded.origins.items() if origin != "default")
    said = f"{file}: good settings of a {kind}, {count(len(given), 'key')} set"
    return _told(console, {"file": str(file), "kind": kind, "keys": given}, said)


def _told(console: Console, fields: Mapping[str, Any], said: str) -> int:
    if console.as_json:
        console.record(fields)
    else:
        console.line(said)
    return Exit.DONE


def _schema(kind: str) -> type[object]:
    if kind == "node":
        from veery.cli.node_service import ROLE as NODE

        return NODE.schema
    from veery.cli.seed_service import ROLE as SEED

    return SEED.schema


def _kind_of(file: Path) -> str:
    """What a file is: by the table `network`, else by the schema that knows more of its keys."""
    content = _parsed(file)
    if isinstance(content.get("network"), dict):
        return "network"
    known = {kind: {key.path[0] for key in keys_of(_schema(kind))} for kind in ("node", "seed")}
    hits = {kind: len(names & set(content)) for kind, names in known.items()}
    if hits["node"] == hits["seed"]:
        raise SettingsError(
            f"{file} may be of a node or of a seed",
            kind="cli.config_kind",
            remedy="Say which with --kind node or --kind seed",
        )
    return max(hits, key=lambda kind: hits[kind])


def _parsed(file: Path) -> dict[str, Any]:
    """The tables of a file; empty if it is not TOML, which the loader then says better."""
    try:
        return tomllib.loads(read_bounded(file, _FILE_MAX).decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{file} is not TOML: {error}", kind="runtime.settings.syntax") from error
