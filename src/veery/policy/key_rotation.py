"""When keys are rotated, and when they are deleted (06.9, 06.18.4 R6, R7, R10).

Account keys: every device computes its own moment from its id and the active key, 11 to 13 hours after the key was
made. The moments are drawn so that the earliest of them is uniform in that time for any number of devices: the times of
rotation say nothing about that number. Two devices may still rotate at once; `AccountKeys.merged` settles that.

Device keys: every 7 days. Each group message holds all live account seeds, so an old device key opens everything that
was ever encrypted to it; it is deleted as soon as the new one has been seen to work, and then some.

Deleting early loses messages, so a clock that jumps must not do it: `DeletionClock`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from veery.protocol import crypto
from veery.protocol.constants import (
    CLOCK_STEP_MAX_MS,
    DEVICE_KEY_GRACE_S,
    DEVICE_KEY_KEPT_MAX_S,
    DEVICE_KEY_LIFE_S,
    PERSON_ROTATION,
    ROTATION_FIRST_S,
    ROTATION_SPREAD_S,
    SECOND_MS,
)
from veery.protocol.devices.account_keys import AccountKey, AccountKeys
from veery.protocol.devices.keys import HybridKeys, HybridPublic
from veery.secret import Secret

# -- account keys ----------------------------------------------------------------------------------------------


def share(device: bytes, active: AccountKey) -> float:
    """The device's place between 0 and 1 for this key."""
    hashed = crypto.blake2b(8, device, key=active.seed.reveal(), person=PERSON_ROTATION)
    return int.from_bytes(hashed, "little") / 2**64


def rotate_at(device: bytes, active: AccountKey, registered: int) -> float:
    """When a device rotates this key, unix seconds. registered: members in its table, itself included."""
    spread = 1 - share(device, active) ** registered
    return active.created_s + ROTATION_FIRST_S + ROTATION_SPREAD_S * spread


def rotation_timer(device: bytes, keys: AccountKeys, registered: int) -> int | None:
    """When a member rotates next, unix seconds; None without an active key, which needs a fresh one instead."""
    return None if keys.active is None else math.floor(rotate_at(device, keys.active, registered))


# -- device keys -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class DeviceKey:
    """One seed of this device. retired_s: when it was rotated, unix seconds; replaced: a message was read with its
    successor, so the group knows that one.
    """

    seed: Secret
    made_s: int
    retired_s: int | None = None
    replaced: bool = False

    @property
    def keys(self) -> HybridKeys:
        """The pair of the seed; derived anew each time."""
        return HybridKeys.of_device(self.seed)

    def deletable(self, now_s: int) -> bool:
        """Whether it is of no more use: replaced and 72 hours old, or retired for 14 days."""
        if self.retired_s is None:
            return False
        age = now_s - self.retired_s
        return age >= DEVICE_KEY_KEPT_MAX_S or (self.replaced and age >= DEVICE_KEY_GRACE_S)


@dataclass(frozen=True, slots=True)
class DeviceKeys:
    """The keys of this device, the current one first."""

    _keys: tuple[DeviceKey, ...] = field(repr=False)

    @classmethod
    def first(cls, seed: Secret, now_s: int) -> DeviceKeys:
        """The keys of a device that begins with this seed."""
        return cls((DeviceKey(seed, now_s),))

    def __iter__(self) -> Iterator[DeviceKey]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def current(self) -> DeviceKey:
        """The key that the device's record names."""
        return self._keys[0]

    def due(self, now_s: int) -> bool:
        """Whether the current key is to be rotated."""
        return now_s - self.current.made_s >= DEVICE_KEY_LIFE_S

    def rotated(self, seed: Secret, now_s: int) -> DeviceKeys:
        """The keys with a new current one. The record then gets a higher sequence number, and a message is pushed."""
        return DeviceKeys((DeviceKey(seed, now_s), replace(self.current, retired_s=now_s), *self._keys[1:]))

    def read_with(self, keys: HybridPublic) -> DeviceKeys:
        """After a group message was read with a key: those before it are replaced."""
        newer = next((place for place, held in enumerate(self._keys) if held.keys.public == keys), None)
        if newer is None:
            return self
        return DeviceKeys(
            tuple(replace(held, replaced=True) if place > newer else held for place, held in enumerate(self._keys))
        )

    def pruned(self, now_s: int, *, told: bool = True) -> DeviceKeys:
        """The keys without those of no more use. What is missing is to be erased for real (06.18.4 R7).

        told: the group was sent the current key. Until then it writes to an older one, which must not be deleted.
        """
        return DeviceKeys(tuple(key for key in self._keys if not key.deletable(now_s) or not (told or key.replaced)))


# -- deleting --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeletionClock:
    """The time by which keys are deleted. It does not follow a jump of more than 24 hours until the network's time
    confirms it: a machine that believes to be in the next year must not delete all of its keys. now_ms: that time.
    """

    now_ms: int

    def advanced(self, now_ms: int, *, confirmed: bool) -> DeletionClock:
        """After the machine's clock shows `now_ms`. confirmed: `policy.clock` has measured the network's time by it."""
        if not confirmed and now_ms - self.now_ms > CLOCK_STEP_MAX_MS:
            return self
        return DeletionClock(now_ms)

    @property
    def now_s(self) -> int:
        """The same in unix seconds."""
        return self.now_ms // SECOND_MS
