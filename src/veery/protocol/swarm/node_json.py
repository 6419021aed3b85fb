"""Node lists as JSON values: what daemons, seeds and nodes answer to `get_service_nodes` (05.7, 03.7.1), both ways.

A node without a proof is told by its legacy key, swarm and funding alone. Reading is strict about form (types, sizes,
addresses, keys that come twice) and lenient about fields: unknown ones are skipped, and what was not asked for is
unknown in the result. Swarm ids are integers up to 2^64-1, never floats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from veery.protocol.constants import KEY_SIZE, NO_ADDRESS, NO_SWARM, NODE_LIST_MAX
from veery.protocol.swarm.nodes import NodeMalformed, ServiceNode, check_ipv4, swarm_hex

Json: TypeAlias = Any  # a decoded JSON value
RandBelow: TypeAlias = Callable[[int], int]  # gives a number from 0 to n-1

_ALWAYS: Final = frozenset({"service_node_pubkey", "swarm_id", "swarm", "funded", "active", "requested_unlock_height"})
_HEIGHT_MAX: Final = 2**63 - 1


class FieldsMalformed(NodeMalformed):
    """`fields` is neither an object of booleans nor a list of names."""

    default_kind = "protocol.node.fields"


def asked_fields(value: Json) -> frozenset[str] | None:
    """Read `fields`: an object of booleans, or a list of names; None (everything) when it is absent.

    Raises FieldsMalformed.
    """
    if value is None:
        return None
    if isinstance(value, Mapping) and all(isinstance(wanted, bool) for wanted in value.values()):
        return frozenset(name for name, wanted in value.items() if wanted)
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return frozenset(value)
    raise FieldsMalformed("`fields` must be an object of booleans or a list of names")


def write_node(node: ServiceNode, fields: frozenset[str] | None = None) -> dict[str, Json]:
    """The record of one node, with exactly the asked fields that are known of it; all of them for None."""
    record: dict[str, Json] = {
        "service_node_pubkey": node.legacy.hex(),
        "pubkey_ed25519": node.ed25519.hex(),
        "pubkey_x25519": node.x25519.hex(),
        "public_ip": node.ip,
        "storage_port": node.https_port,
        "storage_lmq_port": node.queue_port,
        "swarm_id": node.swarm_id,
        "swarm": swarm_hex(node.swarm_id),
        "funded": node.funded,
        "active": node.active,
        "requested_unlock_height": node.requested_unlock_height,
        "storage_server_version": list(node.version),
    }
    known = record.keys() if node.contactable else _ALWAYS
    return {name: value for name, value in record.items() if name in known and (fields is None or name in fields)}


def write_nodes(
    nodes: Sequence[ServiceNode],
    *,
    randbelow: RandBelow,
    fields: frozenset[str] | None = None,
    active_only: bool = False,
    limit: int = 0,
) -> list[dict[str, Json]]:
    """The records of a list; `limit` above 0 gives that many of them, drawn at random."""
    chosen = [node for node in nodes if node.active or not active_only]
    if 0 < limit < len(chosen):
        for place in range(limit):
            other = place + randbelow(len(chosen) - place)
            chosen[place], chosen[other] = chosen[other], chosen[place]
        del chosen[limit:]
    return [write_node(node, fields) for node in chosen]


def read_node(record: Json) -> ServiceNode:
    """Read the record of one node. Raises NodeMalformed for wrong types, sizes or addresses."""
    if not isinstance(record, Mapping):
        raise NodeMalformed("the record of a node is not an object")
    return ServiceNode(
        legacy=_key(record, "service_node_pubkey"),
        ed25519=_key(record, "pubkey_ed25519"),
        x25519=_key(record, "pubkey_x25519"),
        ip=check_ipv4(_text(record, "public_ip", NO_ADDRESS) or NO_ADDRESS),
        https_port=_number(record, "storage_port", 0, 0xFFFF),
        queue_port=_number(record, "storage_lmq_port", 0, 0xFFFF),
        swarm_id=_swarm(record),
        version=_version(record.get("storage_server_version")),
        funded=_flag(record, "funded", True),
        requested_unlock_height=_number(record, "requested_unlock_height", 0, _HEIGHT_MAX),
    )


def read_nodes(records: Json) -> tuple[ServiceNode, ...]:
    """Read `service_node_states`. Raises NodeMalformed for a bad record, a key that comes twice or too many records."""
    if not isinstance(records, list):
        raise NodeMalformed("the list of nodes is not a list")
    if len(records) > NODE_LIST_MAX:
        raise NodeMalformed(f"more than {NODE_LIST_MAX} nodes in one list", kind="protocol.node.count")
    return check_unique(read_node(record) for record in records)


def check_unique(nodes: Iterable[ServiceNode]) -> tuple[ServiceNode, ...]:
    """Give the nodes as they are. Raises NodeMalformed when two share a legacy, Ed25519 or X25519 key."""
    found = tuple(nodes)
    for keys in (
        [node.legacy for node in found if node.legacy],
        [node.ed25519 for node in found if node.ed25519],
        [node.x25519 for node in found if node.x25519],
    ):
        if len(set(keys)) != len(keys):
            raise NodeMalformed("two nodes of one list share a key", kind="protocol.node.duplicate")
    return found


def _text(record: Mapping[str, Json], name: str, default: str) -> str:
    value = record.get(name, default)
    if not isinstance(value, str):
        raise NodeMalformed(f"`{name}` of a node is not text")
    return value


def _key(record: Mapping[str, Json], name: str) -> bytes:
    text = _text(record, name, "")
    if not text:
        return b""
    if len(text) != 2 * KEY_SIZE or not text.isascii() or not text.isalnum():
        raise NodeMalformed(f"`{name}` of a node is not {2 * KEY_SIZE} hex digits")
    try:
        key = bytes.fromhex(text)
    except ValueError:
        raise NodeMalformed(f"`{name}` of a node is not {2 * KEY_SIZE} hex digits") from None
    return key if any(key) else b""


def _number(record: Mapping[str, Json], name: str, default: int, largest: int) -> int:
    value = record.get(name, default)
    if type(value) is not int or not 0 <= value <= largest:
        raise NodeMalformed(f"`{name}` of a node is not a number from 0 to {largest}")
    return value


def _swarm(record: Mapping[str, Json]) -> int:
    if "swarm_id" in record or "swarm" not in record:
        return _number(record, "swarm_id", NO_SWARM, NO_SWARM)
    text = _text(record, "swarm", "")
    try:
        swarm_id = int(text, 16) if text.isascii() and text.isalnum() and len(text) <= 16 else NO_SWARM + 1
    except ValueError:
        swarm_id = NO_SWARM + 1
    if swarm_id > NO_SWARM:
        raise NodeMalformed("`swarm` of a node is not a hex number of 64 bits")
    return swarm_id


def _flag(record: Mapping[str, Json], name: str, default: bool) -> bool:
    value = record.get(name, default)
    if not isinstance(value, bool):
        raise NodeMalformed(f"`{name}` of a node is not true or false")
    return value


def _version(value: Json) -> tuple[int, int, int]:
    if value is None:
        return (0, 0, 0)
    if not isinstance(value, list) or len(value) != 3 or any(type(part) is not int or part < 0 for part in value):
        raise NodeMalformed("`storage_server_version` of a node is not a list of three numbers")
    major, minor, patch = value
    return (major, minor, patch)
