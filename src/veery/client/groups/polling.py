"""Polling the swarms of groups: which, how often, and what follows from what came (08.1, 04.9).

Groups are polled that the account is in: not those that an invitation only offers, nor those that it was removed from.
A member whose token was revoked gets 401 for everything but kicked notices; that proves nothing, and changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from veery.client.core import Core
from veery.client.expiring import Expiring
from veery.client.fetching import Answered, Fetching, read_part
from veery.client.groups.reading import mailbox_of
from veery.client.groups.room import GroupRoom
from veery.client.groups.standing import signer_of
from veery.client.groups.tending import tend
from veery.client.mailbox import Mailbox
from veery.client.receiving import Fetched, Receiving
from veery.client.rereading import Rereading
from veery.errors import NetworkError, ProtocolError, VeeryError
from veery.network.road import MemberAnswer
from veery.policy.poll_schedule import activity_of
from veery.protocol.account import AccountId
from veery.protocol.constants import SECOND_MS
from veery.protocol.storage_rpc import Namespace
from veery.store.groups import GroupRow
from veery.store.tables import Tables

Letters: TypeAlias = Callable[[GroupRoom], Awaitable[None]]
log: Final = logging.getLogger(__name__)
_UNAUTHORISED: Final = 401
_AFTER_FAULT_S: Final = 60.0
_ASKED: Final = (  # in the order of the request: keys last, so that what was read before can be opened
    Namespace.GROUP_REVOKED,
    Namespace.GROUP_MESSAGES,
    Namespace.GROUP_INFO,
    Namespace.GROUP_MEMBERS,
    Namespace.GROUP_KEYS,
)


class GroupFetching(Fetching):
    """Requests for what lies in a group's swarm."""

    async def ask(self, member: bytes, namespaces: Sequence[int]) -> Sequence[Answered]:
        """As of a mailbox; asked in the order of the book, and given in the order of handling."""
        answers = await super().ask(member, [int(each) for each in _ASKED])
        by_namespace = {each.namespace: each for each in answers}
        return [by_namespace[each] for each in namespaces]

    def read(self, namespace: int, answer: MemberAnswer, cursor: str | None) -> Answered:
        """A part that is refused with 401 gives nothing: the account may have been removed."""
        if answer.status == _UNAUTHORISED:
            return Answered(namespace, answer.member.ed25519, cursor, (), False)
        return read_part(namespace, answer, self.mailbox.account, cursor)


class GroupReceiving(Receiving):
    """Fetches from the swarm of one group, and does what follows."""

    def __init__(
        self, core: Core, expiring: Expiring, rereading: Rereading, room: GroupRoom, mailbox: Mailbox, letters: Letters
    ) -> None:
        super().__init__(core, GroupFetching(core, expiring, mailbox), _nothing)
        self._room = room
        self._mailbox = mailbox
        self._rereading = rereading
        self._letters = letters

    async def _poll(self, member: bytes) -> Fetched:
        before = await self._core.read(self._mark)
        found = await super()._poll(member)
        after = await self._core.read(self._mark)
        if before != after:
            await self._rereading.reread(self._mailbox)
        await self._core.write(self._note)
        try:
            await tend(self._core, self._room)
            await self._letters(self._room)
        except (NetworkError, ProtocolError) as error:
            log.info("A group could not be tended: %s", error)
        used_ms = await self._core.read(self._used)
        self._schedule.set_activity(activity_of(used_ms, self._core.road.now_ms(), is_open=False))
        return found

    def _mark(self, tables: Tables) -> object:
        """Changes when keys or documents have come: what was kept may be readable then."""
        row = tables.groups.get(self._room.id)
        versions = [each.version for each in tables.configs.all(self._room.id)]
        return None if row is None or row.keys is None else row.keys.reveal(), versions

    def _note(self, tables: Tables) -> None:
        if tables.groups.get(self._room.id) is not None:
            now_ms = self._core.clock.now_ms()
            tables.groups.update(self._room.id, lambda row: replace(row, polled_ms=now_ms))

    def _used(self, tables: Tables) -> int | None:
        """When the group was last used: by a message, or by joining it."""
        row, conversation = tables.groups.get(self._room.id), tables.conversations.get(self._room.id.hex)
        active_ms = 0 if conversation is None else conversation.active_ms or 0
        joined_ms = 0 if row is None else row.joined_s * SECOND_MS
        return max(active_ms, joined_ms) or None


