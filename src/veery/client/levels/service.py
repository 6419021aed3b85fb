"""What is known of the protection of each conversation, and what the user chooses about it (14.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from veery.client.core import Core
from veery.client.faults import NotWaiting, SelfRefused, no_copy, no_message
from veery.client.levels.key_fetching import KeyFetching
from veery.client.levels.notices import FOR_CONTACT, REQUIRED, WAITING
from veery.client.levels.own_keys import OwnKeys, own_keys
from veery.policy.downgrade import Decision, Floor, Mark, Reason, SendLongTerm, SendPfs, Withhold, decide
from veery.policy.level import Level
from veery.protocol.account import AccountId
from veery.store.contact_keys import ContactSecurity
from veery.store.held_copies import Held
from veery.store.outbox import Copy
from veery.store.tables import Tables


@dataclass(frozen=True, slots=True)
class Outlook:
    """How a message written now goes out. level: None when it does not; reason: why it does not."""

    level: Level | None
    mark: Mark = Mark.NONE
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Security:
    """What is known about one contact. waiting: copies that wait for keys; own: what this account publishes."""

    conversation: str = field(repr=False)
    known: ContactSecurity
    outlook: Outlook
    waiting: int
    own: OwnKeys


class Levels:
    """The protection of the conversations of one account."""

    def __init__(self, core: Core, keys: KeyFetching) -> None:
        self._core = core
        self._keys = keys

    def opened(self, conversation: str) -> None:
        """A conversation is looked at or written in: have its keys at hand (06.10)."""
        self._keys.want(AccountId.from_hex(conversation))

    async def security(self, conversation: str) -> Security:
        """What is known about a contact. Raises SelfRefused."""
        contact, now_ms = self._contact(conversation), self._core.road.now_ms()

        def look(tables: Tables) -> Security:
            known = tables.contact_keys.get(contact)
            outlook = _outlook(known, decide(known.keys, now_ms))
            return Security(conversation, known, outlook, tables.held.count(contact), own_keys(tables))

        return await self._core.read(look)

    async def require_v2(self, conversation: str, required: bool) -> None:
        """Send nothing but v2 to a contact, or leave it to what the contact publishes. Raises SelfRefused."""
        floor = Floor.REQUIRE_V2 if required else Floor.AUTOMATIC
        await self._change(
            conversation,
            lambda known: replace(
                known,
                keys=replace(known.keys, floor=floor, long_term_allowed=known.keys.long_term_allowed and not required),
            ),
        )

    async def allow_long_term(self, conversation: str) -> None:
        """Let a conversation use long-term keys until keys of the contact are seen again. Raises SelfRefused."""
        await self._change(conversation, lambda known: replace(known, keys=known.keys.allowing_long_term()))

    async def send_anyway(self, message: int) -> str:
        """Send a message that waits for keys with long-term keys, this once; gives its conversation.

        Raises NotFound, NotWaiting.
        """
        return await self._choose(lambda tables: _held_copy(tables, message))

    async def send_copy_anyway(self, copy: int) -> str:
        """Send something that no message shows with long-term keys, this once; gives its conversation.

        Raises NotFound, NotWaiting.
        """

        def find(tables: Tables) -> Copy:
            found = tables.outbox.get(copy)
            if found is None or found.message is not None:
                raise no_copy(copy)
            return found

        return await self._choose(find)

    async def _choose(self, find: Callable[[Tables], Copy]) -> str:
        now_ms = self._core.clock.now_ms()

        def choose(tables: Tables) -> str:
            copy = find(tables)
            if not _may_choose(tables.held.get(copy.id)):
                raise NotWaiting("this does not wait for the keys of a contact")
            tables.held.choose(copy.id, now_ms)
            return copy.destination.hex

        conversation = await self._core.write(choose)
        self._core.outbox_changed.set()
        return conversation

    async def _change(self, conversation: str, change: Callable[[ContactSecurity], ContactSecurity]) -> None:
        contact, now_ms = self._contact(conversation), self._core.clock.now_ms()

        def work(tables: Tables) -> None:
            tables.contact_keys.save(contact, change(tables.contact_keys.get(contact)))
            tables.held.wake(contact, now_ms)

        await self._core.write(work)
        self._core.outbox_changed.set()

    def _contact(self, conversation: str) -> AccountId:
        contact = AccountId.from_hex(conversation)
        if contact == self._core.own:
            raise SelfRefused("note to self is no contact")
        return contact


def _held_copy(tables: Tables, message: int) -> Copy:
    if tables.messages.get(message) is None:
        raise no_message(message)
    for copy in tables.outbox.of(message):
        if _may_choose(tables.held.get(copy.id)):
            return copy
    raise NotWaiting(f"message {message} does not wait for keys")


def _may_choose(held: Held | None) -> bool:
    # A copy for own devices is never made with long-term keys when the message was not (06.18.4 R8).
    return held is not None and held.reason in FOR_CONTACT and not held.chosen


def _outlook(known: ContactSecurity, decision: Decision) -> Outlook:
    match decision:
        case SendPfs(mark=mark):
            return Outlook(Level.PFS, mark)
        case SendLongTerm(mark):
            fallback = mark is Mark.CHOSEN and known.keys.record is not None
            return Outlook(Level.FALLBACK if fallback else Level.V1, mark)
        case Withhold(Reason.REFUSED):
            return Outlook(None, reason=REQUIRED)
        case Withhold():
            return Outlook(None, reason=WAITING)
