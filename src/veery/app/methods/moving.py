"""Moving the profile to another device."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from veery.app.methods.parameters import Json, Params, flag_of
from veery.client.client import Client
from veery.client.transfer.service import OfferStep


async def transfer_send(client: Client, params: Params) -> AsyncGenerator[Json, None]:
    """Offer this profile over the file server, and tell how far it is. anew: do not go on with an earlier offer."""
    # A transfer is use: the engine does not lock under it.
    with client.locking.used():
        async with aclosing(client.transfer.send(anew=flag_of(params, "anew"))) as steps:
            async for step in steps:
                yield _view(step)


def _view(step: OfferStep) -> Json:
    match step.event:
        case "offered":
            return {"event": step.event, "code": step.code, "resumed": step.resumed, "bytes": step.total}
        case "moved":
            return {"event": step.event, "done": step.done, "total": step.total}
    return {"event": step.event}
