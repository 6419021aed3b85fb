"""Invitations and promotions on their way to one person each (08.6.2, 08.6.3).

They are stored in the person's own swarm, as ordinary messages are; whether that worked is what Members then says.
"""

from __future__ import annotations

from typing import Final

from veery.client.core import Core
from veery.client.groups.faults import GroupPushRefused
from veery.client.groups.writing import without_timer
from veery.client.levels.copies import CopySealing
from veery.client.levels.outcomes import SealedCopy
from veery.client.swarm_answers import swarm_result
from veery.errors import Rejected
from veery.network.signed_calls import call_signed
from veery.protocol.account import AccountId
from veery.protocol.constants import TTL_MESSAGE_MS
from veery.protocol.content import Content, encode
from veery.protocol.storage_rpc import AnswerMalformed, Namespace, Store
from veery.store.outbox import Copy, CopyRole, CopyState

_OK: Final = 200


class LetterHeld(Rejected):
    """A letter that may not go out with the keys that are known now."""

    default_kind = "group.letter.held"


async def deliver(core: Core, sealing: CopySealing, recipient: AccountId, content: Content) -> None:
    """Store a letter in a person's swarm, sealed as well as their keys allow.

    Raises NetworkError, and Rejected for an id that is no key, or when it may not go out with less protection: what it
    holds are rights in the group.
    """
    sealed = await sealing.to_contact(_copy(core, recipient, content))
    if not isinstance(sealed, SealedCopy):
        raise LetterHeld("the invitation waits for keys of its receiver")
    data = sealed.data
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


def _copy(core: Core, recipient: AccountId, content: Content) -> Copy:
    """The letter as the outbox would hold it; it never stands there, for its fate is told by the list of members."""
    now_ms = core.clock.now_ms()
    return Copy(
        id=0,
        message=None,
        role=CopyRole.CONTROL,
        after=None,
        destination=recipient,
        namespace=int(Namespace.INBOX),
        timestamp_ms=content.timestamp or 0,
        ttl_ms=TTL_MESSAGE_MS,
        content=encode(without_timer(content)),
        sealed=None,
        sealed_hash=None,
        level=None,
        state=CopyState.WAITING,
        attempts=0,
        next_attempt_ms=now_ms,
        last_error=None,
        created_ms=now_ms,
    )
