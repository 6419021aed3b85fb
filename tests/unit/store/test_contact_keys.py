"""What is remembered of contacts' keys, and of copies that wait for them, comes back as it was kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.policy.contact_world import BOB, DAY, HOUR, NOW, NOW_S, record, withdrawal
from tests.unit.store.samples import ALICE, ME, sent, with_conversation
from veery.policy.downgrade import ContactKeys, Floor
from veery.policy.level import Level
from veery.policy.record_exchange import Echo, Gossip, OwnEchoes
from veery.store.contact_keys import ContactSecurity
from veery.store.held_copies import Held
from veery.store.outbox import CopyRole, NewCopy
from veery.store.tables import Tables
from veery.store.unconfirmed import Unconfirmed

CONTACT = BOB.account_id
SEEN = ContactKeys().accepted(record(1, NOW_S), NOW)


@pytest.mark.parametrize(
    "known",
    [
        ContactSecurity(),
        ContactSecurity(SEEN),
        ContactSecurity(SEEN.absent(NOW + HOUR)),
        ContactSecurity(SEEN.accepted(withdrawal(NOW_S + 1), NOW).told()),
        ContactSecurity(replace(SEEN.allowing_long_term(), floor=Floor.REQUIRE_V2)),
        ContactSecurity(SEEN, Gossip(b"12345678", NOW), Level.PFS, NOW, Echo.FOREIGN, NOW, timeless_told=True),
    ],
)
def test_what_is_known_of_a_contact_comes_back(tables: Tables, known: ContactSecurity) -> None:
    tables.contact_keys.save(CONTACT, known)
    assert tables.contact_keys.get(CONTACT) == known


def test_own_echoes_come_back(tables: Tables) -> None:
    echoes = OwnEchoes().after_publishing(record(1, NOW_S), NOW).after_denial(CONTACT.raw)
    tables.own_echoes.save(echoes)
    assert tables.own_echoes.get(whole=True) == echoes
    ended = echoes.after_publishing(withdrawal(NOW_S + 1), NOW)
    tables.own_echoes.save(ended)
    assert tables.own_echoes.get(whole=True) == ended


def queued(tables: Tables) -> tuple[int, int, int]:
    """A message to ALICE, its copy for her, and the one for own devices."""
    with_conversation(tables, ALICE, ME)
    copies = [NewCopy(CopyRole.RECIPIENT, ALICE, 0, 1, DAY, b"c"), NewCopy(CopyRole.SYNC, ME, 0, 1, DAY, b"s")]
    found = tables.deliveries.queue(sent(1), copies, 5)
    assert found is not None
    main, sync = found.copies
    return found.message, main, sync


def test_a_held_copy_waits_since_the_first_time_and_says_why(tables: Tables) -> None:
    message, main, _ = queued(tables)
    assert tables.held.hold(tables.outbox.need(main), "why", 10, 900)
    assert not tables.held.hold(tables.outbox.need(main), "else", 20, 1_000)
    assert tables.held.get(main) == Held("else", 10) == tables.held.all()[main]
    assert tables.outbox.due(999, 10) == ()
    held = tables.messages.get(message)
    assert held is not None
    assert held.delivery.reason == "else"
    assert (tables.held.count(ALICE), tables.held.wake(ALICE, 30)) == (1, 1)
    assert [each.id for each in tables.outbox.due(30, 10)] == [main]
    tables.held.choose(main, 40)
    assert tables.held.get(main) == Held("else", 10, chosen=True)
    assert tables.held.all() == {}
    tables.held.release(tables.outbox.need(main))
    held = tables.messages.get(message)
    assert held is not None
    assert (tables.held.get(main), held.delivery.reason) == (None, None)
    assert tables.held.wake(ALICE, 50) == 0


def test_the_copy_for_own_devices_learns_the_level_of_what_it_follows(tables: Tables) -> None:
    _, main, sync = queued(tables)
    assert tables.held.level(sync) is None
    tables.held.note_level(main, Level.PFS)
    tables.deliveries.stored(main, 5, 7)
    assert tables.held.level(sync) is Level.PFS
    tables.outbox.finish(sync)
    assert tables.held.level(sync) is None


def test_marks_and_unconfirmed_messages_go_with_their_message(tables: Tables) -> None:
    message, main, _ = queued(tables)
    keys = record(1, NOW_S).keys
    assert keys is not None
    tables.held.set_mark(message, "unconfirmed")
    tables.unconfirmed.add(tables.outbox.need(main), keys, 7)
    (kept,) = tables.unconfirmed.of(ALICE)
    assert kept == Unconfirmed(1, message, NewCopy(CopyRole.CONTROL, ALICE, 0, 1, DAY, b"c"), keys, 7)
    assert tables.unconfirmed.trim(7 + DAY) == 0
    assert tables.held.mark(message) == "unconfirmed"
    tables.messages.delete((message,))
    assert (tables.unconfirmed.of(ALICE), tables.held.mark(message)) == ((), None)


def test_unconfirmed_messages_end_with_their_time(tables: Tables) -> None:
    _, main, _ = queued(tables)
    keys = record(1, NOW_S).keys
    assert keys is not None
    tables.unconfirmed.add(tables.outbox.need(main), keys, 7)
    assert tables.unconfirmed.trim(8 + DAY) == 1
    tables.unconfirmed.add(tables.outbox.need(main), keys, 7)
    tables.unconfirmed.forget(tables.unconfirmed.of(ALICE)[0].id)
    assert tables.unconfirmed.of(ALICE) == ()
