"""Proving a path before requests are trusted to it (03.8).

A new guard is tested first by a direct `info` request: never one that names an account, since the guard knows our
address. Then an `info` request goes through all hops to a node outside of the path. Whatever that node says, an answer
that decrypts can only have come from the other end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from veery.network.onion_requests import Exchange, OnionRequester, clear_refusal
from veery.network.transport import AnswerTooLarge, NodeSilent, NodeUnreachable, Transport
from veery.policy.blame import Answered, GuardUnreachable, Outcome, RequestTimeout, Undecryptable
from veery.protocol.constants import GUARD_ANSWER_MAX, GUARD_TEST_S, STORAGE_PATH
from veery.protocol.onion import NodeReply
from veery.protocol.storage_rpc.requests import Info
from veery.protocol.storage_rpc.write import write_call
from veery.protocol.swarm.nodes import ServiceNode

_INFO: Final = write_call(Info())
_JSON: Final = {"Content-Type": "application/json"}
_SUCCESS: Final = range(200, 300)


class PathProver:
    """Tests guards and paths. Holds nothing."""

    def __init__(self, transport: Transport, requester: OnionRequester) -> None:
        self._transport = transport
        self._requester = requester

    async def guard(self, guard: ServiceNode) -> Outcome:
        """Ask a guard directly; any answer of success will do. Raises ProxyFailed."""
        try:
            answer = await self._transport.post(
                guard, STORAGE_PATH, _INFO, timeout_s=GUARD_TEST_S, headers=_JSON, answer_max=GUARD_ANSWER_MAX
            )
        except NodeUnreachable:
            return GuardUnreachable()
        except NodeSilent:
            return RequestTimeout()
        except AnswerTooLarge:
            return Undecryptable()
        return Answered() if answer.status in _SUCCESS else clear_refusal(answer)

    async def path(self, hops: Sequence[ServiceNode], proof: ServiceNode) -> Exchange[NodeReply]:
        """Ask `proof` through the hops; the path is good if there is a reply. Raises ProxyFailed."""
        return await self._requester.to_node(hops, proof, _INFO)
