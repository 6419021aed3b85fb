"""Merging: the result depends on the set of messages alone, and loses nothing that the rules keep (07.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from tests.property.config.strategies import ACCOUNT, DATA, INTEGERS, NOW_MS, trees
from veery.protocol import crypto
from veery.protocol.config import CONTACTS, AccountSealer, ConfigObject, Phase, merge, message
from veery.protocol.config import data as config_data
from veery.protocol.config import diff as config_diff
from veery.protocol.config.data import Data, ScalarSet
from veery.protocol.config.message import EMPTY, Message
from veery.protocol.config.state import draft_after

SEALER = AccountSealer(ACCOUNT)
NAMES = [b"a", b"b", b"c", b"d"]
PLACES = [(name,) for name in NAMES] + [(b"in", name) for name in NAMES]
MEMBERS: st.SearchStrategy[ScalarSet] = st.frozensets(st.sampled_from([1, 2, 3, b"x", b"y"]), max_size=4)


def result(messages: list[Message]) -> Message:
    outcome = merge.merge(messages)
    if isinstance(outcome, merge.Winner):
        return messages[outcome.index]
    return message.build(outcome.seqno, outcome.data, outcome.rows, config_diff.NOTHING)


@given(trees(), st.data())
def test_order_does_not_matter(held: list[Message], data: st.DataObject) -> None:
    found = result(held)
    shuffled = data.draw(st.permutations(held))
    assert result([*shuffled, data.draw(st.sampled_from(held))]).raw == found.raw
    assert message.parse(found.raw) == found


@given(trees())
def test_a_merge_contains_what_was_merged(held: list[Message]) -> None:
    found = result(held)
    assert result([found, *held]).raw == found.raw


@given(trees(size=8))
def test_the_result_is_no_older_than_its_messages(held: list[Message]) -> None:
    found = result(held)
    highest = max(each.seqno for each in held)
    assert found.seqno in (highest, highest + 1)
    if found.seqno == highest:
        assert any(each.raw == found.raw for each in held)


# -- nothing is lost -------------------------------------------------------------------------------------------


@dataclass
class Edit:
    """What one device did: scalars set (or removed by None), and members of the set at `set`."""

    scalars: Mapping[tuple[bytes, ...], int | None]
    members: ScalarSet

    def applied(self, data: Data) -> Data:
        for path, value in self.scalars.items():
            data = config_data.put(data, path, value)
        return config_data.put(data, (b"set",), self.members)


EDITS = st.builds(Edit, st.dictionaries(st.sampled_from(PLACES), st.none() | INTEGERS, max_size=5), MEMBERS)


CHAINS = st.lists(st.lists(EDITS, min_size=1, max_size=3), min_size=2, max_size=4)


def chain(base: Message, edits: list[Edit]) -> list[Message]:
    """A message and what one device made of it, step by step."""
    held = [base]
    for edit in edits:
        held.append(draft_after(held[-1], edit.applied(held[-1].data)).finished(None))
    return held


@given(EDITS, CHAINS, st.data())
def test_concurrent_changes_combine(first: Edit, chains: list[list[Edit]], data: st.DataObject) -> None:
    # a dict that one message empties is gone with all that others put there (07.6), so these are never empty
    lasting = config_data.put({b"base": 1}, (b"in", b"lasting"), 1)
    base = draft_after(EMPTY, first.applied(lasting)).finished(None)
    devices = [chain(base, edits) for edits in chains]
    found = result(data.draw(st.permutations([messages[-1] for messages in devices]))).data
    for path in PLACES:
        histories = [[config_data.get(each.data, path) for each in messages] for messages in devices]
        wanted = [history[-1] for history in histories if any(value != history[0] for value in history)]
        assert config_data.get(found, path) in (wanted or [histories[0][0]])
    if all(len(edits) == 1 for edits in chains):
        _check_members(base.data, [edits[0] for edits in chains], found)


def _check_members(before: Data, edits: list[Edit], found: Data) -> None:
    held, kept = before.get(b"set", frozenset()), found.get(b"set", frozenset())
    assert isinstance(held, frozenset)
    assert isinstance(kept, frozenset)
    emptied = any(not edit.members for edit in edits)
    for member in frozenset().union(held, *(edit.members for edit in edits)):
        here = [member in edit.members for edit in edits]
        if all(here):
            assert member in kept
        elif not any(here):
            assert member not in kept
        elif member not in held and not emptied:
            assert member in kept  # added by some, removed by nobody
        elif member in held and not emptied:
            assert member not in kept  # removed by some, added by nobody


# -- whole devices ---------------------------------------------------------------------------------------------


def storage_hash(stored: bytes) -> str:
    return crypto.blake2b(8, stored).hex()


@dataclass
class Swarm:
    """What a swarm does with configurations: it stores, lists and deletes."""

    held: dict[str, bytes] = field(default_factory=dict)

    def exchange(self, device: ConfigObject, *, answered: bool = True) -> None:
        """Store what a device has to push, then delete what it calls obsolete; the answer may get lost."""
        push = device.push(NOW_MS)
        names = [storage_hash(stored) for stored in push.stored]
        assert not set(names) & set(push.obsolete), "a device deletes what it stores"
        self.held.update(zip(names, push.stored, strict=True))
        for name in push.obsolete:
            self.held.pop(name, None)
        if answered:
            device.confirm(push.seqno, names)


STEPS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["edit", "poll", "push", "lost", "restart"]), EDITS), max_size=25
)


@given(st.integers(2, 4), STEPS, st.data())
def test_devices_converge(count: int, steps: list[tuple[int, str, Edit]], data: st.DataObject) -> None:
    swarm = Swarm()
    devices = [ConfigObject(CONTACTS, SEALER) for _ in range(count)]
    for number, verb, edit in steps:
        device = devices[number % count]
        if verb == "edit":
            device.change(edit.applied(device.data))
        elif verb == "poll":
            fetched = data.draw(st.permutations(sorted(swarm.held.items())))
            assert not device.merge(fetched, NOW_MS).refused
        elif verb == "restart":
            devices[number % count] = ConfigObject(CONTACTS, SEALER, saved=device.dump())
        elif device.needs_push:
            swarm.exchange(device, answered=verb == "push")
    for _ in range(6):
        for device in devices:
            device.merge(sorted(swarm.held.items()), NOW_MS)
            if device.needs_push or device.obsolete_hashes:
                swarm.exchange(device)
    assert len({device.message().raw for device in devices}) == 1
    assert {device.phase for device in devices} == {Phase.CLEAN}
    if devices[0].seqno:
        assert len(swarm.held) == 1
        assert all(device.current_hashes == swarm.held.keys() for device in devices)


@given(DATA, DATA)
def test_two_devices_that_merge_at_once_store_one_message(left: Data, right: Data) -> None:
    one, two = ConfigObject(CONTACTS, SEALER), ConfigObject(CONTACTS, SEALER)
    swarm = Swarm()
    for device, held in ((one, left), (two, right)):
        device.change(held)
        swarm.exchange(device)
    fetched = sorted(swarm.held.items())
    one.merge(fetched, NOW_MS)
    two.merge(fetched[::-1], NOW_MS)
    assert one.push(NOW_MS).stored == two.push(NOW_MS).stored
