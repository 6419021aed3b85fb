"""Invitations and promotions on their way to one person each (08.6.2, 08.6.3).

They are stored in the person's own swarm, as ordinary messages are; whether that worked is what Members then says.
"""

from __future__ import annotations

from typing import Final

from veery.client.core import Core
from veery.client.groups.faults import GroupPushRefused
from veery.client.groups.writing import without_timer
from veery.client.swarm_answers import swarm_result
from veery.network.signed_calls import call_signed
from veery.protocol import message_v1
from veery.protocol.account import AccountId
from veery.protocol.constants import TTL_MESSAGE_MS
from veery.protocol.content import Content, encode
from veery.protocol.storage_rpc import AnswerMalformed, Namespace, Store

_OK: Final = 200


async def deliver(core: Core, recipient: AccountId, content: Content) -> None:
    """Store a letter in a person's swarm. Raises NetworkError, and Rejected for an id that is no key."""
    data = message_v1.seal(
        encode(without_timer(content)),
        sender_ed25519_secret=core.account.ed25519_secret,
        recipient=recipient.raw,
        timestamp_ms=content.timestamp or 0,
        random=core.random.random_bytes,
    )
    sent: list[Store] = []

    def build(now_ms: int) -> list[Store]:
        sent[:] = [Store(recipient.raw, int(Namespace.INBOX), data, now_ms, now_ms + TTL_MESSAGE_MS)]
        return sent

    (answer,) = await call_signed(core.road, recipient.raw, build, ordered=True)
    if answer.status != _OK:
        raise GroupPushRefused(f"the swarm refuses an invitation with code {answer.status}", code=answer.status)
    try:
        result = swarm_result(sent[0], answer, await core.road.members(recipient.raw))
    except AnswerMalformed as error:
        raise GroupPushRefused("a member of the swarm gives an answer that is none", code=_OK) from error
    if not result.proved:
        raise GroupPushRefused("no member of the swarm has stored the invitation", code=_OK)
