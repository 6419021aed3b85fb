"""Messages, events and conversations as people see them."""

from __future__ import annotations

from typing import Any

import pytest

from veery.cli.shown import (
    attachment_words,
    body_lines,
    conversation_row,
    event_lines,
    is_own,
    kind_words,
    message_lines,
    name_of,
    outbox_row,
    quote_lines,
    reaction_words,
    step_line,
    stored_words,
    titles,
)
from veery.cli.text import read_duration
from veery.secret import shorten

ALICE, BOB = "05" + "a1" * 32, "05" + "b2" * 32
OF_ALICE, OF_BOB = "95de 685a 6d0e 253e", "225d a467 a4d5 2bf9"  # their fingerprints
NOW = 1_764_000_000_000
NAMES = {ALICE: "Alice"}


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def message(**changes: Any) -> dict[str, Any]:
    """A message of Alice's as the engine shows it."""
    return {
        "id": 7,
        "conversation": ALICE,
        "sender": ALICE,
        "text": "hello",
        "sent_at": NOW,
        "received_at": NOW,
        "hash": "h",
        "protocol": "v1",
        "attachments": [],
        "expires": None,
        "direction": "in",
        "request": False,
        "kind": "text",
        "state": "received",
        "reason": None,
        "stored_on": None,
        "swarm_size": None,
        "deleted": None,
        "quote": None,
        "reactions": [],
        **changes,
    }


def test_an_incoming_message() -> None:
    assert message_lines(message(), NAMES) == [f"#7 2025-11-24 16:00 Alice ({OF_ALICE}) [v1]", "    hello"]
    assert message_lines(message(), {})[0] == "#7 2025-11-24 16:00 05a1a1…a1a1 [v1]"


def test_an_own_message_tells_its_fate() -> None:
    own = message(direction="out", sender=BOB, state="stored", stored_on=5, swarm_size=7)
    assert message_lines(own, NAMES)[0] == "#7 2025-11-24 16:00 you (stored on 5 of 7) [v1]"


def test_lines_of_a_message_stay_and_controls_do_not() -> None:
    assert message_lines(message(text="one\ntwo\x1b[2J"), NAMES)[1:] == ["    one", "    two\\x1b[2J"]


def test_what_belongs_to_a_message() -> None:
    lines = message_lines(
        message(
            text="",
            expires=NOW + 60_000,
            quote={"sender": BOB, "sent_at": NOW},
            reactions=[{"emoji": "👍", "sender": BOB}],
            attachments=[{"name": "a\nb.png", "content_type": "image/png", "size": 2_048}],
        ),
        NAMES,
    )
    assert lines == [
        f"#7 2025-11-24 16:00 Alice ({OF_ALICE}) [v1] (disappears 2025-11-24 16:01)",
        "    > answers 05b2b2…b2b2, 2025-11-24 16:00",
        "    > [original message not found]",
        "    [a b.png, 2.0 KiB]",
        "    👍",
    ]
    assert message_lines(message(deleted="everywhere"), NAMES) == [
        f"#7 2025-11-24 16:00 Alice ({OF_ALICE}) [v1] (deleted)"
    ]
    assert message_lines(message(kind="timer_changed", text=""), NAMES)[1] == "    [timer changed]"


def test_events() -> None:
    event = {"event": "message", **message(request=True)}
    assert event_lines(event, NAMES) == [f"2025-11-24 16:00 Alice ({OF_ALICE}) (message request) [v1]", "    hello"]
    failed = {"event": "state", "id": 7, "state": "failed", "reason": "network.clock"}
    assert event_lines(failed, NAMES) == [
        "message #7 failed: the clock of this machine is wrong; set it, for example with `timedatectl set-ntp true`"
    ]
    assert event_lines({"event": "state", "id": 7, "state": "sealed"}, NAMES) == []
    assert event_lines({"event": "something new"}, NAMES) == []
    assert event_lines({"event": "gap", "seq": 9}, NAMES) == ["events up to 9 were removed before they were read here"]


