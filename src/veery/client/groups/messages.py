"""Messages of a group: opened with the key that does it, judged by their author, and applied (08.5).

An author who is not in Members is judged by the key that was used. With a key that was replaced already when the
message was stored, it was written by somebody who had been removed; with the newest key it comes from somebody who got
the key from elsewhere, or who is about to be listed. What a member wrote before leaving is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from veery.client.apply_data import apply_data
from veery.client.arrivals import Arrival, Batch
from veery.client.groups.faults import SenderRefused
from veery.client.groups.room import GroupRoom
from veery.client.groups.standing import keys_of, open_conversation
from veery.client.groups.updates import apply_update
from veery.client.opening import Broken, Opened
from veery.client.views import GROUP_LEVEL
from veery.errors import ProtocolError
from veery.protocol.account import Account
from veery.protocol.constants import MINUTE_MS, SECOND_MS
from veery.protocol.content import DataMessage, Unknown, decode
from veery.protocol.groups import GroupKey, GroupRefused, KeyList, Member
from veery.protocol.groups import members as group_members
from veery.protocol.groups import messages as group_messages
from veery.protocol.groups.members import Progress
from veery.protocol.receive_rules import Known, Received, check
from veery.store.groups import GroupRow
from veery.store.inbox import FetchedItem, Undecoded
from veery.store.tables import Tables

NO_KEY: Final = "group.no_key"  # kept until the key comes
NOT_A_MEMBER: Final = "group.refused.not_a_member"  # kept in case that the author is only about to be listed
NOT_HERE: Final = "group.refused.not_here"  # kept in case that the account is invited again
UNKNOWN_KIND: Final = "content.unknown"
_DECRYPT: Final = "group.refused.decrypt"
_CLOCKS_MS: Final = MINUTE_MS  # by which the times of two members of a swarm may differ


@dataclass(frozen=True, slots=True)
class GroupOpened:
    """An opened message. key: which one did it; None for one that is not in the swarm yet."""

    opened: Opened
    key: GroupKey | None


GroupOpening: TypeAlias = GroupOpened | Broken | Undecoded
Opener: TypeAlias = Callable[[Sequence[FetchedItem]], Mapping[str, GroupOpening]]


def prepare_messages(room: GroupRoom, tables: Tables, account: Account) -> Opener:
    """What opens messages with the keys that are held now."""
    row = tables.groups.get(room.id)
    keys = keys_of(row) if row is not None else KeyList()

    def open_items(items: Iterable[FetchedItem]) -> Mapping[str, GroupOpening]:
        return {item.hash: _open(room, keys, item) for item in items}

    return open_items


def apply_message(
    room: GroupRoom, batch: Batch, openings: Mapping[str, GroupOpening], item: FetchedItem
) -> Undecoded | None:
    """Apply one message. Raises ProtocolError when it is refused."""
    found = openings[item.hash]
    if isinstance(found, Broken):
        raise found.error
    if isinstance(found, Undecoded):
        return found
    row = batch.tables.groups.get(room.id)
    if row is None or not row.is_open:
        return Undecoded(NOT_HERE)
    author = room.member(batch.tables, found.opened.sender)
    if author is None and _is_outsider(found, keys_of(row), item):
        return Undecoded(NOT_A_MEMBER)
    _check(batch, row, found.opened)
    open_conversation(batch.tables, row, batch.times)  # it may have been removed from the list
    return _apply(room, batch, row, Arrival(item, found.opened, room.id.hex, found.opened.sender == batch.own), author)


def _open(room: GroupRoom, keys: KeyList, item: FetchedItem) -> GroupOpening:
    try:
        return _opened(room, keys, item)
    except ProtocolError as error:
        if error.kind != _DECRYPT:
            return Broken(error)
    if keys.keys and item.timestamp_ms < keys.keys[0].timestamp_ms - _CLOCKS_MS:
        return Broken(SenderRefused("the message is older than the membership", kind="group.refused.before_keys"))
    return Undecoded(NO_KEY)


def _opened(room: GroupRoom, keys: KeyList, item: FetchedItem) -> GroupOpened:
    """Open with the newest key that does it. Raises ProtocolError."""
    pending = [] if keys.pending is None else [(None, keys.pending.key)]
    for key, secret in (*pending, *((each, each.key) for each in reversed(keys.keys))):
        try:
            message = group_messages.open(item.data, group_public=room.id.key, keys=[secret])
        except GroupRefused as error:
            if error.kind != _DECRYPT:
                raise
            continue
        content = decode(message.content)
        timestamp_ms = message.timestamp or content.timestamp or 0
        return GroupOpened(Opened(message.sender, timestamp_ms, content, message.content, GROUP_LEVEL), key)
    raise GroupRefused("the message does not open with any key", kind=_DECRYPT)


def _is_outsider(found: GroupOpened, keys: KeyList, item: FetchedItem) -> bool:
    """Whether an author who is not listed may never have been; raises SenderRefused for one who was removed."""
    newer = [] if found.key is None else [key for key in keys.keys if key.generation > found.key.generation]
    if not newer:
        return True
    if item.timestamp_ms > newer[0].timestamp_ms:
        raise SenderRefused("the author was removed from the group", kind="group.refused.removed")
    return False


def _check(batch: Batch, row: GroupRow, opened: Opened) -> None:
    author = batch.tables.conversations.get(opened.sender.hex)
    conversation = batch.tables.conversations.get(row.id.hex)
    known = Known(
        author_blocked=author is not None and author.blocked,
        group_open=conversation is None or not conversation.blocked,
        conversation_exists=True,
        duplicate=batch.tables.messages.find(opened.sender, opened.timestamp_ms) is not None,
    )
    check(Received(opened.content, opened.sender.raw, opened.timestamp_ms, group=row.id.raw), batch.own.raw, known)
    cleared_s = max(row.cleared_s, row.media_cleared_s)
    if opened.timestamp_ms <= cleared_s * SECOND_MS:
        raise SenderRefused("the message was cleared by an admin", kind="group.refused.cleared")


def _apply(room: GroupRoom, batch: Batch, row: GroupRow, arrival: Arrival, author: Member | None) -> Undecoded | None:
    content = arrival.opened.content.kind
    if isinstance(content, Unknown) and content.raw:
        return Undecoded(UNKNOWN_KIND)
    if not isinstance(content, DataMessage) or content.is_timer_update:
        raise SenderRefused("a group takes no message of this kind", kind="group.refused.content")
    if content.group_update_message is not None:
        return apply_update(room, batch, arrival, content, author)
    if author is not None and not arrival.own:
        _settle_invitation(room, batch, author)
    return apply_data(batch, arrival, content)


def _settle_invitation(room: GroupRoom, batch: Batch, author: Member) -> None:
    """Who writes has accepted, also when the answer to the invitation is missing (08.6.2)."""
    if author.invite and not author.removal and room.admin(batch.tables) is not None:
        room.write_members(batch.tables, [group_members.invited(author, Progress.ACCEPTED)], batch.times)
