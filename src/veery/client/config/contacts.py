"""People between the store and Contacts (07.10.2).

In the document is who was accepted, has accepted us or is blocked; a request that was declined is taken out (02.8.6).
A contact that a merge has taken out is deleted here with its conversation; so does every device.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from veery.client.approval import Change, tell
from veery.client.arrivals import Batch
from veery.client.config.differences import expiration_of, muted_until_ms, muting_of, tell_changes, timer_of
from veery.protocol.account import AccountId
from veery.protocol.config import Data, Merged, contacts
from veery.protocol.config.contacts import Contact
from veery.protocol.config.data import get_dict
from veery.protocol.config.diff import SCALAR_SET, Diff
from veery.protocol.config.fields import Picture
from veery.protocol.constants import ACCOUNT_ID_SIZE, CONFIG_PICTURE_URL_MAX, KEY_SIZE, PREFIX_USER, SECOND_MS
from veery.store.conversations import CONTACT, Conversation
from veery.store.sql import clamp
from veery.store.tables import Tables

_PEOPLE = b"c"


def with_contacts(data: Data, tables: Tables, ids: Iterable[AccountId]) -> Data:
    """The document with some people as the store has them."""
    for account_id in ids:
        held = tables.conversations.get(account_id.hex)
        if held is not None and belongs(held):
            data = contacts.written(data, _entry(contacts.find(data, account_id), account_id, held))
        elif contacts.find(data, account_id) is not None:
            data = contacts.without(data, account_id)
    return data


def belongs(conversation: Conversation) -> bool:
    """Whether somebody is a contact: a stranger whose request was declined is none, 02.8.6."""
    settled = conversation.approved or conversation.blocked
    return settled or not conversation.hidden


@dataclass(frozen=True, slots=True)
class Taken:
    """What a merge has brought: whose conversations were made, and who must be written to the document again."""

    made: list[AccountId]
    again: list[str]


def take_over(batch: Batch, merged: Merged, *, keep_approved: bool) -> Taken:
    """Bring the store to what a merge has changed.

    Somebody whom this device has added, which was not confirmed yet, is kept and written again: nobody can have meant
    to delete them. So it is when changes were given up as too old, and when another device deletes its last contact,
    which by 07.6 takes away those that others add meanwhile. keep_approved: approvals of this device that no document
    has yet are kept.
    """
    taken, after, added = Taken([], []), merged.after, _added(merged.pending)
    for account_id in _changed(get_dict(merged.before, (_PEOPLE,)), get_dict(after, (_PEOPLE,))):
        contact = contacts.find(after, account_id)
        if account_id == batch.own:
            continue
        if contact is None and account_id.raw in added:
            taken.again.append(account_id.hex)
        elif contact is None:
            _delete(batch, account_id)
        elif _take(batch, contact, keep_approved=keep_approved):
            taken.made.append(account_id)
    return taken


def take_missing(batch: Batch, data: Data) -> frozenset[str]:
    """Bring back who stands in the document and is no contact here; gives their ids. Nobody here has taken them out."""
    found: set[str] = set()
    for account_id in _changed({}, get_dict(data, (_PEOPLE,))):
        held = batch.tables.conversations.get(account_id.hex)
        contact = contacts.find(data, account_id)
        if account_id != batch.own and contact is not None and (held is None or not belongs(held)):
            _take(batch, contact, keep_approved=True)
            found.add(account_id.hex)
    return frozenset(found)


def _added(pending: Diff) -> frozenset[bytes]:
    """Whose entries a diff begins: the time of creation is set then and never again."""
    entries = pending.get(_PEOPLE)
    found = entries.items() if isinstance(entries, Mapping) else ()
    return frozenset(key for key, entry in found if isinstance(entry, Mapping) and entry.get(b"j") == SCALAR_SET)


def _changed(before: Data, after: Data) -> list[AccountId]:
    """Whose entries differ: a comparison of values, so that the others need not be read."""
    keys = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    return [AccountId(key) for key in keys if len(key) == ACCOUNT_ID_SIZE and key[0] == PREFIX_USER]


def _take(batch: Batch, contact: Contact, *, keep_approved: bool) -> bool:
    """Bring one conversation to its entry; tells whether it was made for it."""
    made = batch.tables.conversations.get(contact.id.hex) is None
    created_ms = contact.created_s * SECOND_MS or batch.times.local_ms
    held = batch.tables.conversations.ensure(contact.id.hex, CONTACT, clamp(created_ms))
    picture = contact.picture
    changed = replace(
        held,
        name=contact.name,
        nickname=contact.nickname,
        profile_s=clamp(contact.updated_s),
        picture_url=None if picture is None else picture.url,
        picture_key=None if picture is None else picture.key,
        approved=contact.approved or (keep_approved and held.approved),
        approved_me=contact.approved_me or (keep_approved and held.approved_me),
        blocked=contact.blocked,
        muted_until_ms=clamp(muted_until_ms(contact.notifications, contact.muted_until_s)),
    )
    tell_changes(batch, held, expiration_of(changed, contact.priority, contact.expiry_mode, contact.expiry_timer_s))
    return made


def _delete(batch: Batch, account_id: AccountId) -> None:
    held = batch.tables.conversations.get(account_id.hex)
    if held is None:
        return
    batch.tables.conversations.delete(account_id.hex)
    tell(batch.tables, replace(held, unread=0), Change.FORGOTTEN, batch.times.local_ms)


def _entry(found: Contact | None, account_id: AccountId, held: Conversation) -> Contact:
    entry = found or Contact(account_id, created_s=held.created_ms // SECOND_MS)
    mode, timer_s = timer_of(held)
    notifications, muted_until_s = muting_of(held, entry.notifications)
    return replace(
        entry,
        name=held.name,
        nickname=held.nickname,
        picture=_picture(held),
        updated_s=held.profile_s,
        approved=held.approved,
        approved_me=held.approved_me,
        blocked=held.blocked,
        notifications=notifications,
        muted_until_s=muted_until_s,
        priority=held.priority,
        expiry_mode=mode,
        expiry_timer_s=timer_s,
    )


def _picture(held: Conversation) -> Picture | None:
    if held.picture_url is None or held.picture_key is None or len(held.picture_key) != KEY_SIZE:
        return None
    fits = 0 < len(held.picture_url.encode(errors="replace")) <= CONFIG_PICTURE_URL_MAX
    return Picture(held.picture_url, held.picture_key) if fits else None


def ids_of(marked: Iterable[str]) -> Mapping[str, AccountId]:
    """The Account IDs among ids of conversations."""
    return {each: AccountId.from_hex(each) for each in marked if len(each) == 2 * ACCOUNT_ID_SIZE}