@dataclass(frozen=True, slots=True)
class _Poller:
    mark: object
    receiving: GroupReceiving
    task: asyncio.Task[None] | None = None


class GroupPolling:
    """Polls all groups that the account is in. room: gives the room of a group; letters: sends what one owes."""

    def __init__(
        self,
        core: Core,
        expiring: Expiring,
        rereading: Rereading,
        room: Callable[[AccountId], GroupRoom],
        letters: Letters,
    ) -> None:
        self._core = core
        self._expiring = expiring
        self._rereading = rereading
        self._room = room
        self._letters = letters
        self._pollers: dict[AccountId, _Poller] = {}

    async def run(self) -> None:
        """Go on until cancelled."""
        hub = self._core.hub
        self._pollers.clear()  # those of a run that has failed
        async with asyncio.TaskGroup() as tasks:
            while not hub.closed:
                version = hub.version
                await self._refresh()
                for group, poller in self._pollers.items():
                    if poller.task is None:
                        task = tasks.create_task(self._keep_polling(poller.receiving))
                        self._pollers[group] = replace(poller, task=task)
                await hub.changed(version)

    async def fetch(self) -> Fetched:
        """Poll every group now. A group whose swarm does not answer is left for the next time."""
        await self._refresh()
        found = Fetched()
        for poller in list(self._pollers.values()):
            try:
                found += await poller.receiving.fetch()
            except NetworkError as error:
                log.info("The swarm of a group gives no answer: %s", error)
        return found

    async def fetch_one(self, group: AccountId) -> Fetched:
        """Poll one group now. Raises NetworkError."""
        await self._refresh()
        poller = self._pollers.get(group)
        return Fetched() if poller is None else await poller.receiving.fetch()

    async def _keep_polling(self, receiving: GroupReceiving) -> None:
        """Poll one group for good: what is wrong with it must not keep the others from being polled."""
        while True:
            try:
                await receiving.run()
            except VeeryError as error:
                log.warning("A group cannot be polled now: %s", error)
            await self._core.clock.sleep_until(self._core.clock.monotonic() + _AFTER_FAULT_S)

    async def _refresh(self) -> None:
        """Poll those that the account is in now, with the rights that it has now."""
        rows = await self._core.read(lambda tables: {row.id: row for row in tables.groups.all() if row.is_open})
        for group in [each for each, poller in self._pollers.items() if _mark(rows.get(each)) != poller.mark]:
            poller = self._pollers.pop(group)
            if poller.task is not None:
                poller.task.cancel()
        for group, row in rows.items():
            if group not in self._pollers:
                made = self._made(row)
                if made is not None:
                    self._pollers[group] = made

    def _made(self, row: GroupRow) -> _Poller | None:
        try:
            signer = signer_of(row, self._core.account)
        except ProtocolError as error:
            log.warning("The rights in a group cannot be used: %s", error)
            return None
        if signer is None:
            return None
        room = self._room(row.id)
        mailbox = mailbox_of(room, signer)
        return _Poller(
            _mark(row), GroupReceiving(self._core, self._expiring, self._rereading, room, mailbox, self._letters)
        )


def _mark(row: GroupRow | None) -> object:
    """Changes with the rights."""
    if row is None:
        return None
    rights: Mapping[str, bytes | None] = {
        "seed": None if row.seed is None else row.seed.reveal(),
        "auth": None if row.auth_data is None else row.auth_data.reveal(),
    }
    return rights


async def _nothing() -> None:
    return None