def test_conversations() -> None:
    row = {
        "id": ALICE,
        "title": "Alice\x1b",
        "name": "Alice",
        "nickname": "",
        "pinned": True,
        "blocked": True,
        "unread": 0,
        "active_at": NOW - 120_000,
    }
    assert conversation_row(row, NOW) == ("Alice\\x1b (pinned, blocked)", OF_ALICE, "", "2 min ago", ALICE)
    notes = {**row, "note_to_self": True, "unread": 2, "pinned": 0, "blocked": 0}
    assert conversation_row(notes, NOW)[:3] == ("Note to self", OF_ALICE, "2")
    group = "03" + "c3" * 32
    assert conversation_row({**row, "id": group}, NOW)[1] == ""
    assert name_of(group, {group: "Walkers"}) == "Walkers (03c3c3…)"
    assert titles([row, {**row, "id": BOB, "name": "", "title": "05b2…"}]) == {ALICE: "Alice\x1b"}


def test_nobody_passes_for_another() -> None:
    assert name_of(BOB, {BOB: f"Alice ({OF_ALICE})\u202e"}) == f"Alice ({OF_ALICE})\\u202e ({OF_BOB})"


def test_attachments_without_a_name() -> None:
    assert attachment_words({"name": "", "content_type": "image/png", "size": 0}) == "image/png"


def test_outbox_rows() -> None:
    copy = {
        "copy": 9,
        "message": 4,
        "destination": ALICE,
        "role": "recipient",
        "state": "sealed",
        "attempts": 3,
        "next_attempt_at": NOW + 90_000,
        "last_error": "network.proxy.unreachable",
    }
    row = ("#4", f"Alice ({OF_ALICE})", "message", "sealed", "3", "in 1 min", "the proxy does not answer")
    assert outbox_row(copy, NAMES, NOW) == row
    control = {**copy, "message": None, "role": "control", "next_attempt_at": NOW - 1, "last_error": None}
    assert outbox_row(control, {}, NOW) == ("n9", shorten(ALICE), "notice", "sealed", "3", "now", "")
    failed = {**control, "state": "failed", "next_attempt_at": None, "last_error": "network.store.refused"}
    assert outbox_row({**failed, "role": "sync"}, {}, NOW)[1] == "own devices"
    assert outbox_row(failed, {}, NOW) == ("n9", shorten(ALICE), "notice", "failed", "3", "", "a node does not take it")


def test_levels_and_what_is_shown_beside_them() -> None:
    unconfirmed = message(direction="out", state="stored", stored_on=5, protocol="v2", mark="unconfirmed")
    assert message_lines(unconfirmed, NAMES)[0].endswith("you (stored on 5) [v2] (keys not confirmed)")
    waiting = message(direction="out", state="queued", reason="client.keys.waiting", protocol=None)
    assert message_lines(waiting, NAMES)[0].endswith("you (waiting for keys)")
    fallen = {"event": "level", "conversation": ALICE, "text": "It has dropped"}
    assert event_lines(fallen, NAMES) == [f"Alice ({OF_ALICE}): It has dropped."]
    held = {
        "copy": 9,
        "message": 4,
        "destination": ALICE,
        "role": "recipient",
        "state": "waiting for keys",
        "waiting_since": NOW,
        "attempts": 0,
        "next_attempt_at": NOW + 90_000,
        "last_error": None,
    }
    assert outbox_row(held, NAMES, NOW)[3] == "waiting for keys since 2025-11-24 16:00"


def test_what_rides_on_a_message() -> None:
    lines = body_lines(
        message(
            text=f"look, @{BOB} and @{ALICE.upper()}: https://a.example/x",
            mentions=[
                {"id": BOB, "title": "Bob\nB. @everyone", "own": False},
                {"id": ALICE, "title": None, "own": True},
            ],
            preview={"url": "https://a.example/x", "title": "A page", "image": None},
            invitation={"url": "https://c.example/room", "name": "Room"},
        )
    )
    assert lines == [
        "    look, @Bob B. everyone and @You: https://a.example/x",
        "    [A page: https://a.example/x]",
        "    [invitation to Room: https://c.example/room]",
    ]


