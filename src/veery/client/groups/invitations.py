"""Invitations and promotions that come as ordinary messages of one person (08.6.2, 08.6.3).

The rules for received messages have checked place, sizes and the signature of an invitation before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from veery.client.arrivals import Arrival, Batch
from veery.client.groups.faults import SenderRefused
from veery.client.groups.standing import open_conversation, tell
from veery.protocol.account import Account, AccountId
from veery.protocol.constants import SECOND_MS
from veery.protocol.content import DataMessage, GroupInvite, GroupPromote
from veery.protocol.groups import Access, GroupAdminKeys, member_key
from veery.secret import Secret
from veery.store.groups import DESTROYED, GroupRow
from veery.store.inbox import Undecoded

GROUP_UPDATE: Final = "content.group_update"  # kept: an update of a later version
_NEEDED: Final = Access.READ | Access.WRITE


def apply_letter(batch: Batch, arrival: Arrival, data: DataMessage) -> Undecoded | None:
    """Apply an invitation or promotion. Raises SenderRefused, SubaccountRefused."""
    update = None if data.group_update_message is None else data.group_update_message.update
    if not isinstance(update, GroupInvite | GroupPromote):
        return Undecoded(GROUP_UPDATE)
    sender = batch.tables.conversations.get(arrival.sender.hex)
    if arrival.own or (sender is not None and sender.blocked):
        raise SenderRefused("an invitation of somebody who is blocked, or of oneself", kind="group.refused.blocked")
    if isinstance(update, GroupInvite):
        _invited(batch, arrival, update)
    else:
        _promoted(batch, arrival, update)
    return None


def _invited(batch: Batch, arrival: Arrival, invite: GroupInvite) -> None:
    group, auth_data = AccountId.from_hex(invite.group_session_id.lower()), Secret(invite.member_auth_data)
    member_key(group.raw, auth_data, _account(batch).seed32, _NEEDED)
    row = _admitted(batch, arrival, group, invite.name)
    if row is not None:
        batch.tables.groups.save(replace(row, auth_data=auth_data))
        _tell(batch, replace(row, auth_data=auth_data), arrival)


def _promoted(batch: Batch, arrival: Arrival, promotion: GroupPromote) -> None:
    seed = promotion.group_identity_seed
    group = GroupAdminKeys.from_seed(seed.reveal()).group_id
    row = _admitted(batch, arrival, group, promotion.name)
    if row is None:
        return
    if row.seed is None:  # what admins alone can open lies before what was read last
        batch.tables.groups.forget_fetched(group)
    promoted = replace(row, seed=Secret(seed.reveal()))
    batch.tables.groups.save(promoted)
    if promoted.is_open:
        tell(batch.tables, promoted, "promoted", batch.times, by=arrival.sender.hex)
    else:
        _tell(batch, promoted, arrival)


def _admitted(batch: Batch, arrival: Arrival, group: AccountId, name: str) -> GroupRow | None:
    """The group's row as the invitation makes it, without the rights; None for a group that is gone for good."""
    held = batch.tables.groups.get(group)
    if held is not None and held.removed == DESTROYED:
        return None
    letters = (*(held.letters if held is not None else ()), arrival.item.hash)
    if held is not None and not held.removed:
        accepted = _by_contact(batch, arrival)
        opened = replace(held, letters=letters, invited=held.invited and not accepted)
        return replace(opened, responding=True) if held.invited and accepted else opened
    batch.tables.groups.forget_fetched(group)
    accepted = _by_contact(batch, arrival)
    return GroupRow(
        group,
        name=name,
        invited=not accepted,
        inviter=arrival.sender,
        responding=accepted,
        joined_s=arrival.timestamp_ms // SECOND_MS,
        letters=letters,
        keys=None if held is None else held.keys,  # they tell an old kicked notice from a new one
    )


def _by_contact(batch: Batch, arrival: Arrival) -> bool:
    sender = batch.tables.conversations.get(arrival.sender.hex)
    return sender is not None and sender.approved


def _tell(batch: Batch, row: GroupRow, arrival: Arrival) -> None:
    if row.is_open:
        open_conversation(batch.tables, row, batch.times)
    tell(batch.tables, row, "invited" if row.invited else "joined", batch.times, by=arrival.sender.hex)


def _account(batch: Batch) -> Account:
    return Account.from_seed(batch.tables.accounts.get().seed.reveal())
