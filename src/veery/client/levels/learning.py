"""What a record, or a message, teaches about a contact: in the transaction that learns it (14.1).

Whatever brings new keys wakes the copies that wait for them, and sends again what went out under an older record while
the contact was silent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from veery.client.core import Times
from veery.client.levels.notices import Warn, level_of, warn
from veery.client.levels.own_keys import own_echoes
from veery.policy.downgrade import RecordVerdict, resend_due
from veery.policy.key_fetch import Fetched
from veery.policy.level import Level
from veery.policy.record_exchange import Echo, receive_gossip
from veery.protocol import extension
from veery.protocol.account import AccountId
from veery.protocol.content import Content
from veery.protocol.extension import Extension
from veery.store.contact_keys import ContactSecurity
from veery.store.message_values import Deleted
from veery.store.outbox import Copy
from veery.store.tables import Tables


def learn_fetched(tables: Tables, contact: AccountId, fetched: Fetched, times: Times) -> ContactSecurity:
    """Apply the outcome of a fetch; gives what is known then."""
    before = tables.contact_keys.get(contact)
    timeless = RecordVerdict.TIMELESS in fetched.refused
    if timeless and not before.timeless_told:
        warn(tables, contact, Warn.TIMELESS, times.local_ms)
    keys = fetched.applied(before.keys, times.network_ms)
    known = replace(before, keys=keys, timeless_told=before.timeless_told or timeless)
    if known != before:
        tables.contact_keys.save(contact, known)
    _follow(tables, contact, before, known, times)
    return known


def learn_message(
    tables: Tables, contact: AccountId, content: Content, level: str, timestamp_ms: int, times: Times
) -> bool:
    """Apply what a message of a contact says, whose signature and place were checked. level: label of its level.

    Gives whether copies of the outbox have become due.
    """
    found = extension.find(content)
    before = tables.contact_keys.get(contact)
    if found is None and not before.keys.remembered:
        return False
    keys = before.keys
    if found is not None:
        keys = receive_gossip(keys, found, contact.raw, times.network_ms)
    # A clock that is ahead must not make it look as if the contact had been heard after what is sent next.
    heard_ms = max(min(timestamp_ms, times.network_ms), before.heard_ms or 0)
    said = _Said(found, level_of(level), timestamp_ms)
    known = _with_echo(tables, contact, replace(before, keys=keys, heard_ms=heard_ms), said, times)
    if known != before:
        tables.contact_keys.save(contact, known)
    return _follow(tables, contact, before, known, times)


@dataclass(frozen=True, slots=True)
class _Said:
    """One message of a contact: its extension, its level, and T."""

    extension: Extension | None
    level: Level
    timestamp_ms: int


def _with_echo(
    tables: Tables, contact: AccountId, known: ContactSecurity, said: _Said, times: Times
) -> ContactSecurity:
    """What the message says of the record that the contact was given for us; tells when somebody is in between."""
    if said.extension is None:
        return known
    echoes = own_echoes(tables, times.network_ms)
    judged = echoes.judge(said.level, said.extension, said.timestamp_ms)
    if judged is Echo.NOTHING:
        return known
    if judged is Echo.FOREIGN and known.echo is not Echo.FOREIGN:
        warn(tables, contact, Warn.FOREIGN_RECORD, times.local_ms)
    if judged is Echo.DENIED and contact.raw not in echoes.denied_by:
        denied = echoes.after_denial(contact.raw)
        tables.own_echoes.save(denied)
        if denied.denial_shown and not echoes.denial_shown:
            warn(tables, contact, Warn.DENIED, times.local_ms)
    return replace(known, echo=judged, echo_ms=times.network_ms)


def _follow(tables: Tables, contact: AccountId, before: ContactSecurity, known: ContactSecurity, times: Times) -> bool:
    """Do what new keys are good for; tells whether copies have become due."""
    due = False
    if known.keys.cache.fetched_ms != before.keys.cache.fetched_ms:
        due = tables.held.wake(contact, times.local_ms) > 0
    record = known.keys.record
    if record is None or record == before.keys.record:
        return due
    for sent in tables.unconfirmed.of(contact):
        message = tables.messages.get(sent.message)
        if record.keys == sent.sent_under:
            continue
        tables.unconfirmed.forget(sent.id)
        shown = message is not None and message.deleted is Deleted.NO
        if shown and resend_due(known.keys, sent.sent_under, sent.sent_ms, known.heard_ms):
            tables.deliveries.queue_control([sent.copy], times.local_ms)
            due = True
    return due


def too_weak(tables: Tables, copy: Copy) -> bool:
    """Whether a copy was sealed as v1 for a contact whose keys were seen since."""
    return copy.level == Level.V1.label and tables.contact_keys.get(copy.destination).keys.record is not None
