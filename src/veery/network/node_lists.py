"""Reading the lists that nodes give of each other (03.7.2, 04.6.3).

Records of `active_nodes_bin` tell neither legacy nor X25519 keys. For a node that is known they are taken from what is
known: on old networks they do not follow from the Ed25519 key (05.2), and converting thousands of keys would hold up
everything else. A record that cannot be used is left out, not the list that holds it: anybody may register a node.
"""

from __future__ import annotations

from typing import Any, Final

from veery.errors import ProtocolError
from veery.policy.pool import NodePool
from veery.protocol.crypto import ed25519_public_to_x25519
from veery.protocol.onion import NodeReply
from veery.protocol.storage_rpc.read_answers import read_answer
from veery.protocol.storage_rpc.requests import OxendRequest
from veery.protocol.swarm.active_nodes import ActiveNode, decode
from veery.protocol.swarm.node_json import check_unique, read_nodes
from veery.protocol.swarm.nodes import ServiceNode, check_ipv4

_FIELDS: Final = (
    "service_node_pubkey",
    "pubkey_ed25519",
    "pubkey_x25519",
    "public_ip",
    "storage_port",
    "storage_lmq_port",
    "swarm_id",
    "storage_server_version",
)
GET_NODES: Final = OxendRequest("get_service_nodes", {"active_only": True, "fields": dict.fromkeys(_FIELDS, True)})
_OK: Final = 200


class NodeLists:
    """Reads the answers of one round of questions. heights: what the asked nodes say."""

    def __init__(self, pool: NodePool) -> None:
        self.heights: list[int] = []
        self._pool = pool
        self._converted: dict[bytes, bytes] = {}

    def from_records(self, reply: NodeReply | None) -> tuple[ServiceNode, ...] | None:
        """The list in an answer to active_nodes_bin; None for an answer without one.

        Raises ProtocolError (NodeMalformed, ReplyMalformed) for one that cannot be read.
        """
        if reply is None or reply.status != _OK:
            return None
        found = [self._node(record) for record in decode(reply.binary())]
        return check_unique(node for node in found if node is not None)

    def from_json(self, reply: NodeReply | None) -> tuple[ServiceNode, ...] | None:
        """The list in an answer to `GET_NODES`; None for an answer without one. Raises ProtocolError."""
        if reply is None or reply.status != _OK:
            return None
        result: dict[str, Any] = dict(read_answer(GET_NODES, reply.content()).result)
        height = result.get("height")
        if type(height) is int:
            self.heights.append(height)
        return read_nodes(result.get("service_node_states"))

    def _node(self, record: ActiveNode) -> ServiceNode | None:
        known = self._pool.get(record.ed25519)
        try:
            return ServiceNode(
                legacy=record.ed25519 if known is None else known.legacy,
                ed25519=record.ed25519,
                x25519=self._x25519(record.ed25519) if known is None else known.x25519,
                ip=check_ipv4(record.ip),
                https_port=record.https_port,
                queue_port=record.queue_port,
                swarm_id=record.swarm_id,
                version=record.version,
            )
        except ProtocolError:
            return None

    def _x25519(self, key: bytes) -> bytes:
        found = self._converted.get(key)
        if found is None:
            found = self._converted[key] = ed25519_public_to_x25519(key)
        return found
