"""How the messages of a conversation disappear: changing it, and the notice that tells of it (02.8.1).

Each side of a conversation with a person has a setting of its own; a notice from the other side only offers it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from veery.client.approval import Change, tell
from veery.client.contents import conversation_kind
from veery.client.conversations import needed
from veery.client.core import Core, Times
from veery.client.disappearing import LAST_NOTICE
from veery.client.faults import TimerRefused
from veery.client.writing import Draft, write_message
from veery.protocol.account import AccountId
from veery.protocol.constants import SECOND_MS, TTL_MAX_PUBLIC_MS, TTL_MIN_MS
from veery.protocol.content import EXPIRATION_TIMER_UPDATE, DataMessage
from veery.protocol.expiry_rules import ConversationKind, DisappearingMode, default_timer, expiration_type
from veery.store.conversations import CONTACT, Conversation
from veery.store.message_values import Expiration
from veery.store.tables import Tables

TIMER_NOTICE: Final = "timer"  # kind of a message that changes how messages disappear
TIMER_MIN_S: Final = TTL_MIN_MS // SECOND_MS  # a swarm keeps nothing for a shorter time
TIMER_MAX_S: Final = TTL_MAX_PUBLIC_MS // SECOND_MS  # nor for a longer one


class Timers:
    """Disappearing messages, as the user sets them."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def set(self, conversation: str, mode: DisappearingMode, timer_s: int | None = None) -> int:
        """Let the messages that are written from now on disappear, or no longer; gives the id of the notice.

        timer_s: 10 s to 14 days; None: what other clients propose first. The other side is told, and so are the own
        devices. Messages that exist stay as they are. Raises NotFound, TimerRefused, ContactBlocked.
        """
        core, times = self._core, self._core.times()
        seconds = 0 if mode is DisappearingMode.OFF else default_timer(mode) if timer_s is None else timer_s
        setting = Expiration(int(expiration_type(mode)), seconds)
        notice = await core.write(lambda tables: _set(tables, conversation, core.own, mode, setting, times))
        core.outbox_changed.set()
        return notice

    async def follow(self, conversation: str) -> int:
        """Take over what the notice says that is shown in the conversation. Raises NotFound, TimerRefused."""

        def work(tables: Tables) -> tuple[DisappearingMode, int]:
            needed(tables, conversation)
            shown = tables.accounts.setting(LAST_NOTICE + conversation)
            notice = None if shown is None else tables.messages.get(int(shown))
            if notice is None:
                raise TimerRefused("there is no notice to follow", kind="client.timer.notice")
            return mode_of(notice.expiration), notice.expiration.timer_s

        mode, timer_s = await self._core.read(work)
        return await self.set(conversation, mode, timer_s)


def mode_of(expiration: Expiration) -> DisappearingMode:
    """The mode of a kept setting."""
    return next(mode for mode in DisappearingMode if int(expiration_type(mode)) == expiration.type)


def show_notice(tables: Tables, conversation: str, notice: int) -> None:
    """A new notice stands in place of the older one."""
    setting = LAST_NOTICE + conversation
    older = tables.accounts.setting(setting)
    tables.messages.delete(() if older is None else (int(older),))
    tables.accounts.set_setting(setting, str(notice))


def adopt(tables: Tables, conversation: str, setting: Expiration, now_ms: int) -> None:
    """Let the own messages of a conversation disappear in a way, and tell of it."""

    def change(held: Conversation) -> Conversation:
        return replace(held, expiration_type=setting.type, expiration_timer_s=setting.timer_s)

    tell(tables, tables.conversations.update(conversation, change), Change.TIMER, now_ms)


def _set(tables: Tables, id_: str, own: AccountId, mode: DisappearingMode, setting: Expiration, times: Times) -> int:
    if id_ == own.hex:
        tables.conversations.ensure(id_, CONTACT, times.local_ms)
    conversation = needed(tables, id_)
    _check(conversation, own, mode, setting.timer_s)
    draft = Draft(DataMessage(flags=EXPIRATION_TIMER_UPDATE), TIMER_NOTICE, expiration=setting)
    before = replace(times, network_ms=times.network_ms - 1)  # so that it stands above what is written at once
    notice = write_message(tables, conversation, own, draft, before)
    show_notice(tables, id_, notice)
    adopt(tables, id_, setting, times.local_ms)
    return notice


def _check(conversation: Conversation, own: AccountId, mode: DisappearingMode, timer_s: int) -> None:
    kind = conversation_kind(conversation.id, own)
    if kind is ConversationKind.GROUP and mode is DisappearingMode.AFTER_READ:
        raise TimerRefused(
            "messages of a group disappear after sending only",
            kind="client.timer.mode",
            remedy="Use after-send, which an admin sets for everybody",
        )
    if kind is ConversationKind.GROUP:
        raise TimerRefused("an admin of the group sets this for everybody", kind="client.timer.group")
    if kind is ConversationKind.CONTACT and not (conversation.approved and conversation.approved_me):
        raise TimerRefused(
            "messages disappear only between people who have accepted each other",
            kind="client.timer.request",
            remedy="Wait until the other side has answered",
        )
    if kind is ConversationKind.NOTE_TO_SELF and mode is DisappearingMode.AFTER_READ:
        raise TimerRefused(
            "notes to yourself disappear after sending only",
            kind="client.timer.mode",
            remedy="Use after-send",
        )
    if mode is not DisappearingMode.OFF and not TIMER_MIN_S <= timer_s <= TIMER_MAX_S:
        raise TimerRefused(
            "this time is too short or too long",
            kind="client.timer.time",
            remedy="Give 10 seconds to 14 days, as in 12h or 1d",
        )
