"""Diffs: what one message changed, not the new values (07.4), and their replay in a merge (07.6).

A diff mirrors the data. `""` says that a scalar was set, `"-"` that it was removed; a pair of lists holds the members
that a set gained and lost; a dict goes on below. Here they are `SCALAR_SET`, `SCALAR_REMOVED`, `SetDiff` and a mapping.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from veery.protocol import bt
from veery.protocol.config.data import (
    EMPTY,
    Data,
    ScalarSet,
    Value,
    check_ascending,
    read_scalars,
    sorted_scalars,
)
from veery.protocol.config.errors import ConfigMalformed
from veery.protocol.constants import CONFIG_DEPTH_MAX


@dataclass(frozen=True, slots=True)
class SetDiff:
    """Members that a set gained and lost; either may be empty."""

    added: ScalarSet
    removed: ScalarSet


DiffValue: TypeAlias = "bytes | SetDiff | Mapping[bytes, DiffValue]"
Diff: TypeAlias = Mapping[bytes, DiffValue]

SCALAR_SET: Final = b""
SCALAR_REMOVED: Final = b"-"
NOTHING: Final[Diff] = {}
_NONE: Final[ScalarSet] = frozenset()


class _Kind(Enum):
    SCALAR = "scalar"  # an integer or a string
    SET = "set"
    DICT = "dict"


def _kind(value: Value | DiffValue) -> _Kind:
    if isinstance(value, Mapping):
        return _Kind.DICT
    return _Kind.SET if isinstance(value, frozenset | SetDiff) else _Kind.SCALAR


# -- making ----------------------------------------------------------------------------------------------------


def between(old: Data, new: Data) -> Diff:
    """The diff that leads from one pruned data dict to another; empty if they are equal, 07.4."""
    found: dict[bytes, DiffValue] = {}
    for key in old.keys() | new.keys():
        before, after = old.get(key), new.get(key)
        if before == after:  # of most entries: not worth a walk
            continue
        change = _change(before, after)
        if change is not None:
            found[key] = change
    return found


def _change(old: Value | None, new: Value | None) -> DiffValue | None:
    if new is None:
        return None if old is None else _removal(old)
    if old is None or _kind(old) is not _kind(new):
        return _addition(new)
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return between(old, new) or None
    if isinstance(old, frozenset) and isinstance(new, frozenset):
        return None if old == new else SetDiff(new - old, old - new)
    return None if old == new else SCALAR_SET


def _removal(old: Value) -> DiffValue:
    if isinstance(old, Mapping):
        return between(old, EMPTY)
    return SetDiff(_NONE, old) if isinstance(old, frozenset) else SCALAR_REMOVED


def _addition(new: Value) -> DiffValue:
    if isinstance(new, Mapping):
        return between(EMPTY, new)
    return SetDiff(new, _NONE) if isinstance(new, frozenset) else SCALAR_SET


# -- bytes -----------------------------------------------------------------------------------------------------


def read(value: bt.Value) -> Diff:
    """The diff of a decoded bt value.

    Raises ConfigMalformed: `config.diff`, `.order`, `.set`, `.integer`, `.depth`.
    """
    if not isinstance(value, dict):
        raise ConfigMalformed("a diff must be a dict", kind="config.diff")
    return _read_dict(value, 1)


def _read_dict(found: dict[bytes, bt.Value], depth: int) -> Diff:
    if depth > CONFIG_DEPTH_MAX:
        raise ConfigMalformed("a diff nests too deep", kind="config.depth")
    check_ascending(found)
    return {key: _read_value(item, depth + 1) for key, item in found.items()}


def _read_value(value: bt.Value, depth: int) -> DiffValue:
    if isinstance(value, dict):
        return _read_dict(value, depth)
    if isinstance(value, bytes):
        if value not in (SCALAR_SET, SCALAR_REMOVED):
            raise ConfigMalformed("a diff holds an unknown mark", kind="config.diff")
        return value
    if isinstance(value, list) and len(value) == 2:
        added, removed = value
        if isinstance(added, list) and isinstance(removed, list):
            return SetDiff(read_scalars(added), read_scalars(removed))
    raise ConfigMalformed("a diff holds what is neither a mark, a pair of sets nor a dict", kind="config.diff")


def encodable(diff: Diff) -> dict[bytes, bt.Encodable]:
    """The bt value of a diff."""
    return {key: _encodable(change) for key, change in diff.items()}


def _encodable(change: DiffValue) -> bt.Encodable:
    if isinstance(change, SetDiff):
        return [sorted_scalars(change.added), sorted_scalars(change.removed)]
    return change if isinstance(change, bytes) else encodable(change)


# -- replaying -------------------------------------------------------------------------------------------------


def replay(data: MutableMapping[bytes, Value], diff: Diff, source: Data) -> None:
    """Apply a diff to data in place, taking the values from the data of the message that carries it, 07.6.

    Every dict in `data` must be the caller's own. What has vanished from `source`, or changed its kind there, is
    removed; a later diff sets it again if need be.
    """
    for key, change in diff.items():
        value = source.get(key)
        if value is None or _kind(value) is not _kind(change):
            data.pop(key, None)
        elif isinstance(change, SetDiff):
            held = data.get(key)
            data[key] = ((held if isinstance(held, frozenset) else _NONE) | change.added) - change.removed
        elif isinstance(value, Mapping) and isinstance(change, Mapping):
            inner = data.get(key)
            if not isinstance(inner, MutableMapping):
                inner = data[key] = {}
            replay(inner, change, value)
        elif change == SCALAR_SET:
            data[key] = value
        else:
            data.pop(key, None)


def mutable_copy(data: Data) -> dict[bytes, Value]:
    """A copy whose dicts are all new, for `replay`."""
    return {key: mutable_copy(value) if isinstance(value, Mapping) else value for key, value in data.items()}
