"""Swarms and lists of nodes (chapter 05, 04.6.3)."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest

from tests.vectors.harness import Case, topic
from veery.protocol.swarm import active_nodes, push
from veery.protocol.swarm.assignment import assign, new_id
from veery.protocol.swarm.mapping import Ring, account_from_hex, space, swarm_of
from veery.protocol.swarm.nodes import NodeMalformed, ServiceNode, swarm_hex


@topic("swarm-mapping")
def swarm_mapping(inputs: Case, expected: Case) -> None:
    account = account_from_hex(inputs["pubkey"])
    if "swarm_space" in expected:
        assert space(account) == int(expected["swarm_space"])
    if "swarm_space_hex" in expected:
        assert f"{space(account):016x}" == expected["swarm_space_hex"]
    if "swarm_ids" not in inputs:
        return
    ids = [int(number) for number in inputs["swarm_ids"]]
    found = swarm_of(account, ids)
    if expected.get("swarm_id") is None:
        assert found is None
        return
    assert found == int(expected["swarm_id"])
    assert space(account) in Ring.of(ids).arc(found)
    if "swarm_id_hex" in expected:
        assert swarm_hex(found) == expected["swarm_id_hex"]


@topic("swarm-new-id")
def swarm_new_id(inputs: Case, expected: Case) -> None:
    assert new_id(int(number) for number in inputs["swarm_ids"]) == int(expected["new_swarm_id"])


@topic("swarm-assignment")
def swarm_assignment(inputs: Case, expected: Case) -> None:
    nodes = [(bytes.fromhex(node["key"]), int(node["swarm_id"])) for node in inputs["nodes"]]
    swarms = assign(nodes, bytes.fromhex(inputs["block_hash"]))
    found = {str(swarm_id): sorted(key.hex() for key in members) for swarm_id, members in swarms.items()}
    assert found == {swarm_id: sorted(members) for swarm_id, members in expected["swarms"].items()}


@topic("swarm-push")
def swarm_push(inputs: Case, expected: Case) -> None:
    messages = [
        push.PushedMessage(
            bytes.fromhex(message["pubkey"]),
            bytes.fromhex(message["hash_hex"]),
            message["timestamp"],
            message["expiry"],
            bytes.fromhex(message["data_hex"]),
            message.get("namespace", 0),
        )
        for message in inputs["messages"]
    ]
    blob = push.encode_push(messages, with_namespace=inputs.get("with_namespace", True))
    assert blob.hex() == expected["blob_hex"]
    assert list(push.decode_push(blob)) == messages


@topic("active-nodes-bin")
def active_nodes_bin(inputs: Case, expected: Case) -> None:
    blob = b64decode(inputs["blob_base64"])
    if expected.get("error"):
        with pytest.raises(NodeMalformed):
            active_nodes.decode(blob)
        return
    records = active_nodes.decode(blob)
    assert [
        {
            "pubkey_ed25519": record.ed25519.hex(),
            "swarm_id": str(record.swarm_id),
            "ip": record.ip,
            "port_https": record.https_port,
            "port_omq": record.queue_port,
            "version": list(record.version),
        }
        for record in records
    ] == expected["nodes"]
    nodes = [
        ServiceNode(
            node.ed25519, node.ed25519, b"", node.ip, node.https_port, node.queue_port, node.swarm_id, node.version
        )
        for node in records
    ]
    assert b64encode(active_nodes.encode(nodes)).decode() == inputs["blob_base64"]
