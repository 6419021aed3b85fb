"""`active_nodes_bin`: the active nodes as records of 51 bytes (04.6.3).

`ed25519(32) || swarm id(8, big-endian) || IPv4(4) || https port(2) || queue port(2) || version(3)`. X25519 keys are not
told: the reader converts the Ed25519 keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from struct import Struct
from typing import Final

from veery.errors import Misuse
from veery.protocol import crypto
from veery.protocol.constants import ACTIVE_NODE_SIZE, KEY_SIZE, NO_SWARM, NODE_LIST_MAX
from veery.protocol.swarm.node_json import check_unique
from veery.protocol.swarm.nodes import NodeMalformed, ServiceNode, check_ipv4

_RECORD: Final = Struct(">32sQ4sHHBBB")


@dataclass(frozen=True, slots=True)
class ActiveNode:
    """One record as it is written; nothing of it is checked but the size."""

    ed25519: bytes
    swarm_id: int
    ip: str
    https_port: int
    queue_port: int
    version: tuple[int, int, int]

    def service_node(self) -> ServiceNode:
        """The node of a record, with its X25519 key converted; its legacy key is taken to be the Ed25519 key (05.7).

        Raises NodeMalformed for the swarm id 2^64-1 or a bad address, CryptoFailed for a key that does not convert.
        """
        if self.swarm_id == NO_SWARM:
            raise NodeMalformed("an active node without a swarm", kind="protocol.node.swarm")
        return ServiceNode(
            legacy=self.ed25519,
            ed25519=self.ed25519,
            x25519=crypto.ed25519_public_to_x25519(self.ed25519),
            ip=check_ipv4(self.ip),
            https_port=self.https_port,
            queue_port=self.queue_port,
            swarm_id=self.swarm_id,
            version=self.version,
        )


def encode(nodes: Iterable[ServiceNode]) -> bytes:
    """The records of those nodes that are active and whose key is known, in the order given.

    Raises Misuse for keys, ids, addresses or ports that do not fit; a version number above 255 is written as 255.
    """
    return b"".join(_encode(node) for node in nodes if node.active and node.ed25519)


def _encode(node: ServiceNode) -> bytes:
    if len(node.ed25519) != KEY_SIZE or not 0 <= node.swarm_id < NO_SWARM:
        raise Misuse("the key or swarm id of a node does not fit into its record")
    if not 0 <= node.https_port <= 0xFFFF or not 0 <= node.queue_port <= 0xFFFF:
        raise Misuse("a port of a node does not fit into its record")
    version = (min(part, 0xFF) for part in node.version)
    try:
        ip = IPv4Address(node.ip).packed
    except AddressValueError:
        raise Misuse("the address of a node does not fit into its record") from None
    return _RECORD.pack(node.ed25519, node.swarm_id, ip, node.https_port, node.queue_port, *version)


def decode(data: bytes) -> tuple[ActiveNode, ...]:
    """Read records. Raises NodeMalformed when the bytes are not whole records, or too many."""
    if len(data) % ACTIVE_NODE_SIZE:
        raise NodeMalformed(f"the list is not whole records of {ACTIVE_NODE_SIZE} bytes", kind="protocol.node.records")
    if len(data) > NODE_LIST_MAX * ACTIVE_NODE_SIZE:
        raise NodeMalformed(f"more than {NODE_LIST_MAX} nodes in one list", kind="protocol.node.count")
    return tuple(
        ActiveNode(key, swarm_id, str(IPv4Address(ip)), https_port, queue_port, (major, minor, patch))
        for key, swarm_id, ip, https_port, queue_port, major, minor, patch in _RECORD.iter_unpack(data)
    )


def decode_nodes(data: bytes) -> tuple[ServiceNode, ...]:
    """Read records as a list that can be used. Raises NodeMalformed, also for keys that come twice, or CryptoFailed."""
    return check_unique(record.service_node() for record in decode(data))
