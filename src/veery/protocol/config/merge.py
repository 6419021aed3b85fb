"""The one deterministic rule by which all devices merge (07.6).

The result depends only on the set of messages, never on their order. Messages that another one contains, duplicates
and those `lag` or more behind are dropped. If several remain, their diffs, and those that they carry of earlier ones,
are replayed in ascending (seqno, hash) order upon the data of the highest, each with the values of the highest message
that carries it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from veery.protocol.config import sweeping
from veery.protocol.config.data import Data, pruned
from veery.protocol.config.diff import Diff, mutable_copy, replay
from veery.protocol.config.message import LaggedDiff, Message, window
from veery.protocol.constants import CONFIG_LAG


@dataclass(frozen=True, slots=True, repr=False)
class Winner:
    """One of the messages is the new state as it is. index: its first place in the input."""

    index: int


@dataclass(frozen=True, slots=True, repr=False)
class MergedState:
    """What a new message must hold: it has to be built, and pushed. whole: with what was swept away, see `sweeping`."""

    seqno: int
    data: Data
    rows: tuple[LaggedDiff, ...]
    whole: Data


def merge(messages: Sequence[Message], *, may_write: bool = True, lag: int = CONFIG_LAG) -> Winner | MergedState:
    """Merge one or more valid messages. may_write: False for who can verify messages but not sign them, 07.6.4."""
    left = _relevant(messages, lag)
    if len(left) == 1 or not may_write:
        return Winner(left[0])
    return _replayed([messages[index] for index in left], lag)


def _relevant(messages: Sequence[Message], lag: int) -> list[int]:
    """The indices of the messages that are not redundant, descending by (seqno, hash)."""
    highest = max(message.seqno for message in messages)
    contained = {row.place for message in messages for row in message.rows}
    first: dict[tuple[int, bytes], int] = {}
    for index, message in enumerate(messages):
        if message.place not in contained and message.seqno + lag > highest:
            first.setdefault(message.place, index)
    return [first[place] for place in sorted(first, reverse=True)]


def _replayed(messages: list[Message], lag: int) -> MergedState:
    changes: dict[tuple[int, bytes], tuple[Diff, Data]] = {}
    for message in messages:
        changes.setdefault(message.place, (message.diff, message.data))
        for row in message.rows:
            changes.setdefault(row.place, (row.diff, message.data))
    data = mutable_copy(messages[0].data)
    ordered = [changes[place] for place in sorted(changes)]
    for diff, source in ordered:
        replay(data, diff, source)
    seqno = messages[0].seqno + 1
    rows = (LaggedDiff(*place, diff) for place, (diff, _) in changes.items())
    kept = pruned(data)
    return MergedState(seqno, kept, window(rows, seqno, lag), sweeping.put_back(kept, ordered))
