"""What an account asks of its own swarm beside fetching: that copies of its messages be deleted (04.7)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from veery.client.core import Core
from veery.client.swarm_answers import swarm_result
from veery.errors import PeerRefused, Retry
from veery.protocol.storage_rpc import AnswerMalformed, Delete, owner_signer, sign_request

_OK: Final = 200


class DeletionRefused(PeerRefused):
    """No member of the own swarm has proved that it deleted what it was asked to."""

    default_kind = "network.delete.refused"
    default_retry = Retry.LATER
    default_remedy = "Nothing was deleted; try again later"


async def delete_copies(core: Core, hashes: Iterable[str]) -> None:
    """Delete copies from the own swarm. Raises NetworkError when no member has proved that they are gone."""
    wanted = tuple(hashes)
    if not wanted:
        return
    own = core.own.raw
    request = sign_request(Delete(own, wanted), owner_signer(own, core.account.ed25519_secret))
    members = await core.road.members(own)
    (answer,) = await core.road.call(own, [request])
    if answer.status != _OK:
        raise DeletionRefused(f"a member of the own swarm refuses with code {answer.status}", code=answer.status)
    try:
        result = swarm_result(request, answer, members)
    except AnswerMalformed as error:
        raise DeletionRefused("a member of the own swarm gives an answer that is none", code=_OK) from error
    if not result.proved:
        raise DeletionRefused("no member of the own swarm has deleted it", code=_OK)
