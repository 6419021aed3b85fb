"""Calls whose requests can be signed anew: what a caller of `Road.call` needs when its time was wrong (03.10).

The road cannot send a refused request again, because the time is part of what was signed. So the caller gives a
function that builds and signs, and it is called once more when the road has learnt the right time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from veery.network.road import MemberAnswer, Road
from veery.network.time_keeper import TimeCorrected
from veery.protocol.storage_rpc.requests import Simple


async def call_signed(
    road: Road,
    account: bytes,
    build: Callable[[int], Sequence[Simple]],
    *,
    member: bytes | None = None,
    ordered: bool = False,
) -> Sequence[MemberAnswer]:
    """`Road.call` with the requests that `build` makes and signs for a network time in ms. Raises as `Road.call`."""
    try:
        return await road.call(account, build(road.now_ms()), member=member, ordered=ordered)
    except TimeCorrected:
        return await road.call(account, build(road.now_ms()), member=member, ordered=ordered)
