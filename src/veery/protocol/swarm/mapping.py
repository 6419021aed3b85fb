"""Account -> swarm (05.1).

Swarms are places on a ring of 2^64 numbers; an account belongs to the nearest one, and a tie goes to the left (the
lower number going round). The bytes that count are binary key bytes without the prefix, never ASCII hex.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from veery.errors import Malformed, Misuse
from veery.protocol.constants import ACCOUNT_ID_SIZE, KEY_SIZE, NO_SWARM, SWARM_RING


class AccountMalformed(Malformed):
    """The text is not an account id of 66 (or, on test networks, 64) hex digits."""

    default_kind = "protocol.swarm.account"


def account_from_hex(text: str) -> bytes:
    """The bytes of `pubkey`: 33 of 66 hex digits, 32 of 64 (test networks only). Raises AccountMalformed."""
    if len(text) not in (2 * ACCOUNT_ID_SIZE, 2 * KEY_SIZE) or not text.isascii() or not text.isalnum():
        raise AccountMalformed("an account id has 66 hex digits")
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise AccountMalformed("an account id has 66 hex digits") from None


def space(account: bytes) -> int:
    """The place of an account on the ring: 33 bytes with prefix, or 32 without. Raises Misuse for other lengths."""
    if len(account) not in (ACCOUNT_ID_SIZE, KEY_SIZE):
        raise Misuse(f"an account id has {ACCOUNT_ID_SIZE} bytes, not {len(account)}")
    key = account[-KEY_SIZE:]
    place = 0
    for at in range(0, KEY_SIZE, 8):
        place ^= int.from_bytes(key[at : at + 8], "big")
    return place


def swarm_of(account: bytes, ids: Iterable[int]) -> int | None:
    """The swarm that holds an account; None when there is none. For many accounts keep a `Ring`."""
    return Ring.of(ids).swarm_of(account)


@dataclass(frozen=True, slots=True)
class Arc:
    """The part of the ring that a swarm owns, from `first` to `last`, both included; `first` > `last` goes across 0."""

    first: int
    last: int

    def __contains__(self, place: int) -> bool:
        return (place - self.first) % SWARM_RING <= (self.last - self.first) % SWARM_RING


@dataclass(frozen=True, slots=True)
class Ring:
    """The swarm ids of one moment, sorted, without 2^64-1. Build it with `Ring.of`."""

    ids: tuple[int, ...]

    @classmethod
    def of(cls, ids: Iterable[int]) -> Ring:
        """Sort ids and leave out "no swarm"."""
        return cls(tuple(sorted(set(ids) - {NO_SWARM})))

    def swarm_of(self, account: bytes) -> int | None:
        """The swarm that holds an account; None when there is none."""
        return self.nearest(space(account))

    def nearest(self, place: int) -> int | None:
        """The swarm that owns a place of the ring; None when there is none."""
        if not self.ids:
            return None
        at = bisect_left(self.ids, place)
        right = self.ids[at % len(self.ids)]
        left = self.ids[at - 1]
        return right if (right - place) % SWARM_RING < (place - left) % SWARM_RING else left

    def arc(self, swarm_id: int) -> Arc:
        """What a swarm owns. Raises Misuse for an id that is not on the ring."""
        at = bisect_left(self.ids, swarm_id)
        if at == len(self.ids) or self.ids[at] != swarm_id:
            raise Misuse("no swarm of this ring has that id")
        if len(self.ids) == 1:
            return Arc(0, SWARM_RING - 1)
        before, after = self.ids[at - 1], self.ids[(at + 1) % len(self.ids)]
        first = before + (swarm_id - before) % SWARM_RING // 2 + 1
        return Arc(first % SWARM_RING, (swarm_id + (after - swarm_id) % SWARM_RING // 2) % SWARM_RING)
