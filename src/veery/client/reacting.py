"""Reactions: an emoji put on a message, or taken away again (02.7.3)."""

from __future__ import annotations

from typing import Final

from veery.client.contents import OFF
from veery.client.core import Core, Times
from veery.client.faults import ReactionRefused, no_message
from veery.client.views import TEXT
from veery.client.writing import Draft, write_change
from veery.errors import Retry
from veery.protocol import given
from veery.protocol.account import AccountId
from veery.protocol.constants import MINUTE_MS, REACTION_MAX, REACTIONS_A_MINUTE
from veery.protocol.content import DataMessage, Reaction, ReactionAction
from veery.store.message_values import Deleted, Message
from veery.store.tables import Tables

REACTION_EVENT: Final = "reaction"
_SENT: Final = "reactions_sent"  # setting: local times (ms) of the last reactions, newest last


class Reacting:
    """Reactions of one account."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def react(self, message: int, emoji: str, *, remove: bool = False) -> bool:
        """Put an emoji on a message, or take the own one away; tells whether that changed anything.

        The others learn of it as they do of a message. Raises NotFound, ReactionRefused, ContactBlocked.
        """
        checked = checked_emoji(emoji)
        action = ReactionAction.REMOVE if remove else ReactionAction.REACT
        core, times = self._core, self._core.times()
        changed = await core.write(lambda tables: _react(tables, message, checked, action, core.own, times))
        core.outbox_changed.set()
        return changed


def checked_emoji(emoji: str) -> str:
    """An emoji that may be sent. Raises ReactionRefused."""
    wanted = given.text(emoji, "an emoji").strip()
    if not 0 < len(wanted) <= REACTION_MAX or wanted.isascii() or any(map(str.isspace, wanted)):
        raise ReactionRefused(
            "this is no emoji", kind="client.reaction.emoji", remedy="Give one emoji, as in `veery react 12 👍`"
        )
    return wanted


def change_reaction(
    tables: Tables, target: Message, reaction: Reaction, author: AccountId, timestamp_ms: int, now_ms: int
) -> bool:
    """Put or take away an emoji, and tell of it; False when nothing changed. timestamp_ms: T of the reaction."""
    emoji = reaction.emoji or ""
    if target.deleted is not Deleted.NO or not 0 < len(emoji) <= REACTION_MAX:
        return False
    if reaction.action is ReactionAction.REACT:
        changed = tables.reactions.add(target.id, emoji, author, timestamp_ms)
    else:
        changed = tables.reactions.remove(target.id, emoji, author)
    if changed:
        fields = {
            "id": target.id,
            "conversation": target.conversation,
            "sender": author.hex,
            "emoji": emoji,
            "action": reaction.action.name.lower(),
        }
        tables.events.append(REACTION_EVENT, fields, now_ms)
    return changed


def _react(tables: Tables, message: int, emoji: str, action: ReactionAction, own: AccountId, times: Times) -> bool:
    target = tables.messages.get(message)
    if target is None:
        raise no_message(message)
    if target.deleted is not Deleted.NO or target.kind != TEXT:
        raise ReactionRefused("there is nothing left to react to", kind="client.reaction.target")
    conversation = tables.conversations.get(target.conversation)
    if conversation is None:
        raise no_message(message)
    reaction = Reaction(id=target.timestamp_ms, author=target.author.hex, emoji=emoji, action=action)
    if not change_reaction(tables, target, reaction, own, times.network_ms, times.local_ms):
        return False
    _count(tables, times.local_ms)
    expiration = OFF if target.expiration.timer_s <= 0 else target.expiration
    write_change(tables, conversation, own, Draft(DataMessage(reaction=reaction), expiration=expiration), times)
    return True


def _count(tables: Tables, now_ms: int) -> None:
    """Note one more reaction; refuse it when there were too many in the last minute (02.7.1)."""
    noted = (tables.accounts.setting(_SENT) or "").split()
    recent = [int(each) for each in noted if now_ms - MINUTE_MS < int(each) <= now_ms]
    if len(recent) >= REACTIONS_A_MINUTE:
        raise ReactionRefused(
            f"there were {REACTIONS_A_MINUTE} reactions in the last minute",
            kind="client.reaction.too_many",
            retry=Retry.LATER,
            remedy="Wait a minute",
        )
    tables.accounts.set_setting(_SENT, " ".join(map(str, [*recent, now_ms])))
