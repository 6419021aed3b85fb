"""What a schema says: its keys and tables, their types, defaults and documentation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final, get_type_hints

import msgspec
from msgspec import inspect

from veery.errors import SettingsError
from veery.secret import Secret


class _Required(Enum):
    REQUIRED = "required"  # the key has no default


REQUIRED: Final = _Required.REQUIRED
KeyPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Key:
    """One setting: its place, type, documentation and default (`REQUIRED` if there is none)."""

    path: KeyPath
    annotation: Any
    kind: inspect.Type
    doc: str
    default: object

    @property
    def name(self) -> str:
        """The dotted name, as in `listen.port`."""
        return ".".join(self.path)

    @property
    def flag(self) -> str:
        """The name of the flag, as in `--listen-port`."""
        return "--" + "-".join(self.path).replace("_", "-")

    @property
    def expected(self) -> str:
        """What the value must be, in words."""
        return describe(self.kind)

    @property
    def optional(self) -> bool:
        """Whether the key may be unset."""
        return isinstance(self.kind, inspect.UnionType) and self.kind.includes_none

    def variable(self, prefix: str) -> str:
        """The name of the environment variable, as in `VEERY_LISTEN_PORT`."""
        return prefix + "_".join(self.path).upper()


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the schema: its place, class, documentation, keys and sub-tables."""

    path: KeyPath
    schema: type
    doc: str
    keys: tuple[Key, ...]
    tables: tuple[Table, ...]

    def walk(self) -> Iterator[Table]:
        """This table and all below, in the order of the schema."""
        yield self
        for table in self.tables:
            yield from table.walk()


def keys_of(schema: type) -> tuple[Key, ...]:
    """Every key of a schema, in the order of a settings file."""
    return tuple(key for table in table_of(schema).walk() for key in table.keys)


def table_of(schema: type) -> Table:
    """Read a schema. Raises SettingsError (`runtime.settings.schema`) if it could not be written as a TOML file."""
    kind = inspect.type_info(schema)
    if not isinstance(kind, inspect.StructType | inspect.DataclassType):
        raise _schema_error(f"{schema!r} is neither a msgspec Struct nor a dataclass")
    return _table((), kind, "", REQUIRED)


def _table(path: KeyPath, kind: inspect.StructType | inspect.DataclassType, doc: str, default: object) -> Table:
    hints = get_type_hints(kind.cls, include_extras=True)
    keys: list[Key] = []
    tables: list[Table] = []
    for field in kind.fields:
        if field.encode_name != field.name:
            raise _schema_error(f"the field {field.name} of {kind.cls.__name__} has a second name")
        inner, text = _unwrapped(field.type)
        place, value = (*path, field.name), _default(field, default)
        if isinstance(inner, inspect.StructType | inspect.DataclassType):
            tables.append(_table(place, inner, text, value))
            continue
        key = Key(place, hints[field.name], inner, text, value)
        if key.optional and value not in (None, REQUIRED):
            raise _schema_error(f"`{key.name}` may be unset, but is set by default; TOML cannot say so")
        keys.append(key)
    return Table(path, kind.cls, doc, tuple(keys), tuple(tables))


def _default(field: inspect.Field, owner: object) -> object:
    if owner is not REQUIRED:
        return getattr(owner, field.name)
    if field.default is not msgspec.NODEFAULT:
        return field.default
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return REQUIRED


def _unwrapped(kind: inspect.Type) -> tuple[inspect.Type, str]:
    if isinstance(kind, inspect.Metadata):
        extra: dict[str, Any] = kind.extra_json_schema or {}
        return kind.type, str(extra.get("description", ""))
    return kind, ""


def _schema_error(message: str) -> SettingsError:
    return SettingsError(message, kind="runtime.settings.schema")


# -- types in words --------------------------------------------------------------------------------------------

_PLAIN: Final[dict[type[inspect.Type], str]] = {
    inspect.BoolType: "true or false",
    inspect.DictType: "a table",
    inspect.StructType: "a table",
    inspect.DataclassType: "a table",
    inspect.AnyType: "any value",
}
_LISTS: Final = (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)


def describe(kind: inspect.Type) -> str:
    """Say in words what values a type takes."""
    kind, _ = _unwrapped(kind)
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return ("an integer" if isinstance(kind, inspect.IntType) else "a number") + _range(kind)
    if isinstance(kind, inspect.StrType):
        return "text" + _length(kind)
    if isinstance(kind, _LISTS):
        return f"a list (each item: {describe(kind.item_type)})"
    if isinstance(kind, inspect.LiteralType):
        return _one_of(kind.values)
    if isinstance(kind, inspect.EnumType):
        return _one_of(tuple(member.value for member in kind.cls))
    if isinstance(kind, inspect.UnionType):
        return " or ".join(describe(member) for member in kind.types if not isinstance(member, inspect.NoneType))
    if isinstance(kind, inspect.CustomType):
        return {Path: "a path", Secret: "text (secret)"}.get(kind.cls, kind.cls.__name__)
    return _PLAIN.get(type(kind), type(kind).__name__.removesuffix("Type").lower())


def is_list(kind: inspect.Type) -> bool:
    """Whether values of this type are written as a TOML array."""
    kind, _ = _unwrapped(kind)
    if isinstance(kind, inspect.UnionType):
        return any(is_list(member) for member in kind.types)
    return isinstance(kind, (*_LISTS, inspect.TupleType))


def is_table(kind: inspect.Type) -> bool:
    """Whether values of this type are written as an inline table."""
    kind, _ = _unwrapped(kind)
    if isinstance(kind, inspect.UnionType):
        return any(is_table(member) for member in kind.types)
    return isinstance(kind, inspect.DictType | inspect.StructType | inspect.DataclassType)


def _one_of(values: tuple[object, ...]) -> str:
    return "one of " + ", ".join(f'"{value}"' if isinstance(value, str) else str(value) for value in values)


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    low, high = kind.ge, kind.le
    if low is not None and high is not None:
        return f" from {low} to {high}"
    bounds = {"at least": low, "at most": high, "above": kind.gt, "below": kind.lt}
    said = [f"{word} {bound}" for word, bound in bounds.items() if bound is not None]
    return " " + " and ".join(said) if said else ""


def _length(kind: inspect.StrType) -> str:
    said = []
    if kind.min_length:
        said.append(f"at least {kind.min_length}")
    if kind.max_length is not None:
        said.append(f"at most {kind.max_length}")
    words = f" of {' and '.join(said)} characters" if said else ""
    return words + (f" like {kind.pattern}" if kind.pattern else "")
