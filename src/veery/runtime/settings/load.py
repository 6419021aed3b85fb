"""Merging the layers of settings, with a memory of where each value came from."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import msgspec

from veery.errors import SettingsError
from veery.runtime.paths import HOME_VARIABLE, read_bounded
from veery.runtime.settings.positions import key_lines
from veery.runtime.settings.schema import REQUIRED, Key, KeyPath, Table, is_list, is_table, table_of
from veery.secret import Secret

T = TypeVar("T")
FILE_MAX: Final = 1_000_000  # bytes of a settings file
NOT_SETTINGS: Final = (HOME_VARIABLE, "VEERY_VECTORS")  # variables that other parts of Veery read by themselves


@dataclass(frozen=True, slots=True)
class Loaded(Generic[T]):
    """Settings, and for each dotted key where its value came from (`default` if from nowhere)."""

    values: T
    origins: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Given:
    value: object
    origin: str
    spelled: bool = False  # a text that stands for a value: a variable, or a flag that was not parsed


_Layer = dict[KeyPath, _Given]


def load(
    schema: type[T],
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
    prefix: str = "VEERY_",
    not_settings: Collection[str] = NOT_SETTINGS,
) -> Loaded[T]:
    """Merge defaults < `file` < `environment` < `flags` into an instance of `schema`.

    file: a TOML file that must exist; None for no file. environment: only variables that begin with `prefix` are
    looked at, except those in `not_settings`; a list is written as `a,b` or as a TOML array, a table as a TOML inline
    table, and an empty text unsets a key that may be unset. flags: dotted key to value; None means not given.
    Raises SettingsError for unknown keys, values of a wrong type, and keys without a value.
    """
    table = table_of(schema)
    keys = {key.path: key for part in table.walk() for key in part.keys}
    given: _Layer = {}
    if file is not None:
        given |= _from_file(file, table, keys)
    given |= _from_environment(environment or {}, prefix, not_settings, keys)
    given |= _from_flags(flags or {}, keys)
    values = _built(table, given)
    origins = {key.name: given[path].origin if path in given else "default" for path, key in keys.items()}
    return Loaded(values, origins)


# -- the layers ------------------------------------------------------------------------------------------------


def _from_file(file: Path, table: Table, keys: Mapping[KeyPath, Key]) -> _Layer:
    try:
        text = read_bounded(file, FILE_MAX).decode()
        content = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} is not UTF-8 text", kind="runtime.settings.syntax") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        where = re.search(r"at (line \d+, column \d+|end of document)", str(error))
        place = f", {where[1]}" if where else ""
        raise SettingsError(
            f"{file}{place}: this is not TOML", kind="runtime.settings.syntax", remedy="Correct the file"
        ) from error
    lines = key_lines(text)
    return dict(_flat(content, table, keys, lambda path: _line_of(path, lines, file)))


def _line_of(path: KeyPath, lines: Mapping[KeyPath, int], file: Path) -> str:
    for length in range(len(path), 0, -1):  # a key of an inline table stands on the line of the table
        if path[:length] in lines:
            return f"line {lines[path[:length]]} of {file}"
    return str(file)


def _flat(
    content: Mapping[str, object], table: Table, keys: Mapping[KeyPath, Key], origin: Callable[[KeyPath], str]
) -> Iterator[tuple[KeyPath, _Given]]:
    below = {part.path: part for part in table.tables}
    for name, value in content.items():
        path = (*table.path, name)
        if path in below:
            if not isinstance(value, dict):
                raise SettingsError(
                    f"`{'.'.join(path)}` must be a table; {origin(path)} gives {_kind(value)}",
                    kind="runtime.settings.type",
                )
            yield from _flat(value, below[path], keys, origin)
        elif path in keys:
            yield path, _Given(value, origin(path))
        else:
            places = [".".join(known) for known in (*keys, *below)]
            raise _unknown(f"key `{'.'.join(path)}`", origin(path), ".".join(path), places)


def _from_environment(
    environment: Mapping[str, str], prefix: str, not_settings: Collection[str], keys: Mapping[KeyPath, Key]
) -> _Layer:
    known: dict[str, KeyPath] = {}
    for path, key in keys.items():
        if known.setdefault(key.variable(prefix), path) != path:
            raise SettingsError(f"Two keys share the variable {key.variable(prefix)}", kind="runtime.settings.schema")
    layer: _Layer = {}
    for name, text in environment.items():
        if not name.startswith(prefix) or name in not_settings:
            continue
        if name not in known:
            raise _unknown("setting", f"the variable {name}", name, known)
        layer[known[name]] = _Given(text, f"the variable {name}", spelled=True)
    return layer


def _from_flags(flags: Mapping[str, object], keys: Mapping[KeyPath, Key]) -> _Layer:
    layer: _Layer = {}
    names = {key.name: key for key in keys.values()}
    for name, value in flags.items():
        if value is None:
            continue
        if name not in names:
            raise _unknown(f"key `{name}`", "a flag", name, names)
        layer[names[name].path] = _Given(value, f"the flag {names[name].flag}", spelled=isinstance(value, str))
    return layer


def _unknown(what: str, origin: str, name: str, known: Iterable[str]) -> SettingsError:
    choices = list(known)
    near = [choice for choice in choices if choice.rpartition(".")[2] == name.rpartition(".")[2]]
    near += [choice for choice in get_close_matches(name, choices, n=3, cutoff=0.6) if choice not in near]
    remedy = "Did you mean " + " or ".join(f"`{choice}`" for choice in near[:3]) + "?" if near else "Remove it"
    return SettingsError(f"Unknown {what} in {origin}", kind="runtime.settings.unknown", remedy=remedy)


# -- from merged values to an instance -------------------------------------------------------------------------


def _built(table: Table, given: _Layer) -> Any:
    fields: dict[str, object] = {key.path[-1]: _value(key, given.get(key.path)) for key in table.keys}
    for part in table.tables:
        fields[part.path[-1]] = _built(part, given)
    try:
        return table.schema(**fields)
    except ValueError as error:  # from a __post_init__ that compares several keys
        where = f"The table `{'.'.join(table.path)}`" if table.path else "The settings"
        raise SettingsError(f"{where}: {error}") from error


def _value(key: Key, given: _Given | None) -> object:
    if given is None:
        if key.default is REQUIRED:
            raise SettingsError(
                f"`{key.name}` has no value and no default",
                kind="runtime.settings.missing",
                remedy=f"Set it to {key.expected}",
            )
        return key.default
    try:
        value = _read_spelled(key, str(given.value)) if given.spelled else given.value
        return msgspec.convert(value, key.annotation, strict=not given.spelled, dec_hook=_decode)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        # The value itself is not named: it may be a secret that was put in the wrong place.
        got = "other text" if given.spelled else _kind(given.value) if "got" in str(error) else "another value"
        raise SettingsError(
            f"`{key.name}` must be {key.expected}; {given.origin} gives {got}", kind="runtime.settings.type"
        ) from error


def _read_spelled(key: Key, text: str) -> object:
    if key.optional and not text:
        return None
    if (is_list(key.kind) and text.lstrip().startswith("[")) or (is_table(key.kind) and text.lstrip().startswith("{")):
        return tomllib.loads(f"value = {text}")["value"]
    if is_list(key.kind):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _decode(wanted: type, value: object) -> object:
    if not isinstance(value, str):
        raise TypeError(f"Expected `str`, got `{type(value).__name__}`")
    if wanted is Path:
        try:
            return Path(value).expanduser()
        except RuntimeError as error:  # `~name` of a user that does not exist
            raise ValueError("no such home directory") from error
    if wanted is Secret:
        return Secret(value.encode())
    raise NotImplementedError(f"settings of type {wanted.__name__} are not known")


def _kind(value: object) -> str:
    words = {bool: "true or false", int: "an integer", float: "a number", str: "text", list: "a list", dict: "a table"}
    return words.get(type(value), "another kind of value")
