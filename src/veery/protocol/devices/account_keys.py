"""The list of an account's key seeds that all its devices share (06.5.2, 06.5.4, 06.9).

At most one key is active (not rotated). Rotated ones are kept for 16 days, because messages to them may still come.
Devices that rotate at the same time make several active keys; merging settles on the one with the greatest `created`,
among equals the one with the lowest seed, whatever the order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from veery.errors import Misuse
from veery.protocol import crypto
from veery.protocol.constants import ACCOUNT_KEY_RETENTION_S, KEY_SEED_SIZE
from veery.protocol.devices.keys import HybridKeys
from veery.secret import Secret


@dataclass(frozen=True, slots=True, eq=False)
class AccountKey:
    """One seed, 32 bytes. created_s, rotated_s: unix seconds; rotated_s is None while the key is active.

    distributed: whether a stored group message has carried it; not part of the wire.
    """

    seed: Secret
    created_s: int
    rotated_s: int | None = None
    distributed: bool = True

    def __post_init__(self) -> None:
        if len(self.seed) != KEY_SEED_SIZE:
            raise Misuse(f"a key seed must be {KEY_SEED_SIZE} bytes", kind="devices.keys")

    @property
    def keys(self) -> HybridKeys:
        """The pair that the seed stands for; derived anew each time (about 0.2 ms): keep it where it is used often."""
        return HybridKeys.of_account(self.seed)

    def expired(self, now_s: int) -> bool:
        """Whether it was rotated more than 16 days ago."""
        return self.rotated_s is not None and now_s - self.rotated_s > ACCOUNT_KEY_RETENTION_S


@dataclass(frozen=True, slots=True)
class AccountKeys:
    """Keys in the order of a payload: the active one, then the most recently rotated (equal: the latest created)."""

    _keys: tuple[AccountKey, ...] = field(default=(), repr=False)

    def __iter__(self) -> Iterator[AccountKey]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def active(self) -> AccountKey | None:
        """The key that is not rotated. None is legal: it was reported rotated and its successor is not known yet."""
        return next((key for key in self._keys if key.rotated_s is None), None)

    def find(self, seed: Secret) -> AccountKey | None:
        """The entry of a seed."""
        return next((key for key in self._keys if _same(key.seed, seed)), None)

    def merged(self, arrivals: Iterable[AccountKey], now_s: int) -> AccountKeys:
        """The list after keys that came in a group message, in their order (06.5.4)."""
        keys = self
        for arrival in arrivals:
            keys = keys._with(arrival, now_s)
        return keys

    def rotated(self, seed: Secret, now_s: int) -> AccountKeys:
        """The list with a new active key, not distributed yet; it is later than every key before it (06.9)."""
        newest = max((key.created_s for key in self._keys), default=0)
        created_s = max(now_s, newest + 1)
        old = (replace(key, rotated_s=created_s) if key.rotated_s is None else key for key in self._keys)
        return _ordered((*old, AccountKey(seed, created_s, distributed=False)))

    def pruned(self, now_s: int) -> AccountKeys:
        """The list without keys past retention. What is missing is to be erased for real (06.18.4 R7)."""
        return AccountKeys(tuple(key for key in self._keys if not key.expired(now_s)))

    def carried(self, seeds: Iterable[Secret]) -> AccountKeys:
        """The list with these seeds marked as distributed."""
        stored = tuple(seeds)
        return AccountKeys(
            tuple(
                replace(key, distributed=True) if any(_same(key.seed, seed) for seed in stored) else key
                for key in self._keys
            )
        )

    @property
    def undistributed(self) -> bool:
        """Whether a key waits for a group message to carry it."""
        return any(not key.distributed for key in self._keys)

    def _with(self, arrival: AccountKey, now_s: int) -> AccountKeys:
        held = self.find(arrival.seed)
        if held is not None:
            times = [time for time in (held.rotated_s, arrival.rotated_s) if time is not None]
            known = replace(
                held, rotated_s=min(times, default=None), distributed=held.distributed or arrival.distributed
            )
            return _ordered(tuple(known if key is held else key for key in self._keys))
        if arrival.expired(now_s):
            return self  # a replayed old message must not bring it back
        inserted = (*self._keys, arrival)
        return _ordered(_settled(inserted) if arrival.rotated_s is None else inserted)


def _settled(keys: tuple[AccountKey, ...]) -> tuple[AccountKey, ...]:
    """Of all active keys only the winner stays active."""
    active = [key for key in keys if key.rotated_s is None]
    winner = min(active, key=lambda key: (-key.created_s, key.seed.reveal()))
    return tuple(
        replace(key, rotated_s=winner.created_s) if key.rotated_s is None and key is not winner else key for key in keys
    )


def _ordered(keys: tuple[AccountKey, ...]) -> AccountKeys:
    return AccountKeys(tuple(sorted(keys, key=_place)))


def _place(key: AccountKey) -> tuple[bool, int, int, bytes]:
    # The seed decides last, so that all devices write one order.
    return key.rotated_s is not None, -(key.rotated_s or 0), -key.created_s, key.seed.reveal()


def _same(left: Secret, right: Secret) -> bool:
    return crypto.equal(left.reveal(), right.reveal())
