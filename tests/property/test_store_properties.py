"""The store under any order of events: paging, fetching twice, sealing, acknowledging."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from tests.unit.store.samples import ALICE, BOB, ME, NOW, memory, received, sent, with_conversation
from veery.errors import Malformed
from veery.protocol.account import AccountId
from veery.protocol.constants import DAY_MS
from veery.store.inbox import FetchedBatch, FetchedItem, Undecoded
from veery.store.message_values import AFTER_ALL, DeliveryState, Position
from veery.store.outbox import CopyRole, CopyState, NewCopy
from veery.store.tables import Tables

AUTHORS = (ALICE, BOB, ME)
arrivals = st.lists(st.tuples(st.sampled_from(AUTHORS), st.integers(0, 12)), max_size=40)
positions = st.none() | st.builds(
    Position, st.integers(NOW - 1, NOW + 13), st.integers(0, 40) | st.sampled_from([0, AFTER_ALL])
)


def filled(messages: list[tuple[AccountId, int]]) -> Tables:
    tables = with_conversation(Tables(memory(), Path("nowhere")), ALICE, BOB)
    for author, at in messages:
        tables.messages.insert(replace(received(NOW + at), author=author))
    tables.messages.insert(received(NOW + 5, author=BOB))
    return tables


@given(arrivals, st.integers(1, 7), st.booleans())
def test_pages_together_are_the_conversation_in_order(
    messages: list[tuple[AccountId, int]], limit: int, newest_first: bool
) -> None:
    tables = filled(messages)
    found: list[Position] = []
    edge: Position | None = None
    while True:
        bounds = {"before" if newest_first else "after": edge}
        page = tables.messages.page(ALICE.hex, limit, newest_first=newest_first, **bounds)
        assert len(page) <= limit
        found += [each.position for each in page]
        if len(page) < limit:
            break
        edge = page[-1].position
    assert found == sorted(found, reverse=newest_first)
    assert len(found) == len(set(messages))
    assert sorted(each.timestamp_ms for each in found) == sorted(NOW + at for _, at in set(messages))


@given(arrivals, positions, positions, st.integers(1, 50), st.booleans())
def test_a_page_is_the_near_end_of_what_lies_between(
    messages: list[tuple[AccountId, int]],
    after: Position | None,
    before: Position | None,
    limit: int,
    newest_first: bool,
) -> None:
    tables = filled(messages)
    everything = [each.position for each in tables.messages.page(ALICE.hex, 100, newest_first=newest_first)]
    low, high = after or Position(-1), before or Position(2**62)
    expected = [each for each in everything if low < each < high][:limit]
    page = tables.messages.page(ALICE.hex, limit, after=after, before=before, newest_first=newest_first)
    assert [each.position for each in page] == expected


@given(arrivals, st.lists(st.integers(NOW - 1, NOW + 13), max_size=4))
def test_unread_is_what_lies_above_the_highest_mark(messages: list[tuple[AccountId, int]], marks: list[int]) -> None:
    tables = with_conversation(Tables(memory(), Path("nowhere")), ALICE)
    half = len(messages) // 2
    newly: list[int] = []
    for part, until in ((messages[:half], marks[:2]), (messages[half:], marks[2:])):
        for author, at in part:
            tables.messages.insert(replace(received(NOW + at), author=author))
        for mark in until:
            newly += [each.id for each in tables.reading.mark_read(ALICE.hex, mark)]
    held = tables.conversations.get(ALICE.hex)
    assert held is not None
    assert held.last_read_ms == max([0, *marks])
    assert held.unread == len({(author, at) for author, at in messages if NOW + at > max([0, *marks])})
    assert len(newly) == len(set(newly))


# -- fetching --------------------------------------------------------------------------------------------------

batches = st.lists(
    st.tuples(st.sampled_from([b"a" * 32, b"b" * 32, b"c" * 32]), st.lists(st.integers(0, 15), max_size=8)), max_size=8
)


class _Killed(Exception):
    """Stands for the end of the process."""


def _fetched(node: bytes, numbers: list[int]) -> FetchedBatch:
    items = tuple(FetchedItem(f"h{number}", b"%d" % number, NOW + number, NOW + DAY_MS) for number in numbers)
    return FetchedBatch(node, ME, 0, items, items[-1].hash if items else None)


def _apply(tables: Tables, item: FetchedItem) -> Undecoded | None:
    number = int(item.data)
    if number % 5 == 3:
        return Undecoded("unknown_version")
    tables.messages.insert(received(item.timestamp_ms, str(number)))
    tables.events.append("message", {"number": number}, NOW)
    if number % 5 == 4:
        raise Malformed("refused")
    return None


def _state(tables: Tables) -> tuple[list[str], list[object], list[bytes]]:
    messages = [each.body for each in tables.messages.page(ALICE.hex, 100)]
    events = [event.payload["number"] for event in tables.events.after(0, 100).events]
    return messages, events, [each.item.data for each in tables.inbox.kept(100)]


@given(batches)
def test_fetching_anything_twice_is_fetching_it_once(fetched: list[tuple[bytes, list[int]]]) -> None:
    once, twice = (with_conversation(Tables(memory(), Path("nowhere")), ALICE) for _ in range(2))
    for node, numbers in fetched:
        batch = _fetched(node, numbers)
        first = once.inbox.record_fetched(batch, lambda item: _apply(once, item), NOW)
        for _ in range(2):
            again = twice.inbox.record_fetched(batch, lambda item: _apply(twice, item), NOW)
        assert (again.applied, again.undecoded, again.refused, again.repeated) == ((), (), (), len(numbers))
        seen = len(first.applied) + len(first.undecoded) + len(first.refused) + first.repeated
        assert seen == len(numbers)
        assert once.inbox.last_hash(node, ME, 0) == twice.inbox.last_hash(node, ME, 0)
    assert _state(once) == _state(twice)
    handled = {number for _, numbers in fetched for number in numbers}
    assert sorted(_state(once)[0]) == sorted(str(number) for number in handled if number % 5 < 3)
    assert all(once.inbox.is_seen(f"h{number}") for number in handled)


@given(batches, st.data())
def test_a_kill_in_a_batch_neither_loses_nor_doubles(
    fetched: list[tuple[bytes, list[int]]], data: st.DataObject
) -> None:
    connection = memory()
    plain = with_conversation(Tables(memory(), Path("nowhere")), ALICE)
    killed = with_conversation(Tables(connection, Path("nowhere")), ALICE)
    for node, numbers in fetched:
        batch = _fetched(node, numbers)
        plain.inbox.record_fetched(batch, lambda item: _apply(plain, item), NOW)
        left = data.draw(st.integers(0, len(numbers)))

        def until_killed(item: FetchedItem) -> Undecoded | None:
            nonlocal left
            left -= 1
            if left < 0:
                raise _Killed
            return _apply(killed, item)

        connection.execute("BEGIN")
        try:
            killed.inbox.record_fetched(batch, until_killed, NOW)
        except _Killed:
            pass
        connection.execute("ROLLBACK")
        connection.execute("BEGIN")
        killed.inbox.record_fetched(batch, lambda item: _apply(killed, item), NOW)
        connection.execute("COMMIT")
    assert _state(plain) == _state(killed)


# -- sending ---------------------------------------------------------------------------------------------------


class Sending(RuleBasedStateMachine):
    """Own messages with their mirrors, in any order of sealing, storing, failing and reviving."""

    copies = Bundle("copies")

    def __init__(self) -> None:
        super().__init__()
        self.tables = with_conversation(Tables(memory(), Path("nowhere")), ALICE)
        self.sealed: dict[int, bytes] = {}
        self.mirror_of: dict[int, int] = {}
        self.number = 0

    @rule(target=copies)
    def queue(self) -> int:
        self.number += 1
        pair = [
            NewCopy(role, account, 0, NOW + self.number, DAY_MS, b"content")
            for role, account in ((CopyRole.RECIPIENT, ALICE), (CopyRole.SYNC, ME))
        ]
        found = self.tables.deliveries.queue(sent(NOW + self.number), pair, NOW)
        assert found is not None
        recipient, mirror = found.copies
        self.mirror_of[mirror] = recipient
        return recipient

    @rule(target=copies, recipient=copies)
    def mirror(self, recipient: int) -> int:
        return next((mirror for mirror, of in self.mirror_of.items() if of == recipient), recipient)

    @rule(copy=copies)
    def seal(self, copy: int) -> None:
        if self.tables.outbox.get(copy) is None:
            return
        offered = b"sealed %d" % len(self.sealed)
        row = self.tables.deliveries.seal(copy, offered, offered.decode(), "v1", NOW)
        assert row.sealed == self.sealed.setdefault(copy, offered)

    @rule(copy=copies)
    def stored(self, copy: int) -> None:
        self.tables.deliveries.stored(copy, 3, 5)
        assert self.tables.outbox.get(copy) is None

    @rule(copy=copies)
    def fail(self, copy: int) -> None:
        self.tables.deliveries.fail(copy, "network.unreachable")

    @rule(copy=copies)
    def revive(self, copy: int) -> None:
        if self.tables.outbox.get(copy) is not None:
            self.tables.deliveries.revive(copy, NOW)

    @invariant()
    def a_mirror_is_never_due_before_its_original_is_stored(self) -> None:
        for each in self.tables.outbox.due(NOW, 1_000):
            original = self.mirror_of.get(each.id)
            assert original is None or self.tables.outbox.get(original) is None

    @invariant()
    def message_and_copies_agree(self) -> None:
        for message in self.tables.messages.page(ALICE.hex, 1_000):
            roles = {copy.role: copy for copy in self.tables.outbox.of(message.id)}
            gone = CopyRole.RECIPIENT not in roles
            state = message.delivery.state
            assert gone == (state is DeliveryState.STORED)
            given_up = not gone and roles[CopyRole.RECIPIENT].state is CopyState.FAILED
            assert given_up == (state is DeliveryState.FAILED)
            if state is DeliveryState.SEALED:
                assert roles[CopyRole.RECIPIENT].sealed == self.sealed[roles[CopyRole.RECIPIENT].id]
            if state is DeliveryState.QUEUED:
                assert roles[CopyRole.RECIPIENT].sealed is None


TestSending = Sending.TestCase


# -- events ----------------------------------------------------------------------------------------------------

steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.just(""), st.just(0)),
        st.tuples(st.just("ack"), st.sampled_from("ab"), st.integers(0, 30)),
        st.tuples(st.just("trim"), st.just(""), st.integers(0, 30)),
        st.tuples(st.just("forget"), st.sampled_from("ab"), st.just(0)),
    ),
    max_size=40,
)


@given(steps)
def test_events_are_kept_until_all_have_acknowledged_them(actions: list[tuple[str, str, int]]) -> None:
    events = Tables(memory(), Path("nowhere")).events
    kept: list[int] = []
    acknowledged: dict[str, int] = {}
    last = 0
    for action, name, number in actions:
        if action == "append":
            last = events.append("tick", {}, NOW + last + 1)
            kept.append(last)
        elif action == "ack":
            acknowledged[name] = max(acknowledged.get(name, 0), min(number, last))
            assert events.acknowledge(name, number, NOW) == acknowledged[name]
        elif action == "forget":
            acknowledged.pop(name, None)
            events.forget_consumer(name)
        else:
            limit = min(acknowledged.values(), default=2**62)
            events.trim(NOW + number)
            kept = [seq for seq in kept if seq > limit or seq >= number]
        assert [event.seq for event in events.after(0, 1_000).events] == kept
        assert events.consumers() == acknowledged
