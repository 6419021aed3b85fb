"""One attempt to store a sealed copy at one member of a swarm, and what its answer is worth (02.4.1)."""

from __future__ import annotations

from typing import Final

from veery.client.core import Core
from veery.client.fates import Storing
from veery.client.groups.sealing import store_signer
from veery.client.swarm_answers import SwarmResult, swarm_result
from veery.errors import NetworkError, PeerRefused, Retry, Unreachable
from veery.network.signed_calls import call_signed
from veery.policy.chance import pick
from veery.protocol.storage_rpc import AnswerMalformed, Store, StoreResult
from veery.protocol.swarm.nodes import ServiceNode
from veery.store.outbox import Copy

_OK: Final = 200
_FOR_GOOD: Final = "network.store.refused_for_good"
_CODES_FOR_GOOD: Final = frozenset({400, 401, 403, 413})  # the same bytes are refused again, if the node is honest


class StoreRefused(PeerRefused):
    """A member of a swarm does not take a message."""

    default_kind = "network.store.refused"
    default_retry = Retry.ELSEWHERE


async def choose_member(core: Core, copy: Copy, tried: tuple[bytes, ...]) -> ServiceNode:
    """A random member of a copy's swarm, one that was not tried if there is one. Raises NetworkError."""
    members = await core.road.members(copy.destination.raw)
    if not members:
        raise Unreachable("no member of the recipient's swarm is known", retry=Retry.LATER)
    untried = [member for member in members if member.ed25519 not in tried]
    return pick(untried or members, core.random.randbelow)


async def store_copy(core: Core, copy: Copy, sealed: bytes, member: ServiceNode) -> Storing:
    """Ask one member to store a copy in its whole swarm. Raises NetworkError."""
    account = copy.destination.raw

    def request(now_ms: int) -> Store:
        return Store(account, copy.namespace, sealed, now_ms, now_ms + copy.ttl_ms)

    sign = await store_signer(core, copy.destination)
    (answer,) = await call_signed(
        core.road, account, lambda now_ms: [sign(request(now_ms))], member=member.ed25519, ordered=True
    )
    if answer.status != _OK:
        kind = _FOR_GOOD if answer.status in _CODES_FOR_GOOD else None
        raise StoreRefused(f"the swarm refuses the message with code {answer.status}", code=answer.status, kind=kind)
    try:
        result = swarm_result(request(core.road.now_ms()), answer, await core.road.members(account))
    except AnswerMalformed as error:
        raise Unreachable("a member of the swarm gives an answer that is none", kind="network.store.answer") from error
    return Storing(len(result.proved), result.size, result.answered_ms, _expiry(result))


def is_final(error: NetworkError, failures: int, quick_attempts: int) -> bool:
    """Whether a refusal ends a copy: it is about the bytes, and not the word of one member alone."""
    return error.kind == _FOR_GOOD and failures + 1 >= quick_attempts


def _expiry(result: SwarmResult) -> int | None:
    expiries = [each.expiry for each in result.proved.values() if isinstance(each, StoreResult)]
    return max(expiries, default=None)
