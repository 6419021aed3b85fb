"""One request to one member for the messages of a mailbox, and the keeping of its answer.

Faults are kept apart by what they concern: a member that does not answer, or not in the form of the book, raises; an
item that breaks a rule is refused and counts as seen; an item that a later build may read is kept with its bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from veery.client.arrivals import Batch
from veery.client.core import Core
from veery.client.expiring import Expiring
from veery.client.mailbox import Mailbox
from veery.client.opening import Opened
from veery.errors import PeerRefused
from veery.network.road import MemberAnswer
from veery.network.signed_calls import call_signed
from veery.policy.late import Horizon
from veery.policy.polling import Page, PolledItem, Reading, read_answer
from veery.protocol.account import AccountId
from veery.protocol.storage_rpc import (
    Retrieve,
    message_hash,
    poll_fractions,
    read_retrieve,
    sign_request,
)
from veery.store.inbox import FetchedBatch, FetchedItem, Recorded
from veery.store.tables import Tables

_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Answered:
    """What a member gave for one namespace. node: who; cursor: what was asked for, None from the start."""

    namespace: int
    node: bytes
    cursor: str | None
    items: tuple[FetchedItem, ...] = field(repr=False)
    more: bool

    @property
    def page(self) -> Page:
        """The answer as the policy looks at it."""
        return Page([PolledItem(item.hash, item.timestamp_ms) for item in self.items], self.more)


class Fetching:
    """Requests for the messages of one mailbox."""

    def __init__(self, core: Core, expiring: Expiring, mailbox: Mailbox) -> None:
        self._core = core
        self._expiring = expiring
        self.mailbox = mailbox

    async def ask(self, member: bytes, namespaces: Sequence[int]) -> Sequence[Answered]:
        """Ask a member for what is new in each namespace.

        Raises NetworkError, and ProtocolError for an answer that is none.
        """
        account, road = self.mailbox.account, self._core.road
        sizes = poll_fractions(namespaces)
        cursors = await self._core.read(
            lambda tables: {each: tables.inbox.last_hash(member, account, each) for each in namespaces}
        )

        def ask(now_ms: int) -> list[Retrieve]:
            parts = (
                Retrieve(account.raw, each, last_hash=cursors[each], max_size=sizes[each], timestamp=now_ms)
                for each in namespaces
            )
            return [sign_request(part, self.mailbox.signer) for part in parts]

        answers = await call_signed(road, account.raw, ask, member=member)
        if len(answers) != len(namespaces):
            raise PeerRefused("a member of the swarm leaves out a part of the poll", code=_OK)
        return [
            self.read(namespace, answer, cursors[namespace] if answer.member.ed25519 == member else None)
            for namespace, answer in zip(namespaces, answers, strict=True)
        ]

    def read(self, namespace: int, answer: MemberAnswer, cursor: str | None) -> Answered:
        """What a member gave for one namespace. Raises PeerRefused, AnswerMalformed."""
        return read_part(namespace, answer, self.mailbox.account, cursor)

    async def record(self, answer: Answered, horizon: Horizon) -> tuple[Reading, Recorded]:
        """Keep what is new of an answer, move the cursor, and do what follows from it."""
        core = self._core
        seen = await core.read(
            lambda tables: {item.hash for item in answer.items if tables.inbox.is_seen(item.hash, answer.namespace)}
        )
        times = core.times()
        reading = read_answer(answer.namespace, answer.page, answer.cursor, seen, horizon, times.network_ms)
        if not reading.fetched and reading.cursor is None:
            return reading, Recorded((), (), (), len(answer.items))
        by_hash = {item.hash: item for item in answer.items}
        fresh = [by_hash[each.item.hash] for each in reading.fetched]
        handler = self.mailbox.handlers[answer.namespace]
        opener = await core.read(lambda tables: handler.prepare(tables, core.account))
        openings = await asyncio.to_thread(opener, fresh)
        late = frozenset(each.item.hash for each in reading.fetched if each.late)
        fetched = FetchedBatch(
            answer.node, self.mailbox.account, answer.namespace, by_time(fresh, openings), reading.cursor
        )

        def work(tables: Tables) -> tuple[Recorded, Batch]:
            batch = Batch(tables, core.own, times, late, self.mailbox.account)
            return tables.inbox.record_fetched(fetched, partial(handler.apply, batch, openings), times.local_ms), batch

        recorded, batch = await core.write(work)
        for event in batch.live:
            core.hub.publish(event)
        if batch.queued:
            core.outbox_changed.set()
        if batch.shorten:
            await self._expiring.shorten(batch.shorten)
        return reading, recorded


def read_part(namespace: int, answer: MemberAnswer, account: AccountId, cursor: str | None) -> Answered:
    """Read an answer to a retrieve. Raises PeerRefused, AnswerMalformed.

    An item under a hash that is not its own is left out: marking that hash as seen would hide the real message.
    """
    if answer.status != _OK:
        raise PeerRefused(f"a member of the swarm refuses the poll with code {answer.status}", code=answer.status)
    read = read_retrieve(answer.body)
    items = tuple(
        FetchedItem(each.hash, each.data, each.timestamp, each.expiration)
        for each in read.messages
        if each.hash == message_hash(account.raw, namespace, each.data)
    )
    return Answered(namespace, answer.member.ed25519, cursor, items, read.more)


def by_time(items: Sequence[FetchedItem], openings: Mapping[str, object]) -> tuple[FetchedItem, ...]:
    """Items by T, so that what speaks of a message comes after it; those without T by the time of their storing."""

    def key(item: FetchedItem) -> int:
        opening = openings[item.hash]
        return opening.timestamp_ms if isinstance(opening, Opened) else item.timestamp_ms

    return tuple(sorted(items, key=key))
