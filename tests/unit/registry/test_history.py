"""The history: what follows, what does not, and that everybody comes to the same swarms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.unit.registry.world import NETWORK, NOW, Chronicle, key_of, proof_of, signer
from veery.protocol import bt
from veery.protocol.constants import NO_SWARM
from veery.protocol.swarm.assignment import assign, assignment_of
from veery.registry.entries import (
    Dropped,
    Entry,
    EntryMalformed,
    Event,
    Founded,
    Joined,
    Left,
    Moved,
    decode_entry,
    encode_core,
    seal_entry,
)
from veery.registry.history import History
from veery.registry.membership import HistoryBroken
from veery.registry.node_state import StateMalformed, decode_state, state_hash


def swarms_of(history: History) -> dict[bytes, int]:
    return {key: member.node.swarm_id for key, member in history.members.items()}


def test_a_new_network_is_empty_and_its_height_grows_with_time() -> None:
    history = Chronicle().history
    snapshot = history.snapshot(NOW)
    assert (snapshot.height, snapshot.nodes, snapshot.network, snapshot.hardfork) == (0, (), NETWORK, (19, 4))
    assert history.height_at(NOW + 10_500) == 10
    assert history.height_at(NOW - 10_500) == 0
    assert len(history) == 1


def test_swarms_are_those_of_the_rule_seeded_by_the_block() -> None:
    chronicle = Chronicle()
    entry = chronicle.join(*range(1, 15))
    expected = assignment_of(assign([(key_of(n), NO_SWARM) for n in range(1, 15)], entry.block_hash))
    assert swarms_of(chronicle.history) == expected
    assert len(set(expected.values())) == 2


def test_replaying_gives_the_same_state() -> None:
    chronicle = Chronicle()
    chronicle.join(*range(1, 12))
    chronicle.now_ms += 3_700
    chronicle.write([Dropped(key_of(3)), Left(key_of(4))])
    chronicle.join(20, 21)
    chronicle.write([Moved(proof_of(5, chronicle.now_ms, port=999))])
    again = History.replay([decode_entry(entry.encoded) for entry in chronicle.entries()])
    assert again.state == chronicle.history.state
    assert again.snapshot(chronicle.now_ms) == chronicle.history.snapshot(chronicle.now_ms)
    assert [entry.height for entry in chronicle.entries()] == [0, 1, 3, 4, 5]
    state = decode_state(again.state)
    assert (state.network, state.genesis) == (NETWORK, chronicle.entries()[0].block_hash)
    assert state.nodes == again.snapshot(chronicle.now_ms).nodes


def test_moving_leaves_the_swarms_alone() -> None:
    chronicle = Chronicle()
    chronicle.join(*range(1, 15))
    before = swarms_of(chronicle.history)
    chronicle.now_ms += 1
    chronicle.write([Moved(proof_of(1, chronicle.now_ms, ip="10.0.0.9"))])
    assert swarms_of(chronicle.history) == before
    assert chronicle.history.members[key_of(1)].node.ip == "10.0.0.9"


def test_dropped_nodes_keep_their_place_and_can_come_back() -> None:
    chronicle = Chronicle()
    chronicle.join(1, 2)
    chronicle.write([Dropped(key_of(1))])
    snapshot = chronicle.history.snapshot(NOW)
    assert [node.active for node in snapshot.nodes].count(True) == 1
    chronicle.now_ms += 1_000
    chronicle.join(1)
    assert all(member.node.active for member in chronicle.history.members.values())
    chronicle.write([Left(key_of(1)), Dropped(key_of(2))])
    assert list(chronicle.history.members) == [key_of(2)]
    assert chronicle.history.snapshot(NOW).active == ()


@pytest.mark.parametrize(
    "events",
    [
        [Joined(proof_of(1, NOW + 1))],
        [Moved(proof_of(9, NOW + 1))],
        [Moved(proof_of(1, NOW))],
        [Dropped(key_of(9))],
        [Left(key_of(9))],
        [Dropped(key_of(1)), Dropped(key_of(1))],
        [Dropped(key_of(1)), Left(key_of(1))],
        [Joined(proof_of(9, NOW, network="other"))],
        [Joined(proof_of(9, NOW - 901_000))],
        [Joined(proof_of(9, NOW + 61_000))],
        [Founded(NETWORK, key_of(0), 1_000, (19, 4))],
    ],
)
def test_events_that_cannot_follow(events: list[Event]) -> None:
    chronicle = Chronicle()
    chronicle.join(1, 2)
    length = len(chronicle.history)
    with pytest.raises(HistoryBroken) as broken:
        chronicle.write(events)
    assert broken.value.kind == "registry.history.event"
    # A writer that seals such an entry all the same is not followed either.
    head = chronicle.history.head
    core = encode_core(head.height + 1, head.block_hash, NOW, events)
    with pytest.raises(HistoryBroken):
        chronicle.history.append(seal_entry(core, head.height + 1, head.seal.state_hash, signer(0)))
    assert len(chronicle.history) == length


def resealed(entry: Entry, **changes: object) -> Entry:
    """An entry with other fields, sealed again by the writer."""
    state = changes.pop("state_hash", entry.seal.state_hash)
    assert isinstance(state, bytes)
    other = replace(entry, **changes)  # type: ignore[arg-type]
    core = encode_core(other.height, other.previous, other.time_ms, other.events)
    return seal_entry(core, other.height, state, signer(0))


def unsigned(entry: Entry) -> Entry:
    core, state, _ = bt.decode_list(entry.encoded)
    return decode_entry(bt.encode([core, state, bytes(64)]))


def of_a_stranger(entry: Entry) -> Entry:
    core = encode_core(entry.height, entry.previous, entry.time_ms, entry.events)
    return seal_entry(core, entry.height, entry.seal.state_hash, signer(66))


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda entry: resealed(entry, previous=bytes(32)), "chain"),
        (lambda entry: resealed(entry, height=entry.height + 1), "height"),
        (lambda entry: resealed(entry, height=0), "height"),
        (lambda entry: resealed(entry, time_ms=entry.time_ms + 60_000), "height"),
        (lambda entry: resealed(entry, state_hash=bytes(32)), "state"),
        (unsigned, "signature"),
        (of_a_stranger, "signature"),
    ],
)
def test_entries_that_do_not_follow(change: Callable[[Entry], Entry], kind: str) -> None:
    chronicle = Chronicle()
    chronicle.join(1, 2, 3)
    proposed = chronicle.history.propose([Dropped(key_of(1))], NOW, signer(0))
    state = chronicle.history.state
    with pytest.raises(HistoryBroken) as broken:
        chronicle.history.append(change(proposed))
    assert broken.value.kind == f"registry.history.{kind}"
    assert chronicle.history.state == state
    assert chronicle.history.after(proposed.block_hash) is None
    chronicle.history.append(proposed)


def test_a_page_is_taken_whole_or_not_at_all() -> None:
    chronicle = Chronicle()
    chronicle.join(1)
    chronicle.join(2)
    first, second, third = chronicle.entries()
    follower = History.replay([first])
    with pytest.raises(HistoryBroken):
        follower.extend([second, unsigned(third)])
    assert (len(follower), follower.head) == (1, first)
    follower.extend([second, third])
    assert follower.state == chronicle.history.state


def test_nothing_is_taken_when_the_disk_fails() -> None:
    chronicle = Chronicle()
    chronicle.join(1)
    first, second = chronicle.entries()
    follower = History.replay([first])

    def full() -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        follower.extend([second], commit=full)
    assert follower.head == first
    assert follower.members == {}


def test_where_a_history_begins() -> None:
    chronicle = Chronicle()
    chronicle.join(1)
    first, second = chronicle.entries()
    for entries in ([], [second], [second, first]):
        with pytest.raises(HistoryBroken) as broken:
            History.replay(entries)
        assert broken.value.kind == "registry.history.begin"
    with pytest.raises(HistoryBroken):
        History.replay([unsigned(first)])


def test_entries_behind_a_block() -> None:
    chronicle = Chronicle()
    chronicle.join(1)
    first, second = chronicle.entries()
    assert chronicle.history.after(first.block_hash) == [second]
    assert chronicle.history.after(second.block_hash) == []
    assert chronicle.history.after(bytes(32)) is None


@pytest.mark.parametrize(
    "core",
    [
        {"e": [["join", b"x"]], "h": 1, "p": bytes(32), "t": 1},
        {"e": [["dance"]], "h": 1, "p": bytes(32), "t": 1},
        {"e": [["drop", bytes(31)]], "h": 1, "p": bytes(32), "t": 1},
        {"e": [], "h": 1, "p": bytes(32), "t": 1},
        {"e": [["drop", bytes(32)]], "h": -1, "p": bytes(32), "t": 1},
        {"e": [["drop", bytes(32)]], "h": 1, "p": bytes(31), "t": 1},
        {"e": [["drop", bytes(32)]], "h": 1, "p": bytes(32), "t": 0},
        {"e": [["drop", bytes(32)]], "h": 1, "p": bytes(32)},
        {"e": [["drop", bytes(32)]], "h": 1, "p": bytes(32), "t": 1, "z": 1},
        {"e": [["found", "", bytes(32), 1, [1, 1]]], "h": 0, "p": bytes(32), "t": 1},
        {"e": [["found", "n", bytes(32), 0, [1, 1]]], "h": 0, "p": bytes(32), "t": 1},
        [],
    ],
)
def test_malformed_entries(core: bt.Encodable) -> None:
    with pytest.raises(EntryMalformed):
        decode_entry(bt.encode([bt.encode(core), bytes(32), bytes(64)]))


def test_a_clock_that_was_put_back_does_not_stop_the_writer() -> None:
    chronicle = Chronicle()
    chronicle.join(1)
    chronicle.now_ms -= 3_600_000
    entry = chronicle.join(2)
    assert entry.height == chronicle.entries()[1].height + 1
    assert History.replay(chronicle.entries()).state == chronicle.history.state


def test_states_that_are_not_canonical() -> None:
    chronicle = Chronicle()
    chronicle.join(1, 2)
    fields = bt.decode_dict(chronicle.history.state)
    nodes = fields[b"x"]
    assert isinstance(nodes, list)
    first = nodes[0]
    assert isinstance(first, dict)
    for changed in (
        fields | {b"x": nodes[::-1]},
        fields | {b"x": [first, first]},
        fields | {b"x": [first | {b"e": b"short"}]},
        fields | {b"x": [first | {b"p": 70_000}]},
        fields | {b"x": [first | {b"s": -1}]},
        fields | {b"x": [first | {b"f": 2}]},
        fields | {b"x": [first | {b"i": b"\xff\xff\xff\xff"}]},
        fields | {b"x": [5]},
        fields | {b"g": b""},
        fields | {b"n": b"\xff"},
        {},
    ):
        with pytest.raises(StateMalformed):
            decode_state(bt.encode(changed))
    assert state_hash(chronicle.history.state) == chronicle.history.head.seal.state_hash