def test_quotes_reactions_and_notices() -> None:
    quote = {"sender": BOB, "sent_at": NOW, "id": 3, "text": "x" * 100}
    assert quote_lines(quote, NAMES)[1] == f"    > {'x' * 60}…"
    several = [{"emoji": "👍", "sender": ALICE}, {"emoji": "🎉", "sender": BOB}, {"emoji": "👍", "sender": BOB}]
    assert reaction_words(several) == "👍 2 🎉"
    timer = message(text="", kind="timer", disappears={"mode": "after_read", "seconds": 43_200})
    assert body_lines(timer) == ["    [what they write from now on disappears 12 h after it was read]"]
    assert body_lines({**timer, "direction": "out", "disappears": None}) == [
        "    [what you write from now on does not disappear]"
    ]
    assert body_lines(message(text="", kind="missed_call")) == ["    [missed call]"]
    assert body_lines(message(text="", kind="screenshot")) == ["    [took a screenshot]"]
    assert body_lines(message(text="", notice="media_saved", kind=None)) == ["    [saved a file of yours]"]
    assert body_lines(message(text="", kind="of_tomorrow")) == ["    [of tomorrow]"]


def test_who_is_you() -> None:
    quote = {"sender": BOB, "sent_at": NOW, "own": True, "text": "me"}
    assert quote_lines(quote, NAMES)[0] == "    > answers you, 2025-11-24 16:00"
    reaction = {"event": "reaction", "id": 7, "sender": BOB, "emoji": "👍", "action": "react"}
    assert event_lines(reaction, NAMES, BOB) == ["you put 👍 on message #7"]
    assert [is_own(reaction, BOB), is_own(reaction, ALICE)] == [True, False]
    assert is_own({"event": "deleted", "by": BOB}, BOB)
    assert not is_own({"event": "deleted", "by": None}, BOB)
    assert is_own({"event": "message", "direction": "out"}, BOB)


def test_what_comes_shows_what_it_answers() -> None:
    event = message(event="message", quote={"sender": BOB, "sent_at": NOW, "own": True, "text": "me"})
    assert event_lines(event, NAMES)[1:] == ["    > answers you, 2025-11-24 16:00", "    > me", "    hello"]


def test_a_level_that_fell_is_a_line_of_the_conversation() -> None:
    notice = message(kind="level", text="Protection has dropped from v2 to v1", sender=BOB)
    assert message_lines(notice, NAMES) == [
        "#7 2025-11-24 16:00 [v1]",
        "    [Protection has dropped from v2 to v1]",
    ]
    assert [kind_words("group_update"), kind_words("text"), kind_words("of_tomorrow")] == [
        "group notice",
        "text",
        "of tomorrow",
    ]


def test_events_of_changes() -> None:
    reaction = {"event": "reaction", "id": 7, "sender": BOB, "emoji": "👍", "action": "remove"}
    assert event_lines(reaction, NAMES) == ["05b2b2…b2b2 takes 👍 from message #7"]
    assert event_lines({"event": "deleted", "id": 7, "by": ALICE}, NAMES) == ["message #7 was deleted for everyone"]
    assert event_lines({"event": "deleted", "id": 7, "by": None}, NAMES) == []
    for_good = {"event": "outbox", "copy": 9, "reason": "client.group.kicked"}
    said = "notice n9 failed: you were removed from the group; ask an admin to invite you again"
    assert event_lines(for_good, NAMES) == [said]


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [("10s", 10), ("5min", 300), (" 12H ", 43_200), ("1d", 86_400), ("2w", 1_209_600), ("1", None), ("-1d", None)],
)
def test_times_that_people_type(typed: str, seconds: int | None) -> None:
    assert read_duration(typed) == seconds


def test_ends() -> None:
    assert stored_words({"state": "stored", "stored_on": 5, "swarm_size": 7}) == "stored on 5 of 7 nodes"
    assert stored_words({"state": "queued"}) == "queued"
    assert step_line({"ok": False, "name": "guard", "detail": "no answer\x07"}) == "FAIL  guard      no answer\\x07"
