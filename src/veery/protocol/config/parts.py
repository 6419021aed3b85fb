"""Configurations that need more than one stored message (07.8): cutting into parts, and collecting them.

A part is `m`, a bt-list [hash, index, count, chunk], and up to four zero bytes. The hash is over the padded bytes that
the chunks make together: neither the hash of the message nor that of the swarm. Parts have no order among themselves or
with other messages, and a set may be completed over several polls; until then its parts are kept, and kept alive.

`PartSets` is a value: every function here gives a new one. What a stranger could make it hold is bounded (in a group
every member knows the key that parts are encrypted with): the bytes of a set, the sets, the completed sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from veery.protocol import bt, crypto
from veery.protocol.config.errors import ConfigMalformed
from veery.protocol.config.storage_form import PART
from veery.protocol.constants import (
    CONFIG_CHUNK,
    CONFIG_OVERHEAD,
    CONFIG_PART_FRAMING,
    CONFIG_PARTS_DONE_MS,
    CONFIG_PARTS_LIFE_MS,
    CONFIG_PARTS_MIN,
    CONFIG_PUSH_MAX,
    CONFIG_SETS_DONE_MAX,
    CONFIG_SETS_MAX,
    DATA_MAX,
    KEY_SIZE,
)


@dataclass(frozen=True, slots=True, repr=False)
class Part:
    """One part of a set. set_hash: 32 bytes; index: 0 to count - 1; count: 2 to 255; chunk: a slice, not empty."""

    set_hash: bytes
    index: int
    count: int
    chunk: bytes


@dataclass(frozen=True, slots=True, repr=False)
class PartSet:
    """The parts of one set that have arrived. chunks and storage_hashes: by index; expires_ms: when it is given up."""

    count: int
    chunks: Mapping[int, bytes]
    storage_hashes: Mapping[int, str]
    expires_ms: int


@dataclass(frozen=True, slots=True, repr=False)
class PartSets:
    """All that is remembered of parts. open: by set hash; done: set hash to the time until which it is remembered."""

    open: Mapping[bytes, PartSet] = field(default_factory=dict)
    done: Mapping[bytes, int] = field(default_factory=dict)

    @property
    def storage_hashes(self) -> frozenset[str]:
        """Storage hashes of the parts of incomplete sets, which must be kept alive."""
        return frozenset(name for held in self.open.values() for name in held.storage_hashes.values())


@dataclass(frozen=True, slots=True, repr=False)
class Joined:
    """A complete set: the padded bytes, and the storage hashes of all its parts."""

    set_hash: bytes
    padded: bytes
    storage_hashes: frozenset[str]


NO_PARTS: Final = PartSets()


# -- cutting ---------------------------------------------------------------------------------------------------


def needs_parts(padded: bytes) -> bool:
    """Whether the padded bytes, encrypted, are more than one stored message holds."""
    return len(padded) + CONFIG_OVERHEAD > DATA_MAX


def set_hash(padded: bytes) -> bytes:
    """The hash that the parts of a set name it by: BLAKE2b-32 of the padded bytes."""
    return crypto.blake2b(KEY_SIZE, padded)


def cut(padded: bytes) -> tuple[bytes, ...]:
    """The plaintexts of the parts, before encryption, for at most CONFIG_PUSH_MAX padded bytes."""
    name = set_hash(padded)
    chunks = [padded[at : at + CONFIG_CHUNK] for at in range(0, len(padded), CONFIG_CHUNK)]
    return tuple(
        _encode(Part(name, index, len(chunks), chunk)).ljust(CONFIG_PART_FRAMING + len(chunk), b"\0")
        for index, chunk in enumerate(chunks)
    )


def _encode(part: Part) -> bytes:
    return PART + bt.encode([part.set_hash, bytes([part.index]), bytes([part.count]), part.chunk])


# -- collecting ------------------------------------------------------------------------------------------------


def read(payload: bytes) -> Part:
    """Read a decrypted, unpadded payload that begins with `m`. Raises ConfigMalformed: `config.part`."""
    try:
        found = bt.decode(payload.removeprefix(PART).rstrip(b"\0"), lenient=True)
    except bt.BtMalformed:
        raise ConfigMalformed("the part is not bt-encoded", kind="config.part") from None
    match found:
        case [bytes(name), bytes(index), bytes(count), bytes(chunk)]:
            if len(name) == KEY_SIZE and len(index) == len(count) == 1 and chunk:
                part = Part(name, index[0], count[0], chunk)
                if part.count >= CONFIG_PARTS_MIN and part.index < part.count:
                    return part
    raise ConfigMalformed("a part is a hash of 32 bytes, an index, a count and a chunk", kind="config.part")


def collect(sets: PartSets, part: Part, storage_hash: str, now_ms: int) -> tuple[PartSets, Joined | None]:
    """Take a part in; the complete set if it was the last one. One that is known, or of a completed set, is ignored.

    A set that does not have its hash refuses the part that completed it, and stays as it is until it expires.
    Raises ConfigMalformed: `config.part.count`, `.size`, `.hash`.
    """
    if part.set_hash in sets.done:
        return sets, None
    held = sets.open.get(part.set_hash) or PartSet(part.count, {}, {}, now_ms)
    if held.count != part.count:
        raise ConfigMalformed("the parts of a set have different counts", kind="config.part.count")
    if part.index in held.chunks:
        return sets, None
    grown = PartSet(
        held.count,
        {**held.chunks, part.index: part.chunk},
        {**held.storage_hashes, part.index: storage_hash},
        now_ms + CONFIG_PARTS_LIFE_MS,
    )
    if sum(map(len, grown.chunks.values())) > CONFIG_PUSH_MAX:
        raise ConfigMalformed(f"a set has more than {CONFIG_PUSH_MAX} bytes", kind="config.part.size")
    if len(grown.chunks) < grown.count:
        return _bounded(replace(sets, open={**sets.open, part.set_hash: grown})), None
    padded = b"".join(chunk for _, chunk in sorted(grown.chunks.items()))
    if not crypto.equal(set_hash(padded), part.set_hash):
        raise ConfigMalformed("the parts do not have the hash of their set", kind="config.part.hash")
    joined = Joined(part.set_hash, padded, frozenset(grown.storage_hashes.values()))
    return completed(sets, part.set_hash, now_ms), joined


def completed(sets: PartSets, name: bytes, now_ms: int) -> PartSets:
    """Remember a set as complete, also one that was just pushed, so that late duplicates are not collected again."""
    left = {key: held for key, held in sets.open.items() if key != name}
    return _bounded(PartSets(left, {**sets.done, name: now_ms + CONFIG_PARTS_DONE_MS}))


def expired(sets: PartSets, now_ms: int) -> PartSets:
    """Without what need not be remembered any more."""
    return PartSets(
        {name: held for name, held in sets.open.items() if held.expires_ms > now_ms},
        {name: until for name, until in sets.done.items() if until > now_ms},
    )


def _bounded(sets: PartSets) -> PartSets:
    # the newest are kept: the parts of an honest push are stored, and so fetched, together
    newest = sorted(sets.open, key=lambda name: sets.open[name].expires_ms)[-CONFIG_SETS_MAX:]
    latest = sorted(sets.done, key=lambda name: sets.done[name])[-CONFIG_SETS_DONE_MAX:]
    return PartSets({name: sets.open[name] for name in newest}, {name: sets.done[name] for name in latest})
