"""Bringing configuration documents to their swarm, and keeping them there (07.9).

A push is one `sequence` to one member: the stores, then one delete of all that is obsolete, so that nothing is deleted
before its replacement is stored. The bytes are fixed and on the disk before anything is sent, and a document counts as
stored only when members of the swarm have signed that they hold each part of it. So a kill, or a lost answer, at any
point repeats the same bytes, which are the same message for the swarm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from veery.client.config.documents import Answered, Documents, Prepared, namespace_of
from veery.client.core import Core
from veery.client.swarm_answers import SwarmResult, swarm_result
from veery.errors import PeerRefused, Retry
from veery.network.road import MemberAnswer
from veery.network.signed_calls import call_signed
from veery.protocol.config import ConfigMisuse, batches
from veery.protocol.config.batches import Batch, Slot
from veery.protocol.constants import TTL_CONFIG_MS
from veery.protocol.storage_rpc import (
    AnswerMalformed,
    Delete,
    Expire,
    ExpireResult,
    Signer,
    Store,
    StoreResult,
    sign_request,
)
from veery.protocol.storage_rpc.requests import Recursive
from veery.protocol.swarm.nodes import ServiceNode

_OK: Final = 200
_EXPIRED_AT_ONCE: Final = 500  # storage hashes whose life is extended with one request


class PushRefused(PeerRefused):
    """A member of the swarm does not take a configuration document."""

    default_kind = "network.config.refused"
    default_retry = Retry.LATER
    default_remedy = "It is tried again later; `veery sync status` shows what waits"


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push has done. stored and waiting: names of documents that the swarm has confirmed, or not.

    refused: documents that cannot be stored as they are, and why.
    """

    stored: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    refused: Mapping[str, ConfigMisuse] = field(default_factory=dict)


class Pushing:
    """Pushes and renews the documents of one account. signer: who signs for the account at that moment."""

    def __init__(self, core: Core, documents: Documents, signer: Callable[[], Signer]) -> None:
        self._core = core
        self._documents = documents
        self._signer = signer
        self._busy = asyncio.Lock()

    async def push(self) -> Pushed:
        """Store what is pending and delete what is obsolete. Raises NetworkError; what was proved by then counts."""
        core, documents = self._core, self._documents
        async with self._busy:
            times = core.times()
            prepared = await core.write(lambda tables: documents.prepare_push(tables, times))
            stored: list[str] = []
            proved: dict[Slot, str] = {}
            for batch in plan(prepared):
                answered = await self._send(prepared, batch)
                proved |= answered.stored
                found, times = Answered(proved, answered.deleted), core.times()
                finish = partial(documents.finish_push, prepared=prepared, answered=found, times=times)
                stored += await core.write(finish)
            waiting = tuple(push.kind.name for push in prepared.pushes if push.kind.name not in stored)
            return Pushed(tuple(stored), waiting, prepared.refused)

    async def renew(self, look: Callable[[], Awaitable[object]] | None = None) -> tuple[str, ...]:
        """Let what is current live on in the swarm for 30 days from now, and learn what it has forgotten.

        look: reads the swarm before anything counts as forgotten, for another device may have replaced it meanwhile.
        Gives the names of forgotten documents, which are pending again. Raises NetworkError.
        """
        core, documents = self._core, self._documents
        async with self._busy:
            active = await core.read(documents.active_hashes)
            wanted = tuple(sorted(active))[:_EXPIRED_AT_ONCE]
            if not wanted:
                return ()
            found, gone = await self._extend(wanted)
            if gone and look is not None:
                await look()
            times = core.times()
            return await core.write(lambda tables: documents.renewed(tables, found, gone, times))

    async def _send(self, prepared: Prepared, batch: Batch) -> Answered:
        account, signer = self._documents.account.raw, self._signer()

        def build(now_ms: int) -> list[Recursive]:
            return requests_of(prepared, batch, signer, now_ms)

        answers = await call_signed(self._core.road, account, build, ordered=True)
        members = await self._core.road.members(account)
        sent = requests_of(prepared, batch, signer, self._core.road.now_ms())
        if len(answers) < len(sent):
            code = answers[-1].status if answers else 0
            raise PushRefused(f"a member of the swarm refuses a configuration with code {code}", code=code)
        return judged(batch, sent, answers, members)

    async def _extend(self, hashes: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str]]:
        account, signer = self._documents.account.raw, self._signer()

        def request(now_ms: int) -> Expire:
            return sign_request(Expire(account, hashes, (now_ms + TTL_CONFIG_MS,), extend=True), signer)

        sent: list[Expire] = []

        def build(now_ms: int) -> list[Expire]:
            sent[:] = [request(now_ms)]
            return sent

        (answer,) = await call_signed(self._core.road, account, build)
        result = _result(sent[0], answer, await self._core.road.members(account))
        if result is None:
            raise PushRefused("no member of the swarm has renewed the configuration", code=answer.status)
        held: set[str] = set()
        for each in result.proved.values():
            if isinstance(each, ExpireResult):
                held |= {*each.updated, *(each.unchanged or {})}
        # one member that has lost a message is no loss: the others will give it back
        certain = 2 * len(result.proved) > result.size
        return frozenset(held), frozenset(hashes) - held if certain else frozenset()


def plan(prepared: Prepared) -> Sequence[Batch]:
    """The sequences of a push, in order; none when there is nothing to store or delete."""
    if not prepared.pushes:
        return (Batch((), prepared.obsolete),) if prepared.obsolete else ()
    *first, last = (replace(push, obsolete=()) for push in prepared.pushes)
    return batches.plan([*first, replace(last, obsolete=prepared.obsolete)])


def requests_of(prepared: Prepared, batch: Batch, signer: Signer, now_ms: int) -> list[Recursive]:
    """The signed requests of one sequence: the stores, then the delete if there is something to delete."""
    requests: list[Recursive] = []
    for slot in batch.stores:
        push = prepared.pushes[slot.push]
        data, namespace = push.stored[slot.part], namespace_of(push.kind)
        store = Store(signer.account, namespace, data, now_ms, now_ms + TTL_CONFIG_MS)
        requests.append(sign_request(store, signer))
    if batch.obsolete:
        requests.append(sign_request(Delete(signer.account, batch.obsolete), signer))
    return requests


def judged(
    batch: Batch, sent: Sequence[Recursive], answers: Sequence[MemberAnswer], members: Sequence[ServiceNode]
) -> Answered:
    """What the answers to `requests_of` prove. A sequence that stopped at a failure proves nothing (07.9)."""
    if len(answers) < len(sent):
        return Answered()
    stored: dict[Slot, str] = {}
    for slot, request, answer in zip(batch.stores, sent, answers, strict=False):
        result = _result(request, answer, members)
        hashes = {each.hash for each in result.proved.values() if isinstance(each, StoreResult)} if result else set()
        if len(hashes) == 1:
            stored[slot] = hashes.pop()
    deleted = bool(batch.obsolete) and _result(sent[-1], answers[-1], members) is not None
    return Answered(stored, frozenset(batch.obsolete) if deleted else frozenset())


def _result(request: Recursive, answer: MemberAnswer, members: Sequence[ServiceNode]) -> SwarmResult | None:
    """What members of the swarm have proved, or None when nobody has proved anything."""
    if answer.status != _OK:
        return None
    try:
        result = swarm_result(request, answer, members)
    except AnswerMalformed:
        return None
    return result if result.proved else None
