"""Entries of the history: what each says, and their bytes.

An entry is the bt list `[core, state hash, signature]`. The core is a bt dict: `e` events · `h` height · `p` hash of
the entry before (zeros for the first) · `t` time, ms. The block hash is BLAKE2b-32 of the core; it seeds the swarm
assignment, so it cannot cover the outcome. The writer therefore signs a *seal*: block hash, height, and the hash of the
state that follows. With a seal and a state anybody can check a list of nodes without replaying anything.

Events are bt lists: `["found", name, writer, block interval ms, [major, revision]]` (the first entry, alone),
`["join", proof]`, `["move", proof]`, `["drop", key]` (decommissioned), `["leave", key]` (gone).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from veery.errors import ProtocolError, RegistryError, Retry
from veery.protocol import bt, crypto
from veery.protocol.constants import ENTRY_LABEL, ENTRY_MAX, KEY_SIZE
from veery.registry.proofs import Proof, ProofRefused, open_proof, read_name

Sign: TypeAlias = Callable[[bytes], bytes]  # message -> Ed25519 signature, 64 bytes

_NUMBER_MAX: Final = 2**53


class EntryMalformed(RegistryError):
    """The bytes are not an entry of a history."""

    default_kind = "registry.history.entry"
    default_retry = Retry.NEVER


@dataclass(frozen=True, slots=True)
class Founded:
    """The network begins. writer: the Ed25519 key that signs every entry."""

    network: str
    writer: bytes
    block_interval_ms: int
    hardfork: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Joined:
    """A node becomes active: new, or back from decommission."""

    proof: Proof


@dataclass(frozen=True, slots=True)
class Moved:
    """An active node tells another address or version; swarms stay."""

    proof: Proof


@dataclass(frozen=True, slots=True)
class Dropped:
    """A node is decommissioned: it keeps its place in the list, but has no swarm."""

    key: bytes


@dataclass(frozen=True, slots=True)
class Left:
    """A node is gone from the list."""

    key: bytes


Event: TypeAlias = Founded | Joined | Moved | Dropped | Left


@dataclass(frozen=True, slots=True)
class Seal:
    """What the writer signed of an entry: its block hash and height, and the hash of the state that follows."""

    block_hash: bytes
    height: int
    state_hash: bytes
    signature: bytes

    def verify(self, writer: bytes) -> None:
        """Check the writer's signature. Raises CryptoFailed."""
        crypto.ed25519_verify(writer, _sealed(self.block_hash, self.height, self.state_hash), self.signature)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. previous: the block hash of the one before, 32 bytes; encoded: its bytes."""

    height: int
    previous: bytes
    time_ms: int
    events: tuple[Event, ...]
    seal: Seal
    encoded: bytes

    @property
    def block_hash(self) -> bytes:
        """The block hash, 32 bytes."""
        return self.seal.block_hash


def encode_core(height: int, previous: bytes, time_ms: int, events: Sequence[Event]) -> bytes:
    """The part of an entry that its block hash covers."""
    return bt.encode({"e": [_encode_event(event) for event in events], "h": height, "p": previous, "t": time_ms})


def block_hash(core: bytes) -> bytes:
    """The block hash of a core, 32 bytes."""
    return crypto.blake2b(KEY_SIZE, core)


def seal_entry(core: bytes, height: int, state_hash: bytes, sign: Sign) -> Entry:
    """Sign a core and the hash of the state that follows. Raises EntryMalformed for a core that cannot be read back."""
    signature = sign(_sealed(block_hash(core), height, state_hash))
    return decode_entry(bt.encode([core, state_hash, signature]))


def _sealed(block_hash: bytes, height: int, state_hash: bytes) -> bytes:
    return ENTRY_LABEL + bt.encode([block_hash, height, state_hash])


def decode_entry(data: bytes) -> Entry:
    """Read an entry and check the proofs in it, but neither its place in a history nor the writer's signature.

    Raises EntryMalformed.
    """
    if len(data) > ENTRY_MAX:
        raise EntryMalformed(f"The entry is longer than {ENTRY_MAX} bytes")
    try:
        match bt.decode(data):
            case [bytes(core), bytes(state), bytes(signature)]:
                fields = bt.decode_dict(core)
            case _:
                raise EntryMalformed("The entry is not a core, a state hash and a signature")
        match fields:
            case {b"e": [*events], b"h": int(height), b"p": bytes(previous), b"t": int(time_ms), **more} if not more:
                found = tuple(_decode_event(event) for event in events)
            case _:
                raise EntryMalformed("The entry lacks a field, or has one too many")
    except (ProtocolError, ProofRefused) as error:
        raise EntryMalformed(f"The entry cannot be read: {error.message}") from error
    if len(previous) != KEY_SIZE or len(state) != KEY_SIZE:
        raise EntryMalformed("A hash in the entry has a wrong size")
    if not 0 <= height < _NUMBER_MAX or not 0 < time_ms < _NUMBER_MAX or not found:
        raise EntryMalformed("The entry is out of range or says nothing")
    return Entry(height, previous, time_ms, found, Seal(block_hash(core), height, state, signature), data)


def _encode_event(event: Event) -> list[bt.Encodable]:
    match event:
        case Founded(network, writer, interval, hardfork):
            return ["found", network, writer, interval, list(hardfork)]
        case Joined(proof):
            return ["join", proof.encoded]
        case Moved(proof):
            return ["move", proof.encoded]
        case Dropped(key):
            return ["drop", key]
        case Left(key):
            return ["leave", key]


def _decode_event(value: bt.Value) -> Event:
    match value:
        case [b"join", bytes(proof)]:
            return Joined(open_proof(proof))
        case [b"move", bytes(proof)]:
            return Moved(open_proof(proof))
        case [b"drop", bytes(key)] if len(key) == KEY_SIZE:
            return Dropped(key)
        case [b"leave", bytes(key)] if len(key) == KEY_SIZE:
            return Left(key)
        case [b"found", bytes(name), bytes(writer), int(interval), [int(major), int(revision)]]:
            if len(writer) != KEY_SIZE or not 0 < interval < _NUMBER_MAX or min(major, revision) < 0:
                raise EntryMalformed("The first entry is out of range")
            return Founded(read_name(name), writer, interval, (major, revision))
        case _:
            raise EntryMalformed(
                "An event of the history is of an unknown kind", remedy="A newer version of Veery may know it"
            )
