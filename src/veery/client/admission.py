"""Who may write to this account one to one: everybody, or contacts alone, as the user has set it."""

from __future__ import annotations

from veery.client.arrivals import Arrival, Batch
from veery.client.keeping import is_stranger
from veery.client.settings import Strangers, strangers
from veery.errors import Rejected
from veery.protocol.content import DataMessage, GroupPromote
from veery.protocol.groups import GroupAdminKeys


class StrangerRefused(Rejected):
    """A message of somebody whom this account has not accepted, while it takes those of contacts alone."""

    default_kind = "receive.stranger"


def admit(batch: Batch, arrival: Arrival) -> None:
    """Pass a message that the receive rules have passed, or raise StrangerRefused.

    Who makes this account an admin of a group that it is in need not be a contact.
    """
    author = batch.tables.conversations.settings(arrival.sender.hex)
    if not is_stranger(author, batch, arrival) or strangers(batch.tables) is not Strangers.CONTACTS:
        return
    if not _promotes_in_known_group(batch, arrival):
        raise StrangerRefused("only contacts may write to this account")


def _promotes_in_known_group(batch: Batch, arrival: Arrival) -> bool:
    kind = arrival.opened.content.kind
    message = kind.group_update_message if isinstance(kind, DataMessage) else None
    if message is None or not isinstance(message.update, GroupPromote):
        return False
    group = GroupAdminKeys.from_seed(message.update.group_identity_seed.reveal()).group_id
    return batch.tables.conversations.get(group.hex) is not None
