"""Bytes of strangers at the registry's parsers, and histories of random events that replay."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.registry.world import NOW, Chronicle, key_of, proof_of
from veery.errors import RegistryError
from veery.protocol.constants import NO_SWARM
from veery.registry.entries import Dropped, Event, Joined, Left, Moved, decode_entry
from veery.registry.history import History
from veery.registry.network_file import NetworkFile
from veery.registry.node_state import decode_state, encode_state
from veery.registry.proofs import open_proof
from veery.registry.signed_snapshot import encode_answer, open_answer

GENUINE = Chronicle()
GENUINE.join(1, 2, 3)
ENTRY = GENUINE.history.head.encoded
STATE = GENUINE.history.state
ANSWER = encode_answer(GENUINE.history, seed=key_of(9), sign=lambda message: bytes(64), nonce=bytes(32), now_ms=NOW)


def read_answer(data: bytes) -> object:
    return open_answer(data, nonce=bytes(32), seed=None, writer=None, known=None, known_hash=b"")


READERS: list[tuple[Callable[[bytes], object], bytes]] = [
    (open_proof, proof_of(1).encoded),
    (decode_entry, ENTRY),
    (decode_state, STATE),
    (read_answer, ANSWER),
]


@given(st.sampled_from(READERS), st.data())
def test_altered_bytes_give_only_our_errors(
    reader: tuple[Callable[[bytes], object], bytes], data: st.DataObject
) -> None:
    read, genuine = reader
    at = data.draw(st.integers(0, len(genuine)))
    cut = data.draw(st.integers(0, 40))
    changed = genuine[:at] + data.draw(st.binary(max_size=40)) + genuine[at + cut :]
    try:
        read(changed)
    except RegistryError as error:
        assert error.kind.startswith("registry.")


@given(st.sampled_from(READERS), st.binary(max_size=200))
def test_bytes_of_strangers(reader: tuple[Callable[[bytes], object], bytes], data: bytes) -> None:
    try:
        reader[0](data)
    except RegistryError:
        return
    raise AssertionError("random bytes were taken")


@given(st.text(max_size=200) | st.text(max_size=80).map(lambda text: f"[network]\nname='n'\nseeds=['{text}']"))
def test_network_files_of_strangers(text: str) -> None:
    try:
        found = NetworkFile.parse(text)
    except RegistryError:
        return
    assert found.seeds


@given(st.lists(st.tuples(st.integers(1, 24), st.sampled_from("jjjjmdl"), st.integers(0, 3_000)), max_size=60))
def test_random_histories_replay_to_the_same_swarms(steps: list[tuple[int, str, int]]) -> None:
    chronicle = Chronicle()
    for number, kind, pause in steps:
        chronicle.now_ms += pause + 1
        event = possible(chronicle, number, kind)
        if event is not None:
            chronicle.write([event])
            check(chronicle.history)
    again = History.replay([decode_entry(entry.encoded) for entry in chronicle.entries()])
    assert again.state == chronicle.history.state
    state = decode_state(again.state)
    assert encode_state(state.network, state.genesis, state.hardfork, reversed(state.nodes)) == again.state


def possible(chronicle: Chronicle, number: int, kind: str) -> Event | None:
    member = chronicle.history.members.get(key_of(number))
    active = member is not None and member.node.active
    if kind == "j" and not active:
        return Joined(proof_of(number, chronicle.now_ms))
    if kind == "m" and active:
        return Moved(proof_of(number, chronicle.now_ms, port=1 + chronicle.now_ms % 60_000))
    if kind == "d" and active:
        return Dropped(key_of(number))
    return Left(key_of(number)) if kind == "l" and member is not None else None


def check(history: History) -> None:
    """Every active node has a swarm; with more than one swarm, none starves."""
    sizes: dict[int, int] = {}
    for member in history.members.values():
        if member.node.swarm_id != NO_SWARM:
            sizes[member.node.swarm_id] = sizes.get(member.node.swarm_id, 0) + 1
    assert len(sizes) <= 1 or min(sizes.values()) >= 5
    assert b64encode(history.state)
