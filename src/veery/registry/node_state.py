"""The state of a network as bytes: what an entry of the history commits to, and what a seed hands out.

A bt dict: `f` hard fork (two numbers) · `g` hash of the first entry · `n` name · `x` the nodes in the order of their
legacy keys, each a dict: `e` Ed25519 key · `f` 1 if funded · `i` IPv4 (4 bytes) · `l` legacy key, if it is another ·
`p` HTTPS port · `q` queue port · `s` swarm id · `u` requested unlock height · `v` version · `x` X25519 key.
One state has one spelling, so its BLAKE2b hash names it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address

from veery.errors import Malformed, ProtocolError, RegistryError, Retry
from veery.protocol import bt, crypto
from veery.protocol.constants import KEY_SIZE, NO_SWARM, NODE_LIST_MAX
from veery.protocol.swarm.node_json import check_unique
from veery.protocol.swarm.nodes import ServiceNode, check_ipv4
from veery.registry.proofs import read_name


class StateMalformed(RegistryError):
    """The bytes are not the state of a network."""

    default_kind = "registry.state"
    default_retry = Retry.ELSEWHERE


@dataclass(frozen=True, slots=True)
class NetworkState:
    """Name, genesis (32 bytes), hard fork and nodes of a network at one moment."""

    network: str
    genesis: bytes
    hardfork: tuple[int, int]
    nodes: tuple[ServiceNode, ...]


def state_hash(encoded: bytes) -> bytes:
    """The name of an encoded state, 32 bytes."""
    return crypto.blake2b(KEY_SIZE, encoded)


def encode_state(network: str, genesis: bytes, hardfork: tuple[int, int], nodes: Iterable[ServiceNode]) -> bytes:
    """Write a state. The nodes may come in any order."""
    ordered = sorted(nodes, key=lambda node: node.legacy)
    return bt.encode({"f": list(hardfork), "g": genesis, "n": network, "x": [_encode_node(node) for node in ordered]})


def _encode_node(node: ServiceNode) -> dict[str, bt.Encodable]:
    fields: dict[str, bt.Encodable] = {
        "e": node.ed25519,
        "f": int(node.funded),
        "i": IPv4Address(node.ip).packed,
        "p": node.https_port,
        "q": node.queue_port,
        "s": node.swarm_id,
        "u": node.requested_unlock_height,
        "v": list(node.version),
        "x": node.x25519,
    }
    return fields if node.legacy == node.ed25519 else fields | {"l": node.legacy}


def decode_state(data: bytes) -> NetworkState:
    """Read a state. Raises StateMalformed, also for keys that come twice or out of order."""
    try:
        match bt.decode(data):
            case {b"f": [int(major), int(revision)], b"g": bytes(genesis), b"n": bytes(name), b"x": [*nodes]}:
                pass
            case _:
                raise StateMalformed("The state of the network lacks a field")
        if len(nodes) > NODE_LIST_MAX or len(genesis) != KEY_SIZE:
            raise StateMalformed("The state of the network is out of bounds")
        found = check_unique(_decode_node(node) for node in nodes)
        network = read_name(name)
    except (ProtocolError, RegistryError) as error:
        if isinstance(error, StateMalformed):
            raise
        raise StateMalformed(f"The state of the network cannot be read: {error.message}") from error
    if list(found) != sorted(found, key=lambda node: node.legacy):
        raise StateMalformed("The nodes of the network are out of order")
    return NetworkState(network, genesis, (major, revision), found)


def _decode_node(value: bt.Value) -> ServiceNode:
    match value:
        case {
            b"e": bytes(ed25519),
            b"f": 0 | 1 as funded,
            b"i": bytes(ip),
            b"p": int(https_port),
            b"q": int(queue_port),
            b"s": int(swarm_id),
            b"u": int(unlock),
            b"v": [int(major), int(minor), int(patch)],
            b"x": bytes(x25519),
            **more,
        }:
            legacy = more.get(b"l", ed25519)
        case _:
            raise Malformed("a node lacks a field")
    if not isinstance(legacy, bytes) or any(len(key) != KEY_SIZE for key in (legacy, ed25519, x25519)):
        raise Malformed("a key of a node has a wrong size")
    if not all(0 <= port <= 0xFFFF for port in (https_port, queue_port)):
        raise Malformed("a port of a node is out of range")
    if not 0 <= swarm_id <= NO_SWARM or min(unlock, major, minor, patch) < 0:
        raise Malformed("a number of a node is out of range")
    address = check_ipv4(".".join(map(str, ip)))
    version = (major, minor, patch)
    return ServiceNode(
        legacy, ed25519, x25519, address, https_port, queue_port, swarm_id, version, bool(funded), unlock
    )
