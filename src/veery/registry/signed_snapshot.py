"""What a seed of Veery hands to clients and nodes: a list of nodes that proves itself.

The answer is a bt dict: `c` the asker's nonce · `e` the seal of the latest entry of the history: list of block hash,
height, state hash and the writer's signature · `h` height now · `k` the seed's Ed25519 key · `s` the state after that
entry (left out if the asker has it) · `t` time, ms · `w` the writer's key. The seed signs a label and these bytes.

Three things hold together: the seed's signature over the asker's nonce proves that *this seed* says so *now*; the
writer's signature in the seal proves that the history holds it, whichever seed tells it; the state hash proves the
nodes. A seed that follows can thus be late, but it cannot lie.
"""

from __future__ import annotations

from dataclasses import dataclass

from veery.errors import ProtocolError, RegistryError, Retry
from veery.protocol import bt, crypto
from veery.protocol.constants import KEY_SIZE, NONCE_SIZE, SIGNATURE_SIZE, SNAPSHOT_LABEL
from veery.registry.entries import Seal, Sign
from veery.registry.history import History
from veery.registry.node_state import NetworkState, StateMalformed, decode_state, state_hash
from veery.registry.snapshot import Snapshot


class SnapshotRefused(RegistryError):
    """The answer of a seed does not prove itself."""

    default_kind = "registry.snapshot"
    default_retry = Retry.ELSEWHERE


@dataclass(frozen=True, slots=True)
class SeedAnswer:
    """A checked answer. seed, writer: Ed25519 keys; time_ms: the seed's clock."""

    seed: bytes
    writer: bytes
    time_ms: int
    seal: Seal
    state: NetworkState
    snapshot: Snapshot


def encode_answer(
    history: History, *, seed: bytes, sign: Sign, nonce: bytes, now_ms: int, known_state: bytes | None = None
) -> bytes:
    """Write the answer of a seed: its bytes, then the signature of 64 bytes. `known_state`: a state hash."""
    seal = history.head.seal
    fields: dict[str, bt.Encodable] = {
        "c": nonce,
        "e": [seal.block_hash, seal.height, seal.state_hash, seal.signature],
        "h": history.height_at(now_ms),
        "k": seed,
        "t": now_ms,
        "w": history.writer,
    }
    if known_state != seal.state_hash:
        fields["s"] = history.state
    body = bt.encode(fields)
    return body + sign(SNAPSHOT_LABEL + body)


def open_answer(
    data: bytes,
    *,
    nonce: bytes,
    seed: bytes | None,
    writer: bytes | None,
    known: NetworkState | None,
    known_hash: bytes,
) -> SeedAnswer:
    """Read and check an answer to `nonce`.

    seed, writer: the keys that are expected, None for any. known, known_hash: the state that was offered as known.
    Raises SnapshotRefused.
    """
    body, signature = data[:-SIGNATURE_SIZE], data[-SIGNATURE_SIZE:]
    try:
        match bt.decode_dict(body):
            case {
                b"c": bytes(answered),
                b"e": [bytes(block_hash), int(sealed_height), bytes(sealed_state), bytes(sealed_by)],
                b"h": int(height),
                b"k": bytes(seed_key),
                b"t": int(time_ms),
                b"w": bytes(writer_key),
            } as fields:
                sent = fields.get(b"s")
            case _:
                raise _refused("it lacks a field", "form")
        _check_keys(seed_key, writer_key, seed, writer)
        crypto.ed25519_verify(seed_key, SNAPSHOT_LABEL + body, signature)
        if len(nonce) != NONCE_SIZE or not crypto.equal(answered, nonce):
            raise _refused("it answers another question", "nonce")
        seal = Seal(block_hash, sealed_height, sealed_state, sealed_by)
        seal.verify(writer_key)
        state = _state(sent, seal, known, known_hash)
    except (ProtocolError, StateMalformed) as error:
        raise _refused(error.message, "form") from error
    snapshot = Snapshot(max(height, seal.height), block_hash, state.hardfork, state.nodes, state.network)
    return SeedAnswer(seed_key, writer_key, time_ms, seal, state, snapshot)


def _check_keys(seed_key: bytes, writer_key: bytes, seed: bytes | None, writer: bytes | None) -> None:
    if len(seed_key) != KEY_SIZE or len(writer_key) != KEY_SIZE:
        raise _refused("a key has a wrong size", "form")
    if seed is not None and not crypto.equal(seed, seed_key):
        raise _refused("it is not signed by the seed that the network file names", "key")
    if writer is not None and not crypto.equal(writer, writer_key):
        raise _refused("its history has another writer than the network file names", "writer")


def _state(sent: bt.Value | None, seal: Seal, known: NetworkState | None, known_hash: bytes) -> NetworkState:
    if sent is None:
        if known is None or not crypto.equal(known_hash, seal.state_hash):
            raise _refused("it leaves out the nodes", "form")
        return known
    if not isinstance(sent, bytes) or not crypto.equal(state_hash(sent), seal.state_hash):
        raise _refused("its nodes are not those of its history", "state")
    return decode_state(sent)


def _refused(reason: str, kind: str) -> SnapshotRefused:
    return SnapshotRefused(f"A seed's answer does not hold: {reason}", kind=f"registry.snapshot.{kind}")
