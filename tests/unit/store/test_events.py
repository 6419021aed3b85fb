"""Durable events: numbers, cursors, acknowledgements, trimming."""

from __future__ import annotations

import pytest

from tests.unit.store.samples import ALICE, NOW, received, with_conversation
from veery.store.events import GONE, EventNotJson
from veery.store.message_values import Deleted
from veery.store.tables import Tables


def fill(tables: Tables, count: int) -> None:
    for number in range(count):
        tables.events.append("tick", {"number": number}, NOW + number)


def numbers(tables: Tables, cursor: int = 0, limit: int = 100) -> list[int]:
    return [event.seq for event in tables.events.after(cursor, limit).events]


def test_events_are_numbered_from_one_and_come_back_whole(tables: Tables) -> None:
    payload = {"text": "häßlich \x00 \U0001f600", "n": 2**62, "list": [1, None, True], "deep": {"a": 1.5}}
    assert tables.events.append("first", payload, NOW) == 1
    assert tables.events.append("second", {}, NOW + 1) == 2
    first, second = tables.events.after(0, 10).events
    assert (first.seq, first.kind, first.payload, first.created_ms) == (1, "first", payload, NOW)
    assert second.payload == {}
    assert tables.events.last() == 2


def test_reading_goes_on_after_a_cursor(tables: Tables) -> None:
    fill(tables, 5)
    page = tables.events.after(1, 2)
    assert [event.seq for event in page.events] == [2, 3]
    assert page.more
    assert not page.missed
    page = tables.events.after(3, 2)
    assert [event.seq for event in page.events] == [4, 5]
    assert not page.more
    assert tables.events.after(5, 2).events == ()
    assert tables.events.after(2**80, 2).events == ()
    assert not tables.events.after(2**80, 2).missed
    assert not tables.events.after(-(2**80), 2).missed
    assert numbers(tables, -(2**80)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", object(), "half \ud800", {1, 2}])
def test_what_is_not_json_is_refused(tables: Tables, value: object) -> None:
    with pytest.raises(EventNotJson):
        tables.events.append("bad", {"value": value}, NOW)
    assert tables.events.last() == 0


def test_payloads_do_not_print(tables: Tables) -> None:
    tables.events.append("message", {"body": "very private"}, NOW)
    assert "private" not in repr(tables.events.after(0, 1))


def test_acknowledgements_only_move_forward_and_not_beyond_the_end(tables: Tables) -> None:
    fill(tables, 5)
    assert tables.events.acknowledged("bot") == 0
    assert tables.events.acknowledge("bot", 3, NOW) == 3
    assert tables.events.acknowledge("bot", 2, NOW) == 3
    assert tables.events.acknowledge("bot", 99, NOW) == 5
    assert tables.events.acknowledge("other", -(2**80), NOW) == 0
    assert tables.events.consumers() == {"bot": 5, "other": 0}


def test_trimming_takes_what_all_have_acknowledged_and_is_old(tables: Tables) -> None:
    fill(tables, 5)
    tables.events.acknowledge("fast", 5, NOW)
    tables.events.acknowledge("slow", 2, NOW)
    assert tables.events.trim(NOW + 1) == 1
    assert tables.events.trim(NOW + 100) == 1
    assert numbers(tables) == [3, 4, 5]
    tables.events.forget_consumer("slow")
    assert tables.events.trim(NOW + 100) == 3
    assert numbers(tables) == []


def test_without_consumers_age_alone_counts(tables: Tables) -> None:
    fill(tables, 5)
    assert tables.events.trim(NOW + 3) == 3
    assert numbers(tables) == [4, 5]


def test_a_reader_learns_that_it_missed_some(tables: Tables) -> None:
    fill(tables, 5)
    tables.events.trim(NOW + 3)
    assert tables.events.after(1, 9).missed
    assert not tables.events.after(3, 9).missed
    tables.events.trim(NOW + 100)
    assert tables.events.after(4, 9).missed
    assert not tables.events.after(5, 9).missed


def test_numbers_are_not_used_again_after_trimming(tables: Tables) -> None:
    fill(tables, 3)
    tables.events.trim(NOW + 100)
    assert tables.events.append("next", {}, NOW) == 4


def of_message(tables: Tables, body: str, **more: object) -> int:
    with_conversation(tables, ALICE)
    number = tables.messages.count(ALICE.hex)
    id_ = tables.messages.insert(received(NOW + number, body))
    assert id_ is not None
    tables.events.append("message", {"id": id_, "text": body, **more}, NOW)
    return id_


@pytest.mark.parametrize("way", ["deleted", "unsent", "cleared", "conversation"])
def test_the_log_forgets_what_is_deleted_in_whatever_way(tables: Tables, way: str) -> None:
    id_ = of_message(tables, "very private")
    tables.events.append("reaction", {"id": id_, "emoji": "very private"}, NOW)
    tables.events.append("state", {"id": id_, "state": "stored"}, NOW)
    if way == "deleted":
        tables.messages.delete([id_])
    elif way == "unsent":
        tables.messages.replace_by_placeholder(id_, Deleted.EVERYWHERE)
    elif way == "cleared":
        tables.messages.delete(tables.messages.oldest(ALICE.hex, 1_000))
    else:
        tables.conversations.delete(ALICE.hex)
    found = [(event.seq, event.kind, event.payload) for event in tables.events.after(0, 10).events]
    assert found == [
        (1, GONE, {"id": id_}),
        (2, GONE, {"id": id_}),
        (3, "state", {"id": id_, "state": "stored"}),
    ]


def test_an_answer_loses_what_it_quotes_and_keeps_the_rest(tables: Tables) -> None:
    first = of_message(tables, "very private")
    quote = {"sender": ALICE.hex, "sent_at": NOW, "id": first, "text": "very private"}
    second = of_message(tables, "yes", quote=quote)
    tables.messages.delete([first])
    (answer,) = tables.events.after(1, 10).events
    assert answer.payload == {"id": second, "text": "yes", "quote": {"sender": ALICE.hex, "sent_at": NOW}}
    assert answer.kind == "message"


def test_read_messages_and_new_states_leave_their_events_alone(tables: Tables) -> None:
    id_ = of_message(tables, "stays")
    tables.reading.mark_read(ALICE.hex, NOW * 2)
    tables.messages.set_level(id_, "v2")
    assert [event.payload["text"] for event in tables.events.after(0, 10).events] == ["stays"]
