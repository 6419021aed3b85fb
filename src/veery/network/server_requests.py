"""Requests to servers (file server, push server, communities) through the last hop of a path, in the form v4 (03.6).

A server sees an address of a service node and no client. Its codes are for the caller: a 404 is final and comes back as
a reply. Only when the server cannot answer now, or no way leads to it, is the request repeated, three times in all.
"""

from __future__ import annotations

import logging
from typing import Final

from veery.errors import NetworkError
from veery.network.faults import NoAnswer, ServerRefused
from veery.network.path_keeper import Asked, PathKeeper
from veery.network.steady import SteadyTime
from veery.network.time_keeper import TimeKeeper
from veery.policy.blame import PathError, Verdict
from veery.protocol.constants import ONION_REQUEST_TIMEOUT_S, SEND_ATTEMPTS, SEND_PAUSE_MS
from veery.protocol.onion import ServerDestination, ServerReply, ServerRequest

log = logging.getLogger(__name__)

_GATEWAY: Final = (502, 504)  # the last hop could not reach the server, or got no answer from it


class ServerRequests:
    """Sends requests to servers."""

    def __init__(self, keeper: PathKeeper, network_time: TimeKeeper, time: SteadyTime) -> None:
        self._keeper = keeper
        self._network_time = network_time
        self._time = time

    async def request(
        self, server: ServerDestination, request: ServerRequest, *, timeout_s: float = ONION_REQUEST_TIMEOUT_S
    ) -> ServerReply:
        """The server's reply, also one with a code of failure that is final.

        timeout_s: seconds for one attempt. Raises ServerRefused (it cannot answer now), NoAnswer, TimeCorrected (425:
        sign anew), NoPath, ProxyFailed, Misuse (the request is too large).
        """
        signed_offset_ms = self._network_time.offset_ms
        paths: set[int] = set()
        fault: NetworkError = NoAnswer("The server was not asked")
        for attempt in range(SEND_ATTEMPTS):
            if attempt:
                await self._time.sleep_until(self._time.now_ms() + SEND_PAUSE_MS)
            asked = await self._keeper.ask_server(server, request, timeout_s=timeout_s, avoid=frozenset(paths))
            if asked.reply is not None and asked.verdict in (Verdict.ANSWERED, Verdict.REFUSED):
                return asked.reply
            if asked.verdict is Verdict.RESYNC:
                await self._network_time.refused(signed_offset_ms, proved=asked.reply is not None)
            paths.add(asked.path_id)
            fault = _fault(asked)
            log.debug("Attempt %d to reach a server failed: %s", attempt + 1, fault)
        raise fault


def _fault(asked: Asked[ServerReply]) -> NetworkError:
    if asked.reply is not None:
        return ServerRefused(f"The server answers with code {asked.reply.code}", code=asked.reply.code)
    if isinstance(asked.outcome, PathError) and asked.outcome.code in _GATEWAY:
        return NoAnswer("The server cannot be reached from the network", kind="network.no_answer.server", remedy="")
    return NoAnswer("No answer came back from the network")
