"""Carrying out what disappears: asking the own swarm to shorten copies, and removing messages whose time is over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from veery.client import fates
from veery.client.arrivals import Shorten
from veery.client.core import Core, Times
from veery.client.own_swarm import delete_copies
from veery.client.swarm_answers import SwarmResult, swarm_result
from veery.errors import NetworkError
from veery.protocol.expiry_rules import by_expiry, when_shortened
from veery.protocol.storage_rpc import AnswerMalformed, Expire, ExpireResult, owner_signer, sign_request
from veery.store.tables import Tables

_SWEEP_MAX: Final = 200  # messages removed in one transaction
_OK: Final = 200


class Expiring:
    """Disappearing messages of one account."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def shorten(self, copies: Iterable[Shorten]) -> None:
        """Ask the own swarm to let copies expire with their messages, and adopt the time that it answers (02.8.1).

        Without a road the message still disappears here, and its copies as soon as the swarm can be told.
        """
        grouped = by_expiry((copy.hash, copy.expires_ms) for copy in copies)
        for expires_ms, hashes in grouped.items():
            await self._shorten(hashes, expires_ms)

    async def shorten_pending(self) -> None:
        """Tell the own swarm what it could not be told before."""
        now_ms = self._core.road.now_ms()
        pending = await self._core.read(lambda tables: tables.shortenings.pending(_SWEEP_MAX))
        over = [hash_ for hash_, expires_ms in pending if expires_ms <= now_ms]
        try:
            await delete_copies(self._core, over)
        except NetworkError:
            return
        if over:
            await self._core.write(lambda tables: tables.shortenings.forget(over))
        await self.shorten(Shorten(hash_, expires_ms) for hash_, expires_ms in pending if expires_ms > now_ms)

    async def sweep(self) -> int:
        """Remove messages whose time is over; gives how many."""
        removed, now_ms = 0, self._core.clock.now_ms()
        while await self._core.read(lambda tables: tables.reading.expired(now_ms, 1)):
            removed += await self._core.write(lambda tables: _remove_expired(tables, now_ms))
        return removed

    async def _shorten(self, hashes: tuple[str, ...], expires_ms: int) -> None:
        own = self._core.own.raw
        signer = owner_signer(own, self._core.account.ed25519_secret)
        request = sign_request(Expire(own, hashes, (expires_ms,), shorten=True), signer)
        try:
            members = await self._core.road.members(own)
            (answer,) = await self._core.road.call(own, [request])
            if answer.status != _OK:
                return
            result = swarm_result(request, answer, members)
        except (NetworkError, AnswerMalformed):
            return
        times = self._core.times()
        adopted = {hash_: expiry for hash_ in hashes if (expiry := _expiry(hash_, result, times)) is not None}
        told = hashes if result.proved else ()

        def work(tables: Tables) -> None:
            _adopt(tables, adopted, times)
            tables.shortenings.forget(told)

        await self._core.write(work)


def _expiry(hash_: str, result: SwarmResult, times: Times) -> int | None:
    """When a copy expires by what members have proved, network time; None to leave the message as it is.

    A hash that a majority does not know has expired. One node alone cannot make a message vanish by not knowing it.
    """
    found = [expiry for each in result.proved.values() if (expiry := _of_member(hash_, each)) is not None]
    if found:
        return min(found)
    return times.network_ms if 2 * len(result.proved) > result.size else None


def _of_member(hash_: str, result: object) -> int | None:
    if not isinstance(result, ExpireResult):
        return None
    if hash_ in result.updated:
        at = result.updated.index(hash_)
        return result.expiry[at] if isinstance(result.expiry, tuple) else result.expiry
    return (result.unchanged or {}).get(hash_)


def _adopt(tables: Tables, expiries: dict[str, int], times: Times) -> None:
    for hash_, expiry_ms in expiries.items():
        message = tables.messages.find_by_hash(hash_)
        if message is None:
            continue
        countdown = when_shortened(message.expiration.timer_s, now_ms=times.network_ms, expiry_ms=expiry_ms)
        started, expires = times.to_local(countdown.started_ms), times.to_local(countdown.expires_ms)
        tables.reading.set_expiration(message.id, replace(message.expiration, start_ms=started, expires_ms=expires))


def _remove_expired(tables: Tables, now_ms: int) -> int:
    messages = tables.reading.expired(now_ms, _SWEEP_MAX)
    tables.messages.delete(message.id for message in messages)
    for message in messages:
        fates.tell_deleted(tables, message, None, now_ms)
    return len(messages)
