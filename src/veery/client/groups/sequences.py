"""Changes of a group on their way to its swarm: one sequence, in the order that lets everybody read what follows.

    supplements, keys, Info, Members, delete what is obsolete, unrevoke        (08.6.1, 08.6.2, 08.8)

Keys are stored before anything that is sealed with them. Nothing counts before every request was answered with 200;
then the rotation is read back at once with the time that it was stored under, and notices go out. A kill, or an answer
that is lost, repeats the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from veery.client.config.documents import Answered, Prepared
from veery.client.config.pushing import judged, plan, requests_of
from veery.client.core import Core, Times
from veery.client.groups import pending as pendings
from veery.client.groups.checks import with_keys
from veery.client.groups.faults import GroupPushRefused
from veery.client.groups.pending import Pending
from veery.client.groups.room import GroupRoom
from veery.client.groups.standing import signer_of
from veery.client.groups.writing import write_notice
from veery.network.road import MemberAnswer
from veery.network.signed_calls import call_signed
from veery.protocol.config.batches import Batch, Slot
from veery.protocol.constants import BATCH_MAX, REVOKED_MAX, TTL_CONFIG_MS
from veery.protocol.groups import GroupAdminKeys, group_token, key_list
from veery.protocol.storage_rpc import (
    DeleteAll,
    Namespace,
    OwnerSigner,
    Store,
    UnrevokeSubaccount,
    message_hash,
    owner_signer,
    sign_request,
)
from veery.protocol.storage_rpc.requests import Recursive
from veery.store.tables import Tables

_OK: Final = 200
_KEYS: Final = int(Namespace.GROUP_KEYS)
Build = Callable[[int], list[Recursive]]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GroupPush:
    """What one push stores. rotation: the key message, None without a new key."""

    admin: GroupAdminKeys
    pending: Pending
    rotation: bytes | None
    prepared: Prepared


def prepare(room: GroupRoom, tables: Tables, times: Times) -> GroupPush | None:
    """What is to be stored now, None for nothing; fixes the bytes. Raises ConfigMisuse for too large a document."""
    if tables.groups.get(room.id) is None or not room.needs_push(tables):
        return None
    admin, rotation = room.need_admin(tables), room.keys(tables).pending
    prepared = room.documents.prepare_push(tables, times)
    for error in prepared.refused.values():
        raise error
    return GroupPush(admin, room.pending(tables), None if rotation is None else rotation.message, prepared)


async def push(core: Core, room: GroupRoom) -> bool:
    """Bring everything that waits to the swarm; tells whether there was anything.

    Raises NetworkError: what was not confirmed waits for the next time.
    """
    pushed = False
    async with room.busy:
        while True:
            times = core.times()
            found = await core.write(lambda tables, now=times: prepare(room, tables, now))  # type: ignore[misc]
            if found is None:
                return pushed
            await _store(core, room, found)
            pushed = True


async def sequence(core: Core, group: bytes, build: Build) -> tuple[list[Recursive], Sequence[MemberAnswer]]:
    """Carry requests out in order, at most 20 at once; gives them with their answers, all of code 200.

    Raises GroupPushRefused when one was refused, and NetworkError.
    """
    sent: list[Recursive] = []
    answers: list[MemberAnswer] = []
    total = len(build(core.road.now_ms()))
    for start in range(0, total, BATCH_MAX):
        part: list[Recursive] = []

        def build_part(now_ms: int, start: int = start, part: list[Recursive] = part) -> list[Recursive]:
            part[:] = build(now_ms)[start : start + BATCH_MAX]
            return part

        found = await call_signed(core.road, group, build_part, ordered=True)
        refused = [each.status for each in found if each.status != _OK]
        if refused or len(found) != len(part):
            code = refused[0] if refused else 0
            raise GroupPushRefused(f"the swarm of the group refuses a change with code {code}", code=code)
        sent += part
        answers += found
    return sent, answers


def store(admin: GroupAdminKeys, signer: OwnerSigner, namespace: int, data: bytes, now_ms: int) -> Store:
    """A signed request to store something for 30 days."""
    return sign_request(Store(admin.group_id.raw, namespace, data, now_ms, now_ms + TTL_CONFIG_MS), signer)


async def delete_messages(core: Core, room: GroupRoom) -> None:
    """Let the swarm delete all messages of a group. Raises NetworkError."""
    signer = await core.read(lambda tables: signer_of(room.row(tables), core.account))
    if isinstance(signer, OwnerSigner):

        def build(now_ms: int) -> list[Recursive]:
            return [sign_request(DeleteAll(room.id.raw, now_ms, int(Namespace.GROUP_MESSAGES)), signer)]

        await sequence(core, room.id.raw, build)


async def _store(core: Core, room: GroupRoom, found: GroupPush) -> None:
    signer = owner_signer(room.id.raw, found.admin.secret)
    keys = [*found.pending.supplements, *([] if found.rotation is None else [found.rotation])]
    batches = plan(found.prepared)
    tokens = [group_token(found.admin.seed, each.key) for each in with_keys(found.pending.unrevoke)]

    def build(now_ms: int) -> list[Recursive]:
        requests: list[Recursive] = [store(found.admin, signer, _KEYS, each, now_ms) for each in keys]
        for batch in batches:
            requests += requests_of(found.prepared, batch, signer, now_ms)
        for at in range(0, len(tokens), REVOKED_MAX):
            some = tuple(tokens[at : at + REVOKED_MAX])
            requests.append(sign_request(UnrevokeSubaccount(room.id.raw, some, now_ms), signer))
        return requests

    sent, answers = await sequence(core, room.id.raw, build)
    members = await core.road.members(room.id.raw)
    stored: dict[Slot, str] = {}
    deleted: set[str] = set()
    at = len(keys)
    for batch in batches:
        size = _size(batch)
        answered = judged(batch, sent[at : at + size], answers[at : at + size], members)
        stored |= answered.stored
        deleted |= answered.deleted
        at += size
    times = core.times()
    stored_ms = {each.data: each.timestamp for each in sent if isinstance(each, Store)}
    outcome = Answered(stored, frozenset(deleted))
    await core.write(lambda tables: _finish(room, tables, found, outcome, stored_ms, core, times))
    core.outbox_changed.set()


def _size(batch: Batch) -> int:
    return len(batch.stores) + bool(batch.obsolete)


def _finish(
    room: GroupRoom,
    tables: Tables,
    found: GroupPush,
    outcome: Answered,
    stored_ms: dict[bytes, int],
    core: Core,
    times: Times,
) -> None:
    """Take over what was stored, and let the notices go out."""
    if tables.groups.get(room.id) is None:
        return
    room.documents.finish_push(tables, found.prepared, outcome, times)
    for raw in (*found.pending.supplements, *([] if found.rotation is None else [found.rotation])):
        name = message_hash(room.id.raw, _KEYS, raw)
        keys = key_list.loaded(
            room.keys(tables),
            raw,
            storage_hash=name,
            timestamp_ms=stored_ms[raw],
            group_public=room.id.key,
            reader=found.admin,
        )
        room.save_keys(tables, keys)
    left = room.pending(tables).without(found.pending)
    letters = found.pending.letters
    tables.groups.update(
        room.id,
        lambda row: replace(row, pending=pendings.dump(left), owed=tuple(dict.fromkeys((*row.owed, *letters)))),
    )
    for notice in found.pending.notices:
        write_notice(tables, found.admin, core.own, notice, times)
