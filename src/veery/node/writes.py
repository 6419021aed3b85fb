"""Requests that change messages: done here, asked of every other member, and gathered into one answer (04.2.2).

`Writes.locally` carries a checked request out on this node and signs the result; `Writes.everywhere` does the same and
forwards the request at once to the other members, waiting up to 5 s for each. One dead member never fails a request.
A member that missed it is told to `missed`, so that it can be repaired later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeAlias

from veery.errors import Malformed, RuntimeFault, Unreachable, VeeryError
from veery.node import message_table as table
from veery.node.messages import MessageStore
from veery.node.view import NodeView
from veery.protocol.constants import MEMBER_TIMEOUT_S
from veery.protocol.crypto import ed25519_sign
from veery.protocol.storage_rpc.answers import RecursiveAnswer
from veery.protocol.storage_rpc.hashing import message_hash
from veery.protocol.storage_rpc.members import (
    ExpireResult,
    HashesResult,
    MemberFailure,
    MemberResult,
    MemberSuccess,
    RevokeResult,
    StoreResult,
    sign_result,
)
from veery.protocol.storage_rpc.read_members import read_member
from veery.protocol.storage_rpc.requests import (
    Delete,
    DeleteAll,
    DeleteBefore,
    Expire,
    ExpireAll,
    Recursive,
    RevokeSubaccount,
    Store,
    UnrevokeSubaccount,
)
from veery.protocol.storage_rpc.write import write_forwarded
from veery.protocol.swarm.nodes import ServiceNode

log = logging.getLogger(__name__)

NotStore: TypeAlias = Delete | DeleteAll | DeleteBefore | Expire | ExpireAll | RevokeSubaccount | UnrevokeSubaccount

# Errors of members that are repeated besides time-outs (05.5 repeats no error): 421 is said by one whose node list is
# older than ours, 500 by one whose database failed; both would lack the message for as long as it lives.
_REPEATED: Final = frozenset({"421", "500"})


class Members(Protocol):
    """The way to other nodes by their queue."""

    def ask(
        self, node: ServiceNode, command: bytes, *parts: bytes, timeout_s: float, outgoing_only: bool = False
    ) -> Awaitable[Sequence[bytes]]:
        """Ask a node; awaiting raises Unreachable or PeerRefused. `outgoing_only`: not over a connection it opened."""
        ...


class Writes:
    """Carries out recursive requests.

    `missed(node, request)` hears of members that did not get one, before the client is answered.
    """

    def __init__(
        self,
        view: NodeView,
        store: MessageStore,
        members: Members,
        missed: Callable[[ServiceNode, Recursive], Awaitable[None]],
    ) -> None:
        self._view = view
        self._store = store
        self._members = members
        self._missed = missed

    async def everywhere(self, request: Recursive) -> RecursiveAnswer:
        """Do it here and at every other member of the swarm; gives all results."""
        others = self._view.others()
        asked = self._ask(others, request) if others else []
        try:
            own = await self._own(request)
            results: dict[bytes, MemberResult] = {self._view.keys.ed25519: own}
            for node, answer in zip(others, asked, strict=True):
                results[node.ed25519] = await self._theirs(node, request, answer)
        finally:
            _let_go(asked)
        shown = _hash_of(request, own)
        return RecursiveAnswer(results, shown, t=self._view.now_ms(), hf=self._view.hardfork)

    async def locally(self, request: Recursive) -> MemberSuccess:
        """Do it on this node alone, once it is on disk. Raises RuntimeFault when the database cannot."""
        if isinstance(request, Store):
            return await self._put(request)
        result = await self._apply(request)
        return sign_result(request, result, self._view.keys.ed25519_secret)

    async def _own(self, request: Recursive) -> MemberResult:
        try:
            return await (self._put(request, timed=True) if isinstance(request, Store) else self.locally(request))
        except RuntimeFault as error:
            log.error("the message database failed: %s", error.kind)
            return MemberFailure(query_failure=True)

    def _ask(self, nodes: Sequence[ServiceNode], request: Recursive) -> list[asyncio.Future[Sequence[bytes]]]:
        """Send a request on to members; all are under way when this returns."""
        method, body = request.method.encode(), write_forwarded(request)
        ask = self._members.ask
        return [
            asyncio.ensure_future(ask(node, b"sn.storage_cc", method, body, timeout_s=MEMBER_TIMEOUT_S))
            for node in nodes
        ]

    async def _theirs(
        self, node: ServiceNode, request: Recursive, answer: asyncio.Future[Sequence[bytes]]
    ) -> MemberResult:
        try:
            parts = await answer
        except Unreachable:
            await self._missed(node, request)
            return MemberFailure(timeout=True)
        except VeeryError as error:
            await self._missed(node, request)
            return MemberFailure(code="500", reason=error.kind)
        result = _member_result(request, parts)
        if isinstance(result, MemberFailure) and result.code in _REPEATED:
            await self._missed(node, request)
        return result

    # -- what each method does ---------------------------------------------------------------------------------

    async def _apply(self, request: NotStore) -> HashesResult | ExpireResult | RevokeResult:
        match request:
            case Delete():
                now = self._view.now_ms()
                found = await self._store.write(lambda db: table.delete(db, request.account, request.messages, now))
                return HashesResult("deleted", tuple(found))
            case DeleteAll():
                return await self._delete_where(request, None)
            case DeleteBefore():
                return await self._delete_where(request, request.before)
            case Expire():
                return await self._expire(request)
            case ExpireAll():
                chosen = _one(request.namespace)
                rows = await self._store.write(lambda db: table.expire_all(db, request.account, chosen, request.expiry))
                return HashesResult("updated", _grouped(rows, request.namespace))
            case RevokeSubaccount():
                now = self._view.now_ms()
                await self._store.write(lambda db: table.revoke(db, request.account, request.tokens, now))
                return RevokeResult()
            case UnrevokeSubaccount():
                count = await self._store.write(lambda db: table.unrevoke(db, request.account, request.tokens))
                return RevokeResult(count)

    async def _put(self, request: Store, *, timed: bool = False) -> StoreResult:
        """`timed`: with this node's time, which the asked node alone tells."""
        text = message_hash(request.account, request.namespace, request.data)
        message = table.StoredMessage(
            request.account, request.namespace, text, request.timestamp, request.expiry, request.data
        )
        kept = await self._store.put(message)
        signature = ed25519_sign(self._view.keys.ed25519_secret.reveal(), text.encode())  # 04.6.1: the hash alone
        return StoreResult(text, kept.expiry, kept.already, self._view.now_ms() if timed else None, signature)

    async def _delete_where(self, request: DeleteAll | DeleteBefore, before: int | None) -> HashesResult:
        chosen, now = _one(request.namespace), self._view.now_ms()
        rows = await self._store.write(lambda db: table.delete_where(db, request.account, chosen, now, before))
        return HashesResult("deleted", _grouped(rows, request.namespace))

    async def _expire(self, request: Expire) -> ExpireResult:
        now = self._view.now_ms()
        single = len(request.expiries) == 1
        expiries = request.expiries * len(request.messages) if single else request.expiries
        wanted = [*zip(request.messages, expiries, strict=True)]
        done = await self._store.write(
            lambda db: table.expire(
                db, request.account, wanted, shorten=request.shorten, extend=request.extend_only, now_ms=now
            )
        )
        updated = tuple(sorted(done.updated))
        applied = table.capped_expiry(request.expiries[0], now)
        return ExpireResult(
            updated,
            applied if single else tuple(done.updated[each] for each in updated),
            done.unchanged if request.reports_unchanged else None,
        )


