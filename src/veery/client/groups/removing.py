"""Carrying removals out: what any admin does that finds members marked as removed (08.7.1, step 2).

Those who are removed are told where a revoked token still reads; then their tokens are revoked, and only when all that
was answered with 200 are they erased from Members and the key changed. Two admins who do this at once write the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from veery.client.core import Core, Times
from veery.client.deleting import erase as erase_message
from veery.client.groups.checks import with_keys
from veery.client.groups.room import GroupRoom
from veery.client.groups.sealing import seal_content
from veery.client.groups.sequences import sequence, store
from veery.client.groups.writing import update_content
from veery.client.timestamps import next_timestamp
from veery.protocol.account import AccountId
from veery.protocol.constants import REVOKED_MAX
from veery.protocol.content import encode
from veery.protocol.crypto import XCHACHA_NONCE_SIZE
from veery.protocol.groups import GroupAdminKeys, control, group_token, kicked_notice
from veery.protocol.groups.members import Removal
from veery.protocol.storage_rpc import (
    Delete,
    Namespace,
    RevokeSubaccount,
    message_hash,
    owner_signer,
    sign_request,
)
from veery.protocol.storage_rpc.requests import Recursive
from veery.store.tables import Tables

_DELETED_MAX: Final = 200  # hashes in one request


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Removals:
    """Who is to be removed. told: those with keys that can exist, to whom a notice and a revocation apply.

    notice: for namespace -11, None when nobody can read it; deletion: for namespace 11, None when no messages go.
    """

    admin: GroupAdminKeys
    people: tuple[AccountId, ...]
    told: tuple[AccountId, ...]
    with_messages: tuple[AccountId, ...]
    notice: bytes | None
    deletion: bytes | None


async def carry_out(core: Core, room: GroupRoom) -> bool:
    """Remove whoever is marked, which is then to be pushed; tells whether there was anybody. Raises NetworkError."""
    async with room.busy:
        times = core.times()
        found = await core.write(lambda tables: _prepare(core, room, tables, times))
        if found is None:
            return False
        await _tell_and_revoke(core, room, found)
        times = core.times()
        hashes = await core.write(lambda tables: _erase(core, room, tables, found, times))
    await delete_hashes(core, room, hashes)
    return True


def _prepare(core: Core, room: GroupRoom, tables: Tables, times: Times) -> Removals | None:
    row = tables.groups.get(room.id)
    admin = room.admin(tables) if row is not None and row.is_open else None
    if row is None or admin is None:
        return None
    marked = {each.id: each for each in room.members(tables).values() if each.removal and each.id != core.own}
    if not marked:
        return None
    people = tuple(sorted(marked))
    gone = tuple(each for each in people if marked[each].removal == Removal.MEMBER_AND_MESSAGES)
    told, generation = with_keys(people), room.keys(tables).generation or 0
    nonce = core.random.random_bytes(XCHACHA_NONCE_SIZE)
    notice = kicked_notice.build(admin, told, generation, nonce) if told else None
    deletion = _deletion(core, room, tables, admin, gone, times) if gone else None
    return Removals(admin, people, told, gone, notice, deletion)


def _deletion(
    core: Core, room: GroupRoom, tables: Tables, admin: GroupAdminKeys, gone: Iterable[AccountId], times: Times
) -> bytes:
    """The sealed request to everybody to delete what those have written."""
    timestamp_ms = next_timestamp(tables, core.own, times.network_ms)
    update = control.delete_content(admin, gone, (), timestamp_ms)
    content = update_content(tables, room.id, update, timestamp_ms, timed=False)
    sealed = seal_content(core, room.row(tables), encode(content), timestamp_ms)
    hash_ = message_hash(room.id.raw, int(Namespace.GROUP_MESSAGES), sealed)
    tables.inbox.mark_seen(hash_, times.local_ms)
    return sealed


async def _tell_and_revoke(core: Core, room: GroupRoom, found: Removals) -> None:
    signer = owner_signer(room.id.raw, found.admin.secret)
    tokens = [group_token(found.admin.seed, each.key) for each in found.told]

    def build(now_ms: int) -> list[Recursive]:
        requests: list[Recursive] = []
        if found.notice is not None:
            requests.append(store(found.admin, signer, int(Namespace.GROUP_REVOKED), found.notice, now_ms))
        for at in range(0, len(tokens), REVOKED_MAX):
            some = tuple(tokens[at : at + REVOKED_MAX])
            requests.append(sign_request(RevokeSubaccount(room.id.raw, some, now_ms), signer))
        if found.deletion is not None:
            requests.append(store(found.admin, signer, int(Namespace.GROUP_MESSAGES), found.deletion, now_ms))
        return requests

    if found.told or found.deletion is not None:
        await sequence(core, room.id.raw, build)


def _erase(core: Core, room: GroupRoom, tables: Tables, found: Removals, times: Times) -> tuple[str, ...]:
    """Erase who was removed, and change the key; gives the hashes of messages that go as well."""
    if tables.groups.get(room.id) is None:
        return ()
    marked = room.members(tables)
    gone = [each for each in found.people if each in marked and marked[each].removal]
    if room.erase_members(tables, gone, times):
        room.rotate(tables, times)
    hashes: list[str] = []
    for author in found.with_messages:
        for id_ in tables.groups.written_by(room.id, author, times.network_ms):
            message = tables.messages.get(id_)
            if message is not None:
                hashes += [message.storage_hash] if message.storage_hash else []
                erase_message(tables, message, core.own, core.own, times.local_ms)
    return tuple(hashes)


async def delete_hashes(core: Core, room: GroupRoom, hashes: Sequence[str]) -> None:
    """Let the swarm delete messages, as an admin; a member cannot. Raises NetworkError."""
    admin = await core.read(lambda tables: room.admin(tables) if tables.groups.get(room.id) is not None else None)
    if admin is None:
        return
    signer = owner_signer(room.id.raw, admin.secret)
    for at in range(0, len(hashes), _DELETED_MAX):
        some = tuple(hashes[at : at + _DELETED_MAX])

        def build(now_ms: int, some: tuple[str, ...] = some) -> list[Recursive]:
            return [sign_request(Delete(room.id.raw, some), signer)]

        await sequence(core, room.id.raw, build)
