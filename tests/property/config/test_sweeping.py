"""What a merge sweeps away with an emptied dict is put back, the same by whoever merges, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from veery.protocol.config import diff as config_diff
from veery.protocol.config import message as messages
from veery.protocol.config.data import Data, Value, get_dict, put
from veery.protocol.config.merge import MergedState, merge
from veery.protocol.config.message import LaggedDiff, Message

ids = st.integers(0, 5).map(lambda number: bytes([65 + number]) * 3)
values = st.dictionaries(st.sampled_from([b"n", b"a", b"b"]), st.integers(1, 3), min_size=1, max_size=3)
changes = st.lists(st.tuples(ids, st.none() | values), max_size=4)


def data_of(entries: Mapping[bytes, Data]) -> Data:
    held: dict[bytes, Value] = {key: value for key, value in entries.items() if value}
    return {b"c": held} if held else {}


def after(base: Message, edits: list[tuple[bytes, dict[bytes, int] | None]]) -> Message:
    data = base.data
    for id_, value in edits:
        data = put(data, (b"c", id_), None if value is None else {**value})
    rows = (*base.rows, LaggedDiff(base.seqno, base.hash, base.diff))
    return messages.build(base.seqno + 1, data, rows, config_diff.between(base.data, data))


@given(st.dictionaries(ids, values, max_size=3), st.lists(changes, min_size=2, max_size=4))
def test_nothing_is_lost_that_one_added_and_none_removed(
    start: dict[bytes, dict[bytes, int]], edits: list[list[tuple[bytes, dict[bytes, int] | None]]]
) -> None:
    held = data_of({key: {**value} for key, value in start.items()})
    base = messages.build(1, held, (), config_diff.between({}, held))
    found = [after(base, each) for each in edits]
    merged = merge(found)
    if not isinstance(merged, MergedState):
        return
    again = merge(found[::-1])
    assert isinstance(again, MergedState)
    assert merged.whole == again.whole
    whole, plain = get_dict(merged.whole, (b"c",)), get_dict(merged.data, (b"c",))
    before = get_dict(base.data, (b"c",))
    for message in found:
        added = {id_ for id_ in get_dict(message.data, (b"c",)) if id_ not in before}
        assert added <= whole.keys()
    # entries that were there before the merge come out just as the rules say
    assert {key: whole.get(key) for key in before} == {key: plain.get(key) for key in before}
    assert all(whole[key] == value for key, value in plain.items())


def test_the_last_contact_goes_and_a_new_one_stays() -> None:
    base = messages.build(1, data_of({b"old": {b"n": 1}}), (), {})
    swept = 0
    for number in range(1, 9):
        ones = [after(base, [(b"old", None)]), after(base, [(b"new", {b"n": number})])]
        merged = merge(ones)
        assert isinstance(merged, MergedState)
        swept += not merged.data
        assert merged.whole == data_of({b"new": {b"n": number}})
    assert swept  # by the rules alone it depends on the hashes


def test_a_room_of_a_server_is_put_back() -> None:
    key: Value = b"k" * 32
    held: Data = {b"o": {b"http://x.org": {b"#": key, b"R": {b"one": {b"n": b"one"}}}}}
    base = messages.build(1, held, (), {})
    rows = (LaggedDiff(1, base.hash, {}),)
    for number in range(8):
        more = put(held, (b"o", b"http://x.org", b"R", b"two"), {b"n": b"two", b"+": number + 1})
        left = messages.build(2, {}, rows, config_diff.between(held, {}))
        added = messages.build(2, more, rows, config_diff.between(held, more))
        merged = merge([left, added])
        assert isinstance(merged, MergedState)
        rooms = get_dict(merged.whole, (b"o", b"http://x.org", b"R"))
        assert b"two" in rooms
        assert b"one" not in rooms
        if not merged.data:
            assert get_dict(merged.whole, (b"o", b"http://x.org"))[b"#"] == key
