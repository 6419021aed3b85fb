"""Random application data, messages and objects of configuration sync."""

from __future__ import annotations

from hypothesis import strategies as st

from veery.protocol.account import Account
from veery.protocol.config.data import INTEGER_MAX, INTEGER_MIN, Data, ScalarSet, Value
from veery.protocol.config.message import EMPTY, Message
from veery.protocol.config.state import draft_after

ACCOUNT = Account.from_seed(bytes(range(16)))
NOW_MS = 1_795_600_000_000

KEYS = st.binary(min_size=1, max_size=2) | st.sampled_from([b"a", b"b", b"c"])
INTEGERS = st.integers(-4, 4) | st.integers(INTEGER_MIN, INTEGER_MAX)
SCALARS: st.SearchStrategy[int | bytes] = INTEGERS | st.binary(max_size=3)
SETS: st.SearchStrategy[ScalarSet] = st.frozensets(SCALARS, min_size=1, max_size=4)
VALUES: st.SearchStrategy[Value] = st.recursive(
    SCALARS | SETS,
    lambda inner: st.dictionaries(KEYS, inner, min_size=1, max_size=3),
    max_leaves=8,
)
DATA: st.SearchStrategy[Data] = st.dictionaries(KEYS, VALUES, max_size=4)


@st.composite
def message_after(draw: st.DrawFn, before: Message) -> Message:
    """A message that follows another by one change."""
    return draft_after(before, draw(DATA)).finished(None)


@st.composite
def trees(draw: st.DrawFn, *, size: int = 6) -> list[Message]:
    """Messages that several devices might have written: each follows the empty message or one of the others."""
    held: list[Message] = []
    for _ in range(draw(st.integers(1, size))):
        before = draw(st.sampled_from([EMPTY, *held[-3:]]))
        held.append(draw(message_after(before)))
    return held
