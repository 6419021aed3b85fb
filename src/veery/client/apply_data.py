"""Effects of data messages: texts, reactions, timer updates, and the profiles that ride on them (02.5.3, 02.7)."""

from __future__ import annotations

from dataclasses import replace

from veery.client.approval import Change, tell
from veery.client.arrivals import Arrival, Batch
from veery.client.groups.invitations import apply_letter
from veery.client.keeping import keep, open_conversation
from veery.client.reacting import change_reaction
from veery.client.timers import TIMER_NOTICE, adopt, show_notice
from veery.client.views import TEXT
from veery.protocol.account import AccountId
from veery.protocol.content import DataMessage, Profile, Reaction
from veery.protocol.content.body import cut
from veery.protocol.content.profile import change as profile_change
from veery.secret import Secret
from veery.store.inbox import Undecoded


def apply_data(batch: Batch, arrival: Arrival, data: DataMessage) -> Undecoded | None:
    """Apply a data message that the receive rules passed."""
    if data.group_update_message is not None:
        unread = apply_letter(batch, arrival, data)
        if unread is not None:
            return unread
    elif data.reaction is not None:
        _react(batch, arrival, data.reaction)
    elif data.is_timer_update:
        _change_timer(batch, arrival)
    elif data.has_visible_content:
        open_conversation(batch, arrival)
        changed = _take_profile(batch, arrival, data.profile, data.profile_key)  # so that who asks is told by name
        keep(batch, arrival, TEXT, cut(data.body or ""), data.attachments)
        _tell_profile(batch, changed)
        return None
    apply_profile(batch, arrival, data.profile, data.profile_key)
    return None


def apply_profile(batch: Batch, arrival: Arrival, profile: Profile | None, key: bytes | None) -> None:
    """Take over the name and picture of a contact, if newer; never those of the own account (02.7.2)."""
    _tell_profile(batch, _take_profile(batch, arrival, profile, key))


def _take_profile(batch: Batch, arrival: Arrival, profile: Profile | None, key: bytes | None) -> str | None:
    """Keep a newer name and picture; gives the conversation if there is something to tell."""
    held = None if arrival.own or profile is None else batch.tables.conversations.settings(arrival.sender.hex)
    if held is None:
        return None
    change = profile_change(profile, key, known_name=held.name, known_seconds=held.profile_s)
    if change is None:
        return None
    changed = replace(
        held,
        name=held.name if change.name is None else change.name,
        profile_s=change.updated_seconds,
        picture_url=change.picture_url,
        picture_key=None if change.picture_key is None else Secret(change.picture_key),
    )
    batch.tables.conversations.save(changed)
    return None if (changed.name, changed.picture_url) == (held.name, held.picture_url) else changed.id


def _tell_profile(batch: Batch, conversation: str | None) -> None:
    held = None if conversation is None else batch.tables.conversations.get(conversation)
    if held is not None:
        tell(batch.tables, held, Change.PROFILE, batch.times.local_ms)


def _react(batch: Batch, arrival: Arrival, reaction: Reaction) -> None:
    target = batch.tables.messages.find(AccountId.from_hex(reaction.author), reaction.id)
    if target is not None and target.conversation == arrival.conversation:
        now_ms = batch.times.local_ms
        change_reaction(batch.tables, target, reaction, arrival.sender, arrival.timestamp_ms, now_ms)


def _change_timer(batch: Batch, arrival: Arrival) -> None:
    """Show the notice in place of an older one. Only what another own device sent changes the own setting (02.8.1)."""
    tables = batch.tables
    notice = keep(batch, arrival, TIMER_NOTICE)
    if notice is None:
        return
    show_notice(tables, arrival.conversation, notice.id)
    if arrival.own:
        adopt(tables, arrival.conversation, notice.expiration, batch.times.local_ms)
