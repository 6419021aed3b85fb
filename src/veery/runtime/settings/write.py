"""Writing a settings file that explains itself."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from textwrap import wrap
from typing import TypeVar

import msgspec

from veery.errors import SettingsError
from veery.runtime.settings.schema import REQUIRED, Key, Table, table_of
from veery.secret import Secret

T = TypeVar("T")
_WIDTH = 100  # characters of a comment line


def write_commented_toml(schema: type[T], values: T | None = None, *, with_secrets: bool = False) -> str:
    """Give the text of a settings file: every key with its documentation, type and default.

    Keys at their default stand commented out, so that a later default applies. Keys that are unset or required stay
    commented out too. Secrets are written only `with_secrets`. Reading the text gives `values` again.
    """
    lines = [line for table in table_of(schema).walk() for line in _table_lines(table, values, with_secrets)]
    return "\n".join(lines).strip("\n") + "\n"


def _table_lines(table: Table, values: object, with_secrets: bool) -> Iterator[str]:
    if table.path:
        yield ""
        yield from _comment(table.doc)
        yield f"[{'.'.join(_key(part) for part in table.path)}]"
    for key in table.keys:
        yield ""
        yield from _comment(key.doc)
        yield from _comment(f"{key.expected[:1].upper()}{key.expected[1:]}. {_default_words(key)}")
        yield _key_line(key, _at(values, key), with_secrets)


def _key_line(key: Key, value: object, with_secrets: bool) -> str:
    if value is REQUIRED or value is None:
        return f"#{_key(key.path[-1])} ="
    if isinstance(value, Secret) and not with_secrets:
        return f"#{_key(key.path[-1])} = (set, not shown)"
    mark = "#" if _same(value, key.default) else ""
    return f"{mark}{_key(key.path[-1])} = {to_toml(value)}"


def _default_words(key: Key) -> str:
    if key.default is REQUIRED:
        return "Required"
    if key.default is None or isinstance(key.default, Secret):
        return "Unset by default" if key.default is None else "Set by default"
    return f"Default: {to_toml(key.default)}"


def _same(left: object, right: object) -> bool:
    if isinstance(left, Secret) or isinstance(right, Secret):
        return left is right
    return type(left) is type(right) and left == right


def _at(values: object, key: Key) -> object:
    if values is None:
        return key.default
    for part in key.path:
        values = getattr(values, part)
    return values


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)]


# -- values ----------------------------------------------------------------------------------------------------


def to_toml(value: object) -> str:
    """Write one value as TOML. Raises SettingsError for types that TOML has no form for."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return to_toml(value.value)
    if isinstance(value, Secret):
        return _text(value.reveal().decode())
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, str | Path):
        return _text(str(value))
    if isinstance(value, list | tuple):
        return "[" + ", ".join(to_toml(item) for item in value) + "]"
    if isinstance(value, set | frozenset):
        return "[" + ", ".join(sorted(to_toml(item) for item in value)) + "]"
    if isinstance(value, dict):
        items = [f"{_key(str(name))} = {to_toml(item)}" for name, item in value.items() if item is not None]
        return "{" + ", ".join(items) + "}"
    if isinstance(value, msgspec.Struct):
        return to_toml(msgspec.structs.asdict(value))
    if is_dataclass(value):
        return to_toml({field.name: getattr(value, field.name) for field in fields(value)})
    raise SettingsError(f"TOML has no form for {type(value).__name__}", kind="runtime.settings.schema")


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON's escapes are TOML's, but for DEL


def _key(name: str) -> str:
    plain = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if plain else _text(name)
