"""What is stored in the own swarm, and read from it, beside messages: group messages, requests, the account record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from veery.client.core import Core
from veery.client.swarm_answers import swarm_result
from veery.errors import NetworkError, PeerRefused, ProtocolError, Retry, Unreachable
from veery.network.signed_calls import call_signed
from veery.policy.chance import sample
from veery.protocol.constants import (
    SIGNATURE_SLACK_MS,
    TTL_ACCOUNT_RECORD_MS,
    TTL_DEVICE_GROUP_MS,
    TTL_LINK_REQUEST_MS,
)
from veery.protocol.devices import account_record
from veery.protocol.devices.account_record import AccountRecord
from veery.protocol.storage_rpc import (
    Delete,
    Info,
    Namespace,
    Retrieve,
    Store,
    message_hash,
    owner_signer,
    read_retrieve,
    sign_request,
)
from veery.protocol.storage_rpc.requests import Simple
from veery.protocol.swarm.nodes import ServiceNode

S = TypeVar("S", Store, Delete)
_OK: Final = 200
ASKED: Final = 3  # members that are asked for the own record before it counts as missing or foreign (06.18.4 R2)


class NotStored(PeerRefused):
    """The own swarm has not taken what belongs to the own devices."""

    default_kind = "network.devices.not_stored"
    default_retry = Retry.LATER


async def store_group(core: Core, data: bytes, old: Iterable[str]) -> str:
    """Store a group message, then delete the old ones in one ordered request; gives its hash. Raises NetworkError."""
    return await _store(core, Namespace.DEVICE_GROUP, data, TTL_DEVICE_GROUP_MS, tuple(sorted(old)))


async def delete_groups(core: Core, hashes: Iterable[str]) -> None:
    """Delete group messages. Raises NetworkError."""
    wanted = tuple(sorted(hashes))
    if not wanted:
        return
    (answer,) = await call_signed(core.road, core.own.raw, lambda _: [_signed(core, Delete(core.own.raw, wanted))])
    if answer.status != _OK:
        raise NotStored(f"a member of the own swarm refuses with code {answer.status}", code=answer.status)


async def store_request(core: Core, data: bytes) -> str:
    """Store a link request; gives its hash. Raises NetworkError."""
    return await _store(core, Namespace.DEVICE_GROUP, data, TTL_LINK_REQUEST_MS)


async def store_record(core: Core, raw: bytes) -> None:
    """Store an account record in place of the one before. Raises NetworkError."""
    await _store(core, Namespace.ACCOUNT_RECORD, raw, TTL_ACCOUNT_RECORD_MS)


async def _store(core: Core, namespace: Namespace, data: bytes, ttl_ms: int, old: tuple[str, ...] = ()) -> str:
    own = core.own.raw

    def build(now_ms: int) -> list[Simple]:
        store: Simple = _signed(core, Store(own, int(namespace), data, now_ms, now_ms + ttl_ms))
        return [store, _signed(core, Delete(own, old))] if old else [store]

    members = await core.road.members(own)
    answers = await call_signed(core.road, own, build, ordered=True)
    if not answers or answers[0].status != _OK:
        code = answers[0].status if answers else _OK
        raise NotStored(f"a member of the own swarm refuses with code {code}", code=code)
    try:
        request = Store(own, int(namespace), data, core.road.now_ms(), core.road.now_ms() + ttl_ms)
        proved = swarm_result(request, answers[0], members).proved
    except ProtocolError as error:
        raise NotStored("a member of the own swarm gives an answer that is none", code=_OK) from error
    if not proved:
        raise NotStored("no member of the own swarm has proved that it stored it", code=_OK)
    return message_hash(own, int(namespace), data)


def _signed(core: Core, request: S) -> S:
    return sign_request(request, owner_signer(core.own.raw, core.account.ed25519_secret))


async def found_records(core: Core, enough: AccountRecord | None) -> AccountRecord | None:
    """The newest valid record that members of the own swarm hold; None when those that were asked have none.

    One is asked; others only if it has not what is `enough`. Raises NetworkError when nobody answers.
    """
    raws: list[bytes] = []
    failure: NetworkError | None = None
    answered = False
    for member in _some(core, await core.road.members(core.own.raw)):
        try:
            raws += await _record_of(core, member)
            answered = True
        except NetworkError as error:
            failure = error
            continue
        if enough is not None and enough.raw in raws:
            break
    if not answered:
        raise failure or Unreachable("no member of the own swarm can be asked now")
    return account_record.newest(raws, core.own.raw)


async def _record_of(core: Core, member: ServiceNode) -> Sequence[bytes]:
    """What one member holds. Anybody may ask, so nothing is signed."""
    request = Retrieve(core.own.raw, int(Namespace.ACCOUNT_RECORD))
    (answer,) = await core.road.call(core.own.raw, [request], member=member.ed25519)
    if answer.status != _OK:
        raise PeerRefused(f"a member of the own swarm refuses with code {answer.status}", code=answer.status)
    try:
        return [message.data for message in read_retrieve(answer.body).messages]
    except ProtocolError as error:
        raise Unreachable("a member of the own swarm gives an answer that is none") from error


async def time_confirmed(core: Core) -> bool:
    """Whether several members of the own swarm say that it is the time which this device believes (06.18.4 R10)."""
    members = _some(core, await core.road.members(core.own.raw))
    agreed = 0
    for member in members:
        try:
            (answer,) = await core.road.call(core.own.raw, [Info()], member=member.ed25519)
        except NetworkError:
            return False
        told = answer.body.get("t", answer.body.get("timestamp")) if not isinstance(answer.body, str) else None
        agreed += isinstance(told, int) and abs(told - core.road.now_ms()) <= SIGNATURE_SLACK_MS
    return bool(members) and agreed == len(members)


def _some(core: Core, members: Sequence[ServiceNode]) -> list[ServiceNode]:
    """Some members in a random order."""
    return sample(members, min(ASKED, len(members)), core.random.randbelow)
