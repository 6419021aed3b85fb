"""Answers of seeds that prove themselves, and every lie that is noticed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.unit.registry.world import NOW, Chronicle, key_of, signer
from veery.protocol import bt
from veery.protocol.constants import SNAPSHOT_LABEL
from veery.registry.entries import Dropped
from veery.registry.node_state import NetworkState, decode_state
from veery.registry.signed_snapshot import SeedAnswer, SnapshotRefused, encode_answer, open_answer

NONCE = bytes(range(32))


@dataclass(frozen=True)
class Asked:
    """What a client expects of an answer."""

    nonce: bytes = NONCE
    seed: bytes | None = field(default_factory=lambda: key_of(50))
    writer: bytes | None = field(default_factory=lambda: key_of(0))
    known: NetworkState | None = None
    known_hash: bytes = b""

    def open(self, data: bytes) -> SeedAnswer:
        return open_answer(
            data,
            nonce=self.nonce,
            seed=self.seed,
            writer=self.writer,
            known=self.known,
            known_hash=self.known_hash,
        )


@pytest.fixture
def chronicle() -> Chronicle:
    found = Chronicle()
    found.join(*range(1, 15))
    return found


def answer(chronicle: Chronicle, known_state: bytes | None = None, seed: int = 50) -> bytes:
    return encode_answer(
        chronicle.history,
        seed=key_of(seed),
        sign=signer(seed),
        nonce=NONCE,
        now_ms=NOW + 9_000,
        known_state=known_state,
    )


def changed(chronicle: Chronicle, **changes: Any) -> bytes:
    """The answer of seed 50 with other fields, signed by it: the seed lies."""
    body = bt.encode(bt.decode_dict(answer(chronicle)[:-64]) | {key.encode(): value for key, value in changes.items()})
    return body + signer(50)(SNAPSHOT_LABEL + body)


def test_an_answer_gives_the_snapshot(chronicle: Chronicle) -> None:
    opened = Asked().open(answer(chronicle))
    assert opened.snapshot == chronicle.history.snapshot(NOW + 9_000)
    assert opened.snapshot.height == 9
    assert (opened.seed, opened.writer, opened.time_ms) == (key_of(50), key_of(0), NOW + 9_000)


def test_what_is_known_is_left_out(chronicle: Chronicle) -> None:
    head = chronicle.history.head
    known = decode_state(chronicle.history.state)
    short = answer(chronicle, known_state=head.seal.state_hash)
    assert len(short) < len(answer(chronicle)) // 2
    asked = Asked(known=known, known_hash=head.seal.state_hash)
    assert asked.open(short).snapshot.nodes == known.nodes
    with pytest.raises(SnapshotRefused, match="leaves out"):
        Asked().open(short)
    with pytest.raises(SnapshotRefused, match="leaves out"):
        replace(asked, known_hash=bytes(32)).open(short)
    chronicle.write([Dropped(key_of(1))])
    assert asked.open(answer(chronicle, known_state=head.seal.state_hash)).snapshot.nodes != known.nodes


def test_any_key_is_taken_where_none_is_named(chronicle: Chronicle) -> None:
    assert Asked(seed=None, writer=None).open(answer(chronicle, seed=51)).seed == key_of(51)


def test_other_keys_than_the_named_ones(chronicle: Chronicle) -> None:
    with pytest.raises(SnapshotRefused) as refused:
        Asked().open(answer(chronicle, seed=51))
    assert refused.value.kind == "registry.snapshot.key"
    with pytest.raises(SnapshotRefused) as refused:
        Asked(writer=key_of(1)).open(answer(chronicle))
    assert refused.value.kind == "registry.snapshot.writer"


def test_an_old_answer_does_not_answer_a_new_question(chronicle: Chronicle) -> None:
    with pytest.raises(SnapshotRefused) as refused:
        Asked(nonce=bytes(32)).open(answer(chronicle))
    assert refused.value.kind == "registry.snapshot.nonce"


def test_a_seed_cannot_lie_about_the_nodes(chronicle: Chronicle) -> None:
    state = bt.decode_dict(chronicle.history.state)
    nodes = state[b"x"]
    assert isinstance(nodes, list)
    with pytest.raises(SnapshotRefused) as refused:
        Asked().open(changed(chronicle, s=bt.encode(state | {b"x": nodes[1:]})))
    assert refused.value.kind == "registry.snapshot.state"


def test_a_seed_cannot_make_up_an_entry(chronicle: Chronicle) -> None:
    other = Chronicle()
    other.history = type(other.history).found("lab", key_of(50), signer(50), NOW)
    seal = other.history.head.seal
    sealed = [seal.block_hash, seal.height, seal.state_hash, seal.signature]
    forged = changed(chronicle, e=sealed, s=other.history.state)
    with pytest.raises(SnapshotRefused, match="signature"):
        Asked().open(forged)
    with pytest.raises(SnapshotRefused):
        Asked().open(changed(chronicle, e=[]))


def test_every_byte_is_signed(chronicle: Chronicle) -> None:
    data = answer(chronicle)
    for place in range(0, len(data), 37):
        flipped = bytearray(data)
        flipped[place] ^= 1
        with pytest.raises(SnapshotRefused):
            Asked().open(bytes(flipped))


@pytest.mark.parametrize("data", [b"", bytes(64), bt.encode({}) + bytes(64), b"le" + bytes(64)])
def test_other_forms(data: bytes) -> None:
    with pytest.raises(SnapshotRefused):
        Asked().open(data)
