"""The history of a network without a chain: append-only, hash-chained, signed by one writer.

Only what happened is written, so a quiet network costs nothing; and yet the height grows: it is the number of block
intervals since the network began, or more where entries came faster than that. Everyone with the same entries and a
right clock agrees on it, nothing depends on it exactly, and what names a state is the block hash of the latest entry.

An entry is taken only if it follows: hash of the entry before, height by the rule, the writer's signature, every event
possible and proven, and the hash of the state that follows. Each failure has its own `kind`. Times need not grow: a
writer whose clock was put right must be able to go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from veery.errors import Retry
from veery.protocol.constants import BLOCK_INTERVAL_MS, HARDFORK, KEY_SIZE
from veery.protocol.crypto import CryptoFailed, equal
from veery.registry.entries import Entry, Event, Founded, Sign, block_hash, encode_core, seal_entry
from veery.registry.membership import HistoryBroken, Members, advance
from veery.registry.node_state import encode_state, state_hash
from veery.registry.snapshot import Snapshot

_NOTHING = bytes(KEY_SIZE)  # the "entry before" of the first


class History:
    """Entries that were verified, and the state they lead to. Make it with `found` or `replay`."""

    def __init__(self, first: Entry) -> None:
        """Begin with a first entry. Raises HistoryBroken."""
        match first.events:
            case (Founded() as founded,) if first.height == 0 and first.previous == _NOTHING:
                self.founded = founded
            case _:
                raise _broken("begin", "its first entry does not found a network")
        self.genesis = first.block_hash
        self._time_ms = first.time_ms
        self._members: Members = {}
        self._entries = [first]
        self._places = {first.block_hash: 0}
        self._state = self._encode({})
        self._check_signature(first)
        self._check_state(self._state)
        self._snapshot: Snapshot | None = None

    @classmethod
    def found(
        cls,
        network: str,
        writer: bytes,
        sign: Sign,
        now_ms: int,
        *,
        block_interval_ms: int = BLOCK_INTERVAL_MS,
        hardfork: tuple[int, int] = HARDFORK,
    ) -> History:
        """Begin a new network. Raises EntryMalformed for a name or interval that cannot be written."""
        core = encode_core(0, _NOTHING, now_ms, [Founded(network, writer, block_interval_ms, hardfork)])
        state = encode_state(network, block_hash(core), hardfork, ())
        return cls(seal_entry(core, 0, state_hash(state), sign))

    @classmethod
    def replay(cls, entries: Iterable[Entry]) -> History:
        """Follow all entries from the first. Raises HistoryBroken at the first that does not follow."""
        rest = iter(entries)
        first = next(rest, None)
        if first is None:
            raise _broken("begin", "it has no entries")
        found = cls(first)
        found.extend(rest)
        return found

    # -- what is known ---------------------------------------------------------------------------------------------

    @property
    def network(self) -> str:
        """The name of the network."""
        return self.founded.network

    @property
    def writer(self) -> bytes:
        """The Ed25519 key that signs the entries."""
        return self.founded.writer

    @property
    def head(self) -> Entry:
        """The latest entry."""
        return self._entries[-1]

    @property
    def members(self) -> Members:
        """The nodes of the list by legacy key."""
        return self._members

    @property
    def state(self) -> bytes:
        """The state after the latest entry, as `node_state` writes it."""
        return self._state

    def __len__(self) -> int:
        return len(self._entries)

    def height_at(self, now_ms: int) -> int:
        """The height at a time: block intervals since the beginning, but never less than that of the latest entry."""
        return max(self.head.height, (now_ms - self._time_ms) // self.founded.block_interval_ms)

    def snapshot(self, now_ms: int) -> Snapshot:
        """The list of nodes now; the same object as before as long as nothing of it has changed."""
        height = self.height_at(now_ms)
        last = self._snapshot
        if last is None or (last.height, last.block_hash) != (height, self.head.block_hash):
            nodes = tuple(self._members[key].node for key in sorted(self._members))
            last = Snapshot(height, self.head.block_hash, self.founded.hardfork, nodes, self.network)
            self._snapshot = last
        return last

    def after(self, block_hash: bytes | None) -> Sequence[Entry] | None:
        """The entries behind a block, all of them for None; None if the block is not of this history."""
        if block_hash is None:
            return self._entries[:]
        place = self._places.get(block_hash)
        return None if place is None else self._entries[place + 1 :]

    # -- growing ---------------------------------------------------------------------------------------------------

    def propose(self, events: Sequence[Event], now_ms: int, sign: Sign) -> Entry:
        """Write the next entry, without appending it. Raises HistoryBroken for events that cannot follow."""
        height = self._next_height(now_ms)
        core = encode_core(height, self.head.block_hash, now_ms, events)
        members = advance(self._members, events, self.network, now_ms, block_hash(core))
        return seal_entry(core, height, state_hash(self._encode(members)), sign)

    def append(self, entry: Entry) -> None:
        """Take the next entry. Raises HistoryBroken; then the history is as before."""
        self.extend((entry,))

    def extend(self, entries: Iterable[Entry], commit: Callable[[], None] | None = None) -> None:
        """Take entries in their order, all or none. Raises HistoryBroken; then the history is as before.

        commit: called when all were found good; if it raises, none is taken. The hash of the state is compared after
        the last entry alone: it depends on everything before, and a state is dear to encode.
        """
        length, members = len(self._entries), self._members
        try:
            for entry in entries:
                self._take(entry)
            state = self._encode(self._members)
            self._check_state(state)
            if commit is not None:
                commit()
        except BaseException:
            for entry in self._entries[length:]:
                del self._places[entry.block_hash]
            del self._entries[length:]
            self._members = members
            raise
        self._state = state

    def _take(self, entry: Entry) -> None:
        if entry.previous != self.head.block_hash:
            raise _broken("chain", "an entry names another entry before it")
        if entry.height != self._next_height(entry.time_ms):
            raise _broken("height", "the height of an entry does not follow")
        self._check_signature(entry)
        self._members = advance(self._members, entry.events, self.network, entry.time_ms, entry.block_hash)
        self._places[entry.block_hash] = len(self._entries)
        self._entries.append(entry)

    def _next_height(self, time_ms: int) -> int:
        return max(self.head.height + 1, (time_ms - self._time_ms) // self.founded.block_interval_ms)

    def _encode(self, members: Members) -> bytes:
        nodes = (member.node for member in members.values())
        return encode_state(self.network, self.genesis, self.founded.hardfork, nodes)

    def _check_signature(self, entry: Entry) -> None:
        try:
            entry.seal.verify(self.founded.writer)
        except CryptoFailed:
            raise _broken("signature", "an entry is not signed by its writer") from None

    def _check_state(self, state: bytes) -> None:
        if not equal(self.head.seal.state_hash, state_hash(state)):
            raise _broken("state", "an entry leads to another state than it says")


def _broken(kind: str, reason: str) -> HistoryBroken:
    return HistoryBroken(f"The history is broken: {reason}", kind=f"registry.history.{kind}", retry=Retry.NEVER)
