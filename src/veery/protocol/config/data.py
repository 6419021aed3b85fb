"""Application data: what a configuration message holds, as immutable values (07.2).

A value is an integer (signed, 64 bits), a byte string, a set of both, or a dict. Sets are frozensets; dicts are never
changed in place: every edit gives a new dict that shares what it did not touch, so that whoever holds the old data
can compare. Empty sets and dicts do not exist below the top: an edit that empties one removes it, and its parents if
they become empty as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from veery.protocol import bt
from veery.protocol.config.errors import ConfigMalformed, ConfigMisuse
from veery.protocol.constants import CONFIG_DEPTH_MAX

Scalar: TypeAlias = int | bytes
ScalarSet: TypeAlias = frozenset[Scalar]
Value: TypeAlias = "int | bytes | ScalarSet | Mapping[bytes, Value]"
Data: TypeAlias = Mapping[bytes, Value]
Path: TypeAlias = tuple[bytes, ...]

EMPTY: Final[Data] = {}
INTEGER_MIN: Final = -(2**63)
INTEGER_MAX: Final = 2**63 - 1


# -- reading ---------------------------------------------------------------------------------------------------


def check_ascending(keys: Iterable[bytes]) -> None:
    """Check that dict keys stand in byte order, which the generic reader of bt-encoding leaves open.

    Raises ConfigMalformed: `config.order`.
    """
    last: bytes | None = None
    for key in keys:
        if last is not None and key <= last:
            raise ConfigMalformed("keys are not in ascending order", kind="config.order")
        last = key


def read_scalars(items: list[bt.Value]) -> ScalarSet:
    """Read the members of a set: integers in numeric order, then strings in byte order, each once.

    Raises ConfigMalformed: `config.set`, `config.integer`.
    """
    last: tuple[bool, Scalar] | None = None
    found: set[Scalar] = set()
    for item in items:
        if not isinstance(item, int | bytes):
            raise ConfigMalformed("a set holds only integers and strings", kind="config.set")
        place = (isinstance(item, bytes), _integer(item))
        # the first parts decide between kinds, so integers and strings are never compared
        if last is not None and not last < place:
            raise ConfigMalformed("the members of a set are not in order", kind="config.set")
        last = place
        found.add(item)
    return frozenset(found)


def _integer(value: Scalar) -> Scalar:
    if isinstance(value, int) and not INTEGER_MIN <= value <= INTEGER_MAX:
        raise ConfigMalformed("an integer has more than 63 bits", kind="config.integer")
    return value


def read(value: bt.Value) -> Data:
    """Application data of a decoded bt value, 07.13.

    Raises ConfigMalformed: `config.type`, `.order`, `.empty`, `.set`, `.integer`, `.depth`.
    """
    if not isinstance(value, dict):
        raise ConfigMalformed("application data must be a dict", kind="config.type")
    return _read_dict(value, 1)


def _read_dict(found: dict[bytes, bt.Value], depth: int) -> Data:
    check_ascending(found)
    return {key: _read_value(item, depth + 1) for key, item in found.items()}


def _read_value(value: bt.Value, depth: int) -> Value:
    if isinstance(value, int | bytes):
        return _integer(value)
    if not value:
        raise ConfigMalformed("application data holds an empty set or dict", kind="config.empty")
    if depth > CONFIG_DEPTH_MAX:
        raise ConfigMalformed("application data nests too deep", kind="config.depth")
    return read_scalars(value) if isinstance(value, list) else _read_dict(value, depth)


# -- writing ---------------------------------------------------------------------------------------------------


def sorted_scalars(members: Iterable[Scalar]) -> list[Scalar]:
    """The members of a set in the order in which they are written: integers, then strings."""
    held = list(members)
    numbers = sorted(item for item in held if isinstance(item, int))
    strings = sorted(item for item in held if isinstance(item, bytes))
    return [*numbers, *strings]


def encodable(value: Value) -> bt.Encodable:
    """The bt value of application data."""
    if isinstance(value, Mapping):
        return {key: encodable(item) for key, item in value.items()}
    return sorted_scalars(value) if isinstance(value, frozenset) else value


def check(value: Value, depth: int = 1) -> None:
    """Check that a message can hold the value, so that every device can read what this one writes.

    Raises ConfigMisuse: `config.misuse.integer`, `.depth`.
    """
    if isinstance(value, int):
        if not INTEGER_MIN <= value <= INTEGER_MAX:
            raise ConfigMisuse("an integer has more than 63 bits", kind="config.misuse.integer")
    elif not isinstance(value, bytes):
        if depth > CONFIG_DEPTH_MAX:
            raise ConfigMisuse(f"application data nests at most {CONFIG_DEPTH_MAX} deep", kind="config.misuse.depth")
        for item in value.values() if isinstance(value, Mapping) else value:
            check(item, depth + 1)


def pruned(data: Data) -> Data:
    """The data without empty sets and dicts, depth first, 07.2."""
    kept: dict[bytes, Value] = {}
    for key, value in data.items():
        rest = pruned(value) if isinstance(value, Mapping) else value
        if isinstance(rest, int | bytes) or rest:
            kept[key] = rest
    return kept


# -- looking and editing ---------------------------------------------------------------------------------------


def get(data: Data, path: Path) -> Value | None:
    """The value at a path, or None."""
    found: Value = data
    for key in path:
        if not isinstance(found, Mapping):
            return None
        inner = found.get(key)
        if inner is None:
            return None
        found = inner
    return found


def get_dict(data: Data, path: Path) -> Data:
    """The dict at a path; empty if there is none, or something else."""
    found = get(data, path)
    return found if isinstance(found, Mapping) else EMPTY


def edited(data: Data, path: Path, edits: Mapping[bytes, Value | None]) -> Data:
    """The data with some keys of the dict at a path set, or removed by None; all other keys stay as they are.

    What is missing on the way is made; what becomes empty is removed.
    """
    if not path:
        changed: dict[bytes, Value] = dict(data)
        for key, value in edits.items():
            if value is None or (isinstance(value, frozenset | Mapping) and not value):
                changed.pop(key, None)
            else:
                changed[key] = value
        return changed
    return edited(data, (), {path[0]: edited(get_dict(data, path[:1]), path[1:], edits)})


def put(data: Data, path: Path, value: Value | None) -> Data:
    """The data with one value set, or removed by None."""
    return edited(data, path[:-1], {path[-1]: value})


def changed_keys(before: Data, after: Data) -> frozenset[bytes]:
    """The keys whose values differ between two dicts: for example the contacts that a merge has changed."""
    return frozenset(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
