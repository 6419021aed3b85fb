"""`oxend_request`: what clients ask of the chain daemon, answered from the registry's newest list (04.6.1).

A network without a chain has no names, so `ons_resolve` finds nothing there.
"""

from __future__ import annotations

from collections.abc import Callable

from veery.node.outcome import Outcome
from veery.node.view import NodeView
from veery.protocol.storage_rpc.answers import OxendAnswer
from veery.protocol.storage_rpc.errors import Plain
from veery.protocol.swarm.node_json import FieldsMalformed, asked_fields, write_nodes


class ChainQuestions:
    """Answers the two endpoints that nodes pass through."""

    def __init__(self, view: NodeView, randbelow: Callable[[int], int]) -> None:
        self._view = view
        self._randbelow = randbelow

    def ask(self, endpoint: str, params: dict[str, object]) -> Outcome:
        """Answer one `oxend_request`; other endpoints are refused by name."""
        if endpoint == "get_service_nodes":
            return self._nodes(params)
        if endpoint == "ons_resolve":
            return self._answer({})
        return Outcome(400, f"invalid request: Invalid oxend endpoint '{endpoint}'")

    def _nodes(self, params: dict[str, object]) -> Outcome:
        limit, active_only = params.get("limit", 0), params.get("active_only", False)
        snapshot = self._view.snapshot
        try:
            fields = asked_fields(params.get("fields"))
        except FieldsMalformed as error:
            return Outcome(400, error.message)
        if type(limit) is not int or not isinstance(active_only, bool):
            return Outcome(400, "`limit` must be an integer and `active_only` true or false")
        nodes = () if snapshot is None else snapshot.nodes
        listed = write_nodes(
            nodes, randbelow=self._randbelow, fields=fields, active_only=active_only, limit=max(0, limit)
        )
        states: list[Plain] = [*listed]
        block_hash = "" if snapshot is None else snapshot.block_hash.hex()
        return self._answer(
            {
                "service_node_states": states,
                "height": self._view.height,
                "block_hash": block_hash,
                "hardfork": self._view.hardfork[0],
                "snode_revision": self._view.hardfork[1],
                "status": "OK",
            }
        )

    def _answer(self, result: dict[str, Plain]) -> Outcome:
        answer = OxendAnswer(result=result, t=self._view.now_ms(), hf=self._view.hardfork)
        return Outcome(200, answer.body())
