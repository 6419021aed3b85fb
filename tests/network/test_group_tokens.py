"""What real nodes let a member do in the swarm of a group, before and after the token was revoked (08.2, 08.7.1)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.network.group_people import Member, members
from veery.network.road import MemberAnswer
from veery.network.signed_calls import call_signed
from veery.protocol.account import AccountId
from veery.protocol.constants import TTL_MIN_MS
from veery.protocol.storage_rpc import (
    Delete,
    DeleteAll,
    Expire,
    Namespace,
    Retrieve,
    RevokeSubaccount,
    Store,
    message_hash,
    sign_request,
)
from veery.protocol.storage_rpc.requests import Simple

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]

MESSAGES, REVOKED = int(Namespace.GROUP_MESSAGES), int(Namespace.GROUP_REVOKED)
READ = (MESSAGES, int(Namespace.GROUP_KEYS), int(Namespace.GROUP_INFO), int(Namespace.GROUP_MEMBERS), REVOKED)


async def codes(member: Member, group: str) -> dict[str, int]:
    """What the nodes answer to everything that a member may ask, and to what it may not."""
    room = member.client.groups.room(AccountId.from_hex(group))
    signer = await member.client.read(room.signer)
    assert signer is not None
    data = f"by {member.name}".encode()

    def build(now_ms: int) -> list[Simple]:
        raw, hash_ = room.id.raw, message_hash(room.id.raw, MESSAGES, data)
        return [
            sign_request(Store(raw, MESSAGES, data, now_ms, now_ms + TTL_MIN_MS), signer),
            *(sign_request(Retrieve(raw, each, timestamp=now_ms), signer) for each in READ),
            sign_request(Expire(raw, (hash_,), (now_ms + TTL_MIN_MS,)), signer),
            sign_request(Delete(raw, (hash_,)), signer),
            sign_request(DeleteAll(raw, now_ms, MESSAGES), signer),
            sign_request(RevokeSubaccount(raw, (bytes(36),), now_ms), signer),
        ]

    answers: Sequence[MemberAnswer] = await call_signed(member.client.road, room.id.raw, build)
    names = ["store", *(f"retrieve {each}" for each in READ), "expire", "delete", "delete_all", "revoke"]
    return {name: answer.status for name, answer in zip(names, answers, strict=True)}


async def test_a_revoked_token_only_reads_the_notices(tmp_path: Path) -> None:
    async with members(tmp_path, 7, ["alice", "bob", "carol"]) as (alice, bob, carol):
        group = await alice.client.groups.create("Walkers", [bob.id, carol.id])
        for each in (bob, carol):
            await each.poll()
            await each.client.groups.accept(group)
            await each.poll()
        await alice.poll()
        may = {f"retrieve {each}": 200 for each in READ} | {"store": 200, "expire": 200}
        may_not = dict.fromkeys(("delete", "delete_all", "revoke"), 401)
        assert await codes(bob, group) == {**may, **may_not}

        await alice.client.groups.remove(group, [bob.id])
        after = await codes(bob, group)  # he has not heard of it, and tries
        assert after == {**dict.fromkeys(after, 401), f"retrieve {REVOKED}": 200}
        assert await codes(carol, group) == {**may, **may_not}  # nobody else is meant

        # Nothing that he sent lies there: the others read neither the store nor a message.
        await carol.poll()
        assert await carol.texts(group) == []
        await bob.poll()
        assert (await bob.show(group))["state"] == "kicked"

        # Invited again the same token counts again.
        assert (await alice.client.groups.invite(group, [bob.id]))[bob.id] == "invite_sent"
        await bob.poll()
        await bob.client.groups.accept(group)
        await bob.poll()
        assert await codes(bob, group) == {**may, **may_not}
        await bob.client.sending.send_text(group, "here again")
        await bob.poll()
        await carol.poll()
        assert await carol.texts(group) == ["here again"]
