"""Swarm and queue codecs: round trips, arcs that agree with the nearest swarm, and bytes of strangers."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from veery.errors import ProtocolError
from veery.protocol import queue, queue_address
from veery.protocol.constants import NO_SWARM
from veery.protocol.queue import CommandRule, Connection, Level
from veery.protocol.swarm import active_nodes, base32z, push
from veery.protocol.swarm.assignment import assign, assignment_of, new_id
from veery.protocol.swarm.mapping import Ring
from veery.protocol.swarm.node_json import asked_fields, read_node, read_nodes, write_node
from veery.protocol.swarm.nodes import NodeMalformed, ServiceNode

PLACES = st.integers(0, 2**64 - 1)
IDS = st.sets(st.integers(0, 2**64 - 2), min_size=1, max_size=20)
KEYS = st.binary(min_size=32, max_size=32).filter(any)
PORTS = st.integers(0, 65_535)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=12,
)
NODES = st.builds(
    ServiceNode,
    KEYS,
    KEYS,
    KEYS,
    st.ip_addresses(v=4, network="16.0.0.0/4").map(str),
    st.integers(1, 65_535),
    PORTS,
    PLACES,
    st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255)),
    st.booleans(),
    st.integers(0, 2**63 - 1),
)
MESSAGES = st.builds(
    push.PushedMessage,
    st.binary(min_size=33, max_size=33),
    st.binary(max_size=60),
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**63 - 1),
    st.binary(max_size=200),
    st.integers(-(2**15), 2**15 - 1),
)


@given(IDS, PLACES)
def test_exactly_one_arc_holds_each_place_and_it_is_the_nearest(ids: set[int], place: int) -> None:
    ring = Ring.of(ids)
    nearest = ring.nearest(place)
    assert [swarm_id for swarm_id in ring.ids if place in ring.arc(swarm_id)] == [nearest]
    assert nearest is not None
    shortest = min(min((place - one) % 2**64, (one - place) % 2**64) for one in ids)
    assert shortest in ((place - nearest) % 2**64, (nearest - place) % 2**64)


@given(IDS)
def test_a_new_id_is_new(ids: set[int]) -> None:
    found = new_id(ids)
    assert found not in ids
    assert 0 <= found < NO_SWARM


@given(
    st.dictionaries(KEYS, st.sampled_from([0, 2**62, 2**63, NO_SWARM]), max_size=60), st.binary(min_size=8, max_size=32)
)
def test_assignment_places_every_node_once(nodes: dict[bytes, int], block_hash: bytes) -> None:
    swarms = assign(nodes.items(), block_hash)
    placed = assignment_of(swarms)
    assert placed.keys() == nodes.keys()
    assert sum(map(len, swarms.values())) == len(nodes)
    assert NO_SWARM not in swarms
    assert len(swarms) == 1 or min(map(len, swarms.values())) >= 5


@given(NODES)
def test_node_records_round_trip(node: ServiceNode) -> None:
    assert read_node(write_node(node)) == node
    (record,) = active_nodes.decode(active_nodes.encode([node])) or (None,)
    if node.active:
        assert record is not None
        assert (record.ed25519, record.swarm_id, record.ip) == (node.ed25519, node.swarm_id, node.ip)


@given(JSON)
def test_json_of_strangers(value: Any) -> None:
    for read in (read_nodes, asked_fields):
        try:
            read(value)
        except NodeMalformed:
            pass


@given(NODES, st.sampled_from(sorted(write_node(ServiceNode(b"1" * 32, b"1" * 32, b"1" * 32, "9.9.9.9", 1, 1)))), JSON)
def test_records_with_one_strange_value(node: ServiceNode, name: str, value: Any) -> None:
    try:
        read_node(write_node(node) | {name: value})
    except NodeMalformed:
        pass


@given(st.binary(max_size=300))
def test_bytes_of_strangers(data: bytes) -> None:
    for read in (
        active_nodes.decode,
        active_nodes.decode_nodes,
        push.decode_push,
        lambda part: push.decode_ready([part]),
    ):
        try:
            read(data)
        except ProtocolError:
            pass


@given(st.lists(MESSAGES, max_size=12), st.integers(1, 2_000))
def test_pushes_round_trip_in_batches(messages: list[push.PushedMessage], largest: int) -> None:
    assert list(push.decode_push(push.encode_push(messages))) == messages
    blobs = list(push.batches(messages, largest=largest))
    assert [message for blob in blobs for message in push.decode_push(blob)] == messages
    assert all(len(blob) <= largest or len(push.decode_push(blob)) == 1 for blob in blobs)


@given(st.binary(min_size=32, max_size=32))
def test_base32z_round_trips(key: bytes) -> None:
    assert base32z.decode_key(base32z.encode(key)) == key


@given(
    st.lists(
        st.sampled_from([b"REPLY", b"HI", b"HELLO", b"BYE", b"FORBIDDEN", b"a.r", b"a.c", b"t", b""])
        | st.binary(max_size=8),
        max_size=5,
    ),
    st.booleans(),
    st.booleans(),
    st.sampled_from(Level),
)
def test_every_message_has_one_outcome_and_codes_are_never_answered(
    parts: list[bytes], outgoing: bool, node: bool, level: Level
) -> None:
    commands = {b"a.r": CommandRule(True, Level.BASIC, remote_sn=True), b"a.c": CommandRule(False)}
    connection = Connection(outgoing, outgoing, level, node)
    outcome = queue.receive(parts, connection, commands, {b"t"})
    if isinstance(outcome, queue.Refuse):
        again = queue.receive(outcome.send, connection, commands, ())
        assert isinstance(again, queue.Ignored | queue.Refused)
    if isinstance(outcome, queue.Request):
        answer = queue.receive(queue.reply(outcome.tag), OUTGOING, commands, {outcome.tag})
        assert answer == queue.Replied(outcome.tag, ())


OUTGOING = Connection(outgoing=True)


@given(st.text(max_size=120) | st.from_regex(r"(tcp|ipc|curve|ipc\+curve)://[a-z:/0-9=+]{0,90}", fullmatch=True))
def test_addresses_of_strangers(text: str) -> None:
    try:
        address = queue_address.parse(text)
    except queue_address.AddressMalformed:
        return
    assert queue_address.parse(str(address)) == address
