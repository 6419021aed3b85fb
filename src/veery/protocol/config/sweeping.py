"""What a merge by 07.6 sweeps away that nobody has removed, and putting it back.

A dict that is empty does not exist. So when one device removes the last entry of a dict, the dict is gone from its
message, and by the first rule of `apply` its diff then deletes the whole dict: also entries that other devices have
added meanwhile, and of which it says nothing. The merge has to come out so, for every device computes it. But a device
that merges may change the result at once, like any other: it puts back what some diff has added and none has removed.
Who merges the same messages puts back the same, and so writes the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from veery.protocol.config.data import Data, Value
from veery.protocol.config.diff import SCALAR_REMOVED, Diff, DiffValue, SetDiff

Changes: TypeAlias = Sequence[
    tuple[Diff, Data]
]  # diffs in the order of their replay, with the values they were taken from
_Inner: TypeAlias = "list[tuple[Diff, Value | None]]"


def put_back(data: Data, changes: Changes) -> Data:
    """The data of a merge with what it has swept away; the same object when that is nothing."""
    if not any(_sweeps(diff, source) for diff, source in changes):
        return data
    return _put_back(data, list(changes)) or data


def _sweeps(diff: Diff, source: Data) -> bool:
    """Whether a diff names entries of a dict that its message does not have."""
    for key, change in diff.items():
        if not isinstance(change, Mapping):
            continue
        held = source.get(key)
        if isinstance(held, Mapping):
            if _sweeps(change, held):
                return True
        elif any(isinstance(inner, Mapping) for inner in change.values()):
            return True
    return False


def _put_back(held: Data, changes: Sequence[tuple[Diff, Value | None]]) -> Data | None:
    """The dict with what is missing in it, None when that is nothing."""
    found: dict[bytes, Value] = {}
    for key, inner in _by_key(changes).items():
        value = held.get(key)
        if isinstance(value, Mapping):
            more = _put_back(value, inner)
        elif value is None:
            more = _missing(inner)
        else:
            more = None
        if more:
            found[key] = more
    return {**held, **found} if found else None


def _by_key(changes: Sequence[tuple[Diff, Value | None]]) -> dict[bytes, _Inner]:
    """The changes inside each dict."""
    found: dict[bytes, _Inner] = {}
    for diff, source in changes:
        for key, change in diff.items():
            if isinstance(change, Mapping):
                value = source.get(key) if isinstance(source, Mapping) else None
                found.setdefault(key, []).append((change, value))
    return found


def _missing(inner: _Inner) -> Data | None:
    """A whole dict if nobody has removed anything in it, else the dicts in it that are left, with what is beside."""
    values = [value for diff, value in inner if isinstance(value, Mapping) and diff]
    if not any(_removes(diff) for diff, _ in inner):
        return values[-1] if values else None
    more = _put_back({}, inner)
    if more is None:
        return None
    holders = [value for value in values if more.keys() <= value.keys()]
    beside = holders[-1] if holders else {}
    return {**{key: value for key, value in beside.items() if not isinstance(value, Mapping)}, **more}


def _removes(change: DiffValue) -> bool:
    """Whether anything is removed anywhere inside."""
    if isinstance(change, Mapping):
        return any(map(_removes, change.values()))
    return _is_removal(change)


def _is_removal(change: DiffValue) -> bool:
    return bool(change.removed) if isinstance(change, SetDiff) else change == SCALAR_REMOVED
