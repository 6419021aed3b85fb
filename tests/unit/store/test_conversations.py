"""Conversations, contacts and message requests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.store.samples import ALICE, BOB, ME, NOW, received, sent, with_conversation
from veery.secret import Secret
from veery.store.conversations import CONTACT, HIDDEN, Conversation, NoConversation
from veery.store.message_values import NewAttachment
from veery.store.tables import Tables


def test_a_new_conversation_has_the_defaults(tables: Tables) -> None:
    made = tables.conversations.ensure(ALICE.hex, CONTACT, NOW)
    assert (made.id, made.kind, made.created_ms) == (ALICE.hex, CONTACT, NOW)
    assert not (made.approved or made.approved_me or made.blocked or made.hidden or made.marked_unread)
    assert (made.active_ms, made.last_read_ms, made.unread, made.priority) == (None, 0, 0, 0)


def test_ensuring_twice_keeps_the_first(tables: Tables) -> None:
    tables.conversations.ensure(ALICE.hex, CONTACT, NOW)
    tables.conversations.update(ALICE.hex, lambda held: replace(held, name="Alice"))
    again = tables.conversations.ensure(ALICE.hex, "group", NOW + 5)
    assert (again.name, again.kind, again.created_ms) == ("Alice", CONTACT, NOW)


def test_every_field_is_kept(tables: Tables) -> None:
    tables.conversations.ensure(ALICE.hex, CONTACT, NOW)
    full = Conversation(
        id=ALICE.hex,
        kind=CONTACT,
        created_ms=NOW - 1,
        name="Alice",
        nickname="Al",
        profile_s=1_700_000_000,
        picture_url="http://files/1",
        picture_key=Secret(b"k" * 32),
        approved=True,
        approved_me=True,
        blocked=True,
        priority=3,
        active_ms=NOW,
        last_read_ms=NOW - 7,
        marked_unread=True,
        expiration_type=2,
        expiration_timer_s=86_400,
    )
    tables.conversations.save(full)
    held = tables.conversations.get(ALICE.hex)
    assert held is not None
    assert held.picture_key is not None
    assert held.picture_key.reveal() == b"k" * 32
    for name in full.__slots__:
        if name != "picture_key":
            assert getattr(held, name) == getattr(full, name), name


def test_saving_or_changing_what_is_not_there_is_an_error(tables: Tables) -> None:
    with pytest.raises(NoConversation):
        tables.conversations.save(Conversation(ALICE.hex, CONTACT, NOW))
    with pytest.raises(NoConversation):
        tables.conversations.update(ALICE.hex, lambda held: held)


def test_numbers_of_the_wire_that_are_too_large_are_clamped(tables: Tables) -> None:
    with_conversation(tables, ALICE)
    changed = tables.conversations.update(ALICE.hex, lambda held: replace(held, profile_s=2**64 - 1))
    assert changed.profile_s == 2**64 - 1
    held = tables.conversations.get(ALICE.hex)
    assert held is not None
    assert held.profile_s == 2**63 - 1


def test_the_title_is_nickname_then_name_then_the_shortened_id() -> None:
    bare = Conversation(ALICE.hex, CONTACT, NOW)
    assert bare.title != ALICE.hex
    assert bare.title.startswith(ALICE.hex[:6])
    assert replace(bare, name="Alice").title == "Alice"
    assert replace(bare, name="Alice", nickname="Al").title == "Al"


def test_ids_and_names_do_not_print() -> None:
    shown = repr(Conversation(ALICE.hex, CONTACT, NOW, name="Alice", nickname="Al"))
    assert ALICE.hex not in shown
    assert "Al" not in shown.removeprefix("Conversation")


def test_the_list_is_pinned_first_then_latest_and_leaves_hidden_ones_out(tables: Tables) -> None:
    with_conversation(tables, ALICE, BOB, ME)
    tables.messages.insert(received(NOW))
    tables.messages.insert(received(NOW + 1, author=BOB))
    assert [each.id for each in tables.conversations.all()] == [BOB.hex, ALICE.hex, ME.hex]
    tables.conversations.update(ALICE.hex, lambda held: replace(held, priority=1))
    tables.conversations.update(ME.hex, lambda held: replace(held, priority=HIDDEN))
    assert [each.id for each in tables.conversations.all()] == [ALICE.hex, BOB.hex]
    assert [each.id for each in tables.conversations.all(hidden=True)] == [ALICE.hex, BOB.hex, ME.hex]


REQUEST = Conversation(ALICE.hex, CONTACT, NOW, approved_me=True, active_ms=NOW)


@pytest.mark.parametrize(
    ("conversation", "expected"),
    [
        (REQUEST, True),
        (replace(REQUEST, approved=True), False),
        (replace(REQUEST, approved_me=False), False),
        (replace(REQUEST, blocked=True), False),
        (replace(REQUEST, priority=HIDDEN), False),
        (replace(REQUEST, priority=2), True),
        (replace(REQUEST, active_ms=None), False),
        (replace(REQUEST, kind="group"), False),
    ],
)
def test_the_rule_of_incoming_requests(tables: Tables, conversation: Conversation, expected: bool) -> None:
    tables.conversations.ensure(ALICE.hex, CONTACT, NOW)
    tables.conversations.save(conversation)
    assert [each.id for each in tables.conversations.requests()] == [ALICE.hex] * expected
    assert conversation.is_request is expected


def test_deleting_a_conversation_takes_everything_of_it_and_names_its_files(tables: Tables) -> None:
    with_conversation(tables, ALICE, BOB)
    one = tables.messages.insert(
        replace(received(NOW), attachments=(NewAttachment("u", file="a"), NewAttachment("v"), NewAttachment("w")))
    )
    tables.messages.insert(replace(received(NOW, author=BOB), attachments=(NewAttachment("x", file="b"),)))
    assert one is not None
    tables.reactions.add(one, "+", BOB, NOW)
    assert tables.conversations.delete(ALICE.hex) == ("a",)
    assert tables.conversations.get(ALICE.hex) is None
    assert tables.messages.get(one) is None
    assert not tables.reactions.of([one])
    assert tables.attachments.all_files() == {"b"}
    assert tables.conversations.delete(ALICE.hex) == ()


def test_unread_counts_leave_requests_blocked_and_hidden_ones_out(tables: Tables) -> None:
    with_conversation(tables, ALICE, BOB)
    for at in range(3):
        tables.messages.insert(received(NOW + at))
    tables.messages.insert(received(NOW, author=BOB))
    tables.messages.insert(sent(NOW + 9))
    held = tables.conversations.get(ALICE.hex)
    assert held is not None
    assert held.unread == 3
    assert tables.conversations.unread() == 0
    tables.conversations.update(ALICE.hex, lambda held: replace(held, approved=True))
    assert tables.conversations.unread() == 3
    tables.conversations.update(BOB.hex, lambda held: replace(held, approved=True))
    assert tables.conversations.unread() == 4
    tables.conversations.update(BOB.hex, lambda held: replace(held, blocked=True))
    assert tables.conversations.unread() == 3
    tables.conversations.update(ALICE.hex, lambda held: replace(held, priority=HIDDEN))
    assert tables.conversations.unread() == 0
