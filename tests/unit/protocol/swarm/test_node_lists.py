"""Lists of nodes as JSON and as records: both ways, what is left out, and hostile lists."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from veery.errors import Misuse
from veery.protocol import crypto
from veery.protocol.constants import NO_ADDRESS, NO_SWARM
from veery.protocol.crypto import CryptoFailed
from veery.protocol.swarm import active_nodes, base32z
from veery.protocol.swarm.node_json import (
    FieldsMalformed,
    asked_fields,
    read_node,
    read_nodes,
    write_node,
    write_nodes,
)
from veery.protocol.swarm.nodes import NodeMalformed, ServiceNode, check_ipv4, is_private_ipv4, node_address, swarm_hex

CLIENT_FIELDS = {"public_ip": True, "storage_port": True, "pubkey_x25519": True, "pubkey_ed25519": True, "swarm": False}


def node(number: int, swarm_id: int = 7) -> ServiceNode:
    public, _ = crypto.ed25519_from_seed(bytes((number,)) * 32)
    x25519 = crypto.ed25519_public_to_x25519(public)
    return ServiceNode(public, public, x25519, f"10.0.{number}.1", 22021, 22020, swarm_id, (2, 11, number))


def test_a_record_says_everything_and_reads_back() -> None:
    for one in (node(1), node(2, 2**64 - 2), replace(node(3, NO_SWARM), requested_unlock_height=9), node(4, 0)):
        assert read_node(write_node(one)) == one


def test_swarm_ids_stay_integers() -> None:
    record = write_node(node(1, 2**64 - 2))
    assert type(record["swarm_id"]) is int
    assert record["swarm"] == "fffffffffffffffe"
    assert swarm_hex(0) == "0"


def test_exactly_the_asked_fields_in_both_spellings() -> None:
    wanted = {"public_ip", "storage_port", "pubkey_x25519", "pubkey_ed25519"}
    assert write_node(node(1), asked_fields(CLIENT_FIELDS)).keys() == wanted
    assert write_node(node(1), asked_fields(sorted(wanted))).keys() == wanted
    assert asked_fields(None) is None
    for bad in ("public_ip", {"public_ip": 1}, ["a", 1], 5, True):
        with pytest.raises(FieldsMalformed):
            asked_fields(bad)


def test_a_node_without_proof_is_told_by_its_identity_alone() -> None:
    silent = replace(node(1), ip=NO_ADDRESS, https_port=0, queue_port=0)
    record = write_node(silent)
    assert {"service_node_pubkey", "swarm_id", "funded"} <= record.keys()
    assert not {"public_ip", "storage_port", "pubkey_x25519", "pubkey_ed25519"} & record.keys()
    read = read_node(record)
    assert (read.legacy, read.swarm_id, read.ed25519, read.contactable) == (silent.legacy, 7, b"", False)


def test_active_only_and_limit() -> None:
    nodes = [node(number, NO_SWARM if number % 2 else 1) for number in range(1, 11)]
    assert len(write_nodes(nodes, randbelow=lambda n: 0)) == 10
    assert len(write_nodes(nodes, randbelow=lambda n: 0, active_only=True)) == 5
    drawn = write_nodes(nodes, randbelow=lambda n: n - 1, limit=3, fields=frozenset({"public_ip"}))
    assert [record["public_ip"] for record in drawn] == ["10.0.10.1", "10.0.1.1", "10.0.2.1"]
    assert len(write_nodes(nodes, randbelow=lambda n: 0, limit=50)) == 10


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("public_ip", "10.0.0.256"),
        ("public_ip", "::1"),
        ("public_ip", "example.org"),
        ("public_ip", "224.0.0.1"),
        ("public_ip", "255.255.255.255"),
        ("public_ip", "0.1.2.3"),
        ("public_ip", 5),
        ("storage_port", 65536),
        ("storage_port", -1),
        ("storage_port", True),
        ("storage_port", "22021"),
        ("swarm_id", 1.5e19),
        ("swarm_id", 2**64),
        ("swarm_id", "7"),
        ("funded", 1),
        ("pubkey_ed25519", "00" * 31),
        ("pubkey_x25519", "zz" * 32),
        ("storage_server_version", [2, 11]),
        ("storage_server_version", "2.11.0"),
        ("requested_unlock_height", -1),
    ],
)
def test_bad_records(name: str, value: Any) -> None:
    with pytest.raises(NodeMalformed):
        read_node(write_node(node(1)) | {name: value})


def test_swarm_in_hex_is_read_when_the_number_is_absent() -> None:
    record = {"service_node_pubkey": "11" * 32, "swarm": "ff"}
    assert read_node(record).swarm_id == 255
    for bad in ("", "-1", "1" * 17, "xyz", "1_0"):
        with pytest.raises(NodeMalformed):
            read_node(record | {"swarm": bad})


def test_hostile_lists() -> None:
    first, second = write_node(node(1)), write_node(node(2))
    assert len(read_nodes([first, second])) == 2
    for name in ("service_node_pubkey", "pubkey_ed25519", "pubkey_x25519"):
        with pytest.raises(NodeMalformed, match="share a key"):
            read_nodes([first, second | {name: first[name]}])
    strange: list[Any] = [{}, [1], [None], "[]", None]
    for bad in strange:
        with pytest.raises(NodeMalformed):
            read_nodes(bad)


def test_records_of_51_bytes_both_ways() -> None:
    nodes = [node(1), node(2, 0)]
    data = active_nodes.encode([*nodes, node(3, NO_SWARM)])
    assert len(data) == 2 * 51
    assert list(active_nodes.decode_nodes(data)) == nodes


def test_hostile_records() -> None:
    data = active_nodes.encode([node(1)])
    with pytest.raises(NodeMalformed, match="share a key"):
        active_nodes.decode_nodes(data * 2)
    with pytest.raises(NodeMalformed, match="without a swarm"):
        active_nodes.decode_nodes(data[:32] + b"\xff" * 8 + data[40:])
    with pytest.raises(NodeMalformed, match="no single host"):
        active_nodes.decode_nodes(data[:40] + b"\xe0\x00\x00\x01" + data[44:])
    with pytest.raises(CryptoFailed):
        active_nodes.decode_nodes(bytes(32) + data[32:])
    with pytest.raises(Misuse):
        active_nodes.encode([replace(node(1), https_port=70_000)])


def test_names() -> None:
    assert base32z.encode(bytes(32)) == "y" * 52
    assert node_address(b"\xff" * 32) == "9" * 51 + "o.snode"
    assert node(1).address == base32z.encode(node(1).legacy) + ".snode"
    assert base32z.decode_key(base32z.encode(node(1).legacy).upper()) == node(1).legacy
    for bad in ("", "y" * 51, "y" * 51 + "l", "y" * 51 + "b"):
        with pytest.raises(base32z.Base32zMalformed):
            base32z.decode_key(bad)


def test_addresses() -> None:
    assert check_ipv4("127.0.0.1") == "127.0.0.1"
    assert is_private_ipv4("127.0.0.1")
    assert is_private_ipv4("192.168.1.1")
    assert not is_private_ipv4("9.9.9.9")
