"""The own profile between the store and UserProfile: name, picture, and what is settled for note to self (07.10.1)."""

from __future__ import annotations

from typing import Final

from veery.client.arrivals import Batch
from veery.client.config.differences import expiration_of, tell_changes, timer_of
from veery.client.profile_service import PROFILE_EVENT
from veery.protocol.account import AccountId
from veery.protocol.config import Data, user_profile
from veery.protocol.config.fields import Picture
from veery.protocol.config.user_profile import UserProfile
from veery.protocol.constants import CONFIG_PICTURE_URL_MAX, KEY_SIZE, RESTORED_NAME_TIMESTAMP
from veery.store.accounts import AccountRow
from veery.store.conversations import CONTACT, HIDDEN, Conversation
from veery.store.tables import Tables

_AFTER_SEND: Final = 1  # the only mode of note to self, as numbers of Contacts


def with_profile(data: Data, row: AccountRow) -> Data:
    """The document with the name and picture of this device. Both carry the time of the update in the store.

    A picture that lives on by a client's own doing has a time of its own, so that others know it for the same (09.6).
    """
    after = user_profile.with_name(data, row.display_name, row.profile_s)
    found, wanted = user_profile.read(after), _picture(row)
    same = _raw(found.picture) == _raw(wanted)
    again = wanted is not None and row.picture_again_s > row.profile_s
    if wanted is not None and again and not (same and found.updated_s >= row.picture_again_s):
        return user_profile.with_picture_uploaded_again(after, wanted, row.picture_again_s)
    if same:
        return after
    if wanted is None:
        return user_profile.without_picture(after, row.profile_s)
    return user_profile.with_picture(after, wanted, row.profile_s)


def with_note_to_self(data: Data, conversation: Conversation | None) -> Data:
    """The document with what is settled for note to self; one that does not exist is hidden."""
    if conversation is None:
        return user_profile.with_note_to_self_priority(data, HIDDEN)
    _, timer_s = timer_of(conversation)
    after = user_profile.with_note_to_self_priority(data, conversation.priority)
    return user_profile.with_note_to_self_timer(after, timer_s)


def take_over(batch: Batch, before: Data, after: Data) -> None:
    """Bring the store to what a merge has changed."""
    old, new = user_profile.read(before), user_profile.read(after)
    _take_profile(batch, new)
    shown_before = bool(before) and old.note_to_self_priority >= 0
    changed = (old.note_to_self_priority, old.note_to_self_timer_s) != (
        new.note_to_self_priority,
        new.note_to_self_timer_s,
    )
    if changed or shown_before != (new.note_to_self_priority >= 0):
        _take_note_to_self(batch, new)


def _take_profile(batch: Batch, new: UserProfile) -> None:
    accounts, row = batch.tables.accounts, batch.tables.accounts.get()
    if row.restored and row.profile_s > max(new.updated_s, RESTORED_NAME_TIMESTAMP):
        return  # it was changed here while the rest was not known yet, and is written when it is
    updated_s = max(new.updated_s, row.profile_s)
    renamed = bool(new.name) and new.name != row.display_name
    if renamed:
        accounts.set_profile(new.name, updated_s)
    if _raw(new.picture) != (row.picture_url, row.picture_key.reveal() if row.picture_key else None):
        url, key = (new.picture.url, new.picture.key) if new.picture else (None, None)
        accounts.set_picture(url, key, updated_s)
    elif not renamed:
        if new.picture is not None and new.updated_s > row.updated_s:  # another device has seen to it
            accounts.set_picture_again(new.picture.url, new.picture.key, new.updated_s)
        return
    batch.tables.events.append(PROFILE_EVENT, {"name": new.name or row.display_name}, batch.times.local_ms)


def _take_note_to_self(batch: Batch, new: UserProfile) -> None:
    conversations, own = batch.tables.conversations, batch.own.hex
    if conversations.get(own) is None and new.note_to_self_priority < 0:
        return
    held = conversations.ensure(own, CONTACT, batch.times.local_ms)
    tell_changes(
        batch,
        held,
        expiration_of(held, new.note_to_self_priority, _AFTER_SEND, new.note_to_self_timer_s),
    )


def is_shown(tables: Tables, own: AccountId) -> bool:
    """Whether note to self stands in the list of conversations."""
    held = tables.conversations.get(own.hex)
    return held is not None and not held.hidden


def _picture(row: AccountRow) -> Picture | None:
    if row.picture_url is None or row.picture_key is None or len(row.picture_key) != KEY_SIZE:
        return None
    fits = 0 < len(row.picture_url.encode(errors="replace")) <= CONFIG_PICTURE_URL_MAX
    return Picture(row.picture_url, row.picture_key) if fits else None


def _raw(picture: Picture | None) -> tuple[str | None, bytes | None]:
    return (None, None) if picture is None else (picture.url, picture.key.reveal())
