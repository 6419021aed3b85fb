"""Keeping the documents and keys of a group in its swarm, and bringing back what the swarm has lost (08.3.5, 08.4).

Everybody extends them once a day. A document that is gone is stored again, byte for byte, by whoever notices: an admin
as any change, a member with its token, because the signature in it is the group's. Keys only an admin can bring back,
by a new rotation: a member holds keys, not the messages that they came in. Members go on with the keys that they hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from veery.client.config.documents import namespace_of
from veery.client.config.pushing import Pushing
from veery.client.core import Core
from veery.client.groups import sequences
from veery.client.groups.room import GroupRoom
from veery.client.groups.standing import keys_of, tell
from veery.client.swarm_answers import swarm_result
from veery.network.road import MemberAnswer
from veery.network.signed_calls import call_signed
from veery.protocol.config import ConfigKind
from veery.protocol.constants import DAY_MS, TTL_CONFIG_MS
from veery.protocol.storage_rpc import AnswerMalformed, Expire, ExpireResult, Signer, Store, sign_request
from veery.protocol.storage_rpc.requests import Recursive
from veery.protocol.swarm.nodes import ServiceNode
from veery.store.tables import Tables

RENEW_MS: Final = DAY_MS  # a poll within a day of the last renewal renews nothing
LOST: Final = "lost"  # the change that the event of a group tells
KEYS: Final = "keys"
_OK: Final = 200
_EXTENDED_MAX: Final = 500  # hashes in one request


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Held:
    """What this device knows the swarm to hold, in storage hashes."""

    signer: Signer
    admin: bool
    keys: frozenset[str]
    newest: frozenset[str]
    documents: dict[str, frozenset[str]]

    @property
    def hashes(self) -> tuple[str, ...]:
        """What is asked for: first of all that of which the loss is told, so that no bound makes it look lost."""
        needed = self.newest.union(*self.documents.values())
        return (*sorted(needed), *sorted(self.keys - needed))[:_EXTENDED_MAX]


async def renew(core: Core, room: GroupRoom) -> bool:
    """Let documents and keys live on for 30 days, once a day; tells whether it was time. Raises NetworkError."""
    now_ms = core.road.now_ms()
    known = await core.read(lambda tables: _known(room, tables, now_ms))
    if known is None:
        return False
    held = await _extended(core, room, known)
    if held is None:
        return False
    lost = [name for name, hashes in known.documents.items() if hashes and not hashes & held]
    if known.newest and not known.newest & held:
        lost.append(KEYS)
    if known.admin:
        await Pushing(core, room.documents, lambda: known.signer).renew()  # what is gone waits to be pushed again

    def note(tables: Tables) -> bool:
        row = tables.groups.get(room.id)
        if row is None or not row.is_open:
            return False
        tables.groups.save(replace(row, renewed_ms=now_ms))
        if lost:
            tell(tables, row, LOST, core.times(), lost=lost, restored=_restored(lost, admin=row.seed is not None))
        if row.seed is not None and KEYS in lost and room.keys(tables).pending is None:
            room.rotate(tables, core.times())  # nobody who comes now could read anything
        return room.needs_push(tables)

    if await core.write(note):
        await sequences.push(core, room)
    if lost and not known.admin:
        await _store_again(core, room, known.signer, lost)
    return True


def _known(room: GroupRoom, tables: Tables, now_ms: int) -> _Held | None:
    """What is to be kept alive now; None when that was done within a day, or there is nothing."""
    row = tables.groups.get(room.id)
    signer = None if row is None or not row.is_open else room.signer(tables)
    if row is None or signer is None or abs(now_ms - row.renewed_ms) < RENEW_MS:
        return None
    keys = keys_of(row)
    newest = keys.hashes.get(keys.generation or 0, frozenset()) if keys.keys else frozenset()
    documents = {kind.name: room.documents.document(tables, kind).current_hashes for kind in room.documents.kinds}
    found = _Held(signer, row.seed is not None, keys.active_hashes, newest, documents)
    return found if found.hashes else None


async def _extended(core: Core, room: GroupRoom, known: _Held) -> frozenset[str] | None:
    """Which hashes the swarm has, by most of its members; None when too few have proved anything."""
    sent: list[Expire] = []

    def build(now_ms: int) -> Sequence[Expire]:
        request = Expire(room.id.raw, known.hashes, (now_ms + TTL_CONFIG_MS,), extend=True)
        sent[:] = [sign_request(request, known.signer)]
        return sent

    (answer,) = await call_signed(core.road, room.id.raw, build)
    if answer.status != _OK:
        return None
    return _proved(sent[-1], answer, await core.road.members(room.id.raw))


def _proved(request: Expire, answer: MemberAnswer, members: Sequence[ServiceNode]) -> frozenset[str] | None:
    try:
        result = swarm_result(request, answer, members)
    except AnswerMalformed:
        return None
    if 2 * len(result.proved) <= result.size:
        return None
    found = [each for each in result.proved.values() if isinstance(each, ExpireResult)]
    return frozenset(name for each in found for name in (*each.updated, *(each.unchanged or {})))


async def _store_again(core: Core, room: GroupRoom, signer: Signer, lost: Sequence[str]) -> None:
    """Store documents as they were signed, with a member's token. Raises NetworkError."""
    kinds = [kind for kind in room.documents.kinds if kind.name in lost]
    stored = await core.read(lambda tables: [(kind, part) for kind in kinds for part in _parts(room, tables, kind)])
    if not stored:
        return

    def build(now_ms: int) -> list[Recursive]:
        return [
            sign_request(Store(room.id.raw, namespace_of(kind), part, now_ms, now_ms + TTL_CONFIG_MS), signer)
            for kind, part in stored
        ]

    await sequences.sequence(core, room.id.raw, build)


def _parts(room: GroupRoom, tables: Tables, kind: ConfigKind) -> tuple[bytes, ...]:
    """The stored form of the message that is held, which an admin has signed."""
    row = tables.groups.get(room.id)
    if row is None or not keys_of(row).keys:
        return ()
    return room.documents.document(tables, kind).push(0).stored


def _restored(lost: Sequence[str], *, admin: bool) -> bool:
    return admin or KEYS not in lost