def _member_result(request: Recursive, parts: Sequence[bytes]) -> MemberResult:
    """What a member answered: one part is its result, two are code and text (05.5)."""
    if len(parts) >= 2:
        return MemberFailure(code=parts[0].decode("latin-1"), reason=parts[1].decode("utf-8", "replace"))
    try:
        return read_member(request, parts[0] if parts else b"")
    except Malformed:
        return MemberFailure(bad_peer_response=True)


def _let_go(answers: Sequence[asyncio.Future[Sequence[bytes]]]) -> None:
    """Wait no longer for what nobody will read, as when the client is gone."""
    for answer in answers:
        if answer.done():
            if not answer.cancelled():
                answer.exception()  # looked at, or the loop reports it as forgotten
        else:
            answer.cancel()


def _hash_of(request: Recursive, own: MemberResult) -> str | None:
    if isinstance(own, StoreResult):
        return own.hash
    return message_hash(request.account, request.namespace, request.data) if isinstance(request, Store) else None


def _one(namespace: int | str) -> int | None:
    return namespace if isinstance(namespace, int) else None


def _grouped(rows: list[tuple[int, str]], namespace: int | str) -> tuple[str, ...] | dict[int, tuple[str, ...]]:
    if isinstance(namespace, int):
        return tuple(sorted(text for _, text in rows))
    spaces = sorted({space for space, _ in rows})
    return {space: tuple(sorted(text for at, text in rows if at == space)) for space in spaces}
