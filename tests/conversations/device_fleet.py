"""Devices of one account over a swarm that lags, forgets to deliver, answers from its past and loses answers; devices
that crash and begin again from the bytes that they kept.

Messages are sealed and opened for real, and every state goes through its codec when a device starts again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from random import Random

from tests.unit.policy.device_world import START_MS, Device, Stored, Swarm
from veery.policy import device_group, device_group_kept, device_linking, device_membership, device_push
from veery.policy.device_group import DeviceGroup
from veery.policy.device_membership import Membership
from veery.policy.own_record import OwnRecord
from veery.protocol.constants import DEVICE_KEY_GRACE_S, SECOND_MS, TTL_DEVICE_GROUP_MS
from veery.protocol.devices import HybridKeys, account_record, group_message
from veery.secret import Secret

PAST_MAX = 12
FAREWELL_READ_MS = DEVICE_KEY_GRACE_S * SECOND_MS  # later, the others may have deleted the keys that it is written to


class Answer(Enum):
    """What a poll is given."""

    WHOLE = "whole"
    PART = "part"  # some messages have not reached the member that is asked
    OLD = "old"  # the member answers from its past


class End(Enum):
    """Where a poll ends."""

    QUIET = "quiet"  # nothing more is owed
    FETCHED = "fetched"  # it goes offline before it pushes
    STORE_LOST = "store lost"  # nobody hears of the push
    ANSWER_LOST = "answer lost"  # the push is stored, its answer lost
    CRASH_FETCHED = "crash fetched"  # the process ends before what was fetched is kept
    CRASH_STORED = "crash stored"  # it ends when the push is stored and before that is kept
    CRASH_PUSHED = "crash pushed"  # it ends before the record of a new key is published


@dataclass(frozen=True)
class View:
    """What lies in namespaces 21 and -21, as one member tells it."""

    items: tuple[Stored, ...]
    outbox: bytes | None


@dataclass
class Weather(Swarm):
    """A swarm, and what it was before."""

    past: list[View] = field(default_factory=list)

    def remember(self) -> None:
        """Keep what is there now, for answers from the past."""
        self.past = [*self.past, View(tuple(self.items.values()), self.outbox)][-PAST_MAX:]

    def view(self, now_ms: int, answer: Answer, chance: Random) -> View:
        """An answer. The order of its messages is any."""
        found = View(tuple(self.fetch(now_ms)), self.outbox)
        if answer is Answer.OLD and self.past:
            found = chance.choice(self.past)
        items = [item for item in found.items if answer is not Answer.PART or chance.random() < 0.5]
        chance.shuffle(items)
        return View(tuple(items), found.outbox)


@dataclass(frozen=True)
class Kept:
    """What the disk of a device holds."""

    state: bytes
    taken: frozenset[str]
    own_record: OwnRecord


class FleetDevice(Device):
    """A device that keeps its state after each step, and can lose everything else."""

    def __init__(self, name: str, swarm: Weather, now_ms: int = START_MS, *, first: bool = False) -> None:
        super().__init__(name, swarm, now_ms, first=first)
        self.weather = swarm
        self.abandoned: set[bytes] = set()  # its earlier ids that the others may go on listing
        self._left: tuple[int, bytes] | None = None
        self.kept = self._kept()

    def _kept(self) -> Kept:
        return Kept(device_group_kept.encode(self.state), frozenset(self.taken), self.own_record)

    def keep(self) -> None:
        """Write the state down."""
        self.kept = self._kept()

    def crash(self) -> None:
        """The process ends and another begins."""
        self.state: DeviceGroup = device_group_kept.decode(self.kept.state).restarted()
        self.taken, self.own_record = set(self.kept.taken), self.kept.own_record

    def online(self, now_ms: int, answer: Answer, end: End, chance: Random) -> bool:
        """Poll, push and publish; whether anything was stored."""
        view = self.weather.view(now_ms, answer, chance)
        self._take(view, now_ms)
        if end is End.CRASH_FETCHED:
            self.crash()
        self.keep()
        if end in (End.FETCHED, End.CRASH_FETCHED):
            return False
        pushed = False
        while self._push_once(now_ms, end):
            pushed = True
            if end is not End.QUIET:
                break
        published = end in (End.QUIET, End.STORE_LOST, End.ANSWER_LOST) and self._publish(now_ms)
        if end is End.CRASH_PUSHED:
            self.crash()
        self.keep()
        return pushed or published

    def _take(self, view: View, now_ms: int) -> None:
        for item in view.items:
            if item.hash not in self.taken:
                self.taken.add(item.hash)
                self.take(item, now_ms)
        self.apply(device_membership.fetch_completed(self.state, now_ms, self.random))
        if self.state.active_member and self.own_record.allowed:
            found = None if view.outbox is None else account_record.newest([view.outbox], self.account.account_id.raw)
            self.own_record = self.own_record.watch(found, self.state.account_keys, now_ms).state

    def _push_once(self, now_ms: int, end: End) -> bool:
        self.state, push = device_push.push_to_send(self.state, now_ms, self.random)
        if push is None:
            return False
        self.keep()
        if end is End.STORE_LOST:
            self.state = device_push.push_failed(self.state)
            return True
        if push.farewell and self._left is not None and now_ms - self._left[0] > FAREWELL_READ_MS:
            self.abandoned.add(self._left[1])
        stored = ""
        if push.payload is not None:
            data = group_message.seal(
                push.payload,
                group=push.group,
                root_seed=self.account.seed32,
                ed25519_secret=self.account.ed25519_secret,
                random=self.random,
            )
            stored = self.swarm.store(data, now_ms, TTL_DEVICE_GROUP_MS)
        self.swarm.delete(push.delete)
        self.weather.remember()
        if end is End.CRASH_STORED:
            self.crash()
        elif end is End.ANSWER_LOST:
            self.state = device_push.push_failed(self.state)
        else:
            self.state = device_push.pushed(self.state, push, stored, now_ms)
        self.keep()
        return True

    def _publish(self, now_ms: int) -> bool:
        before = self.swarm.outbox
        self.publish(now_ms)
        self.weather.remember()
        return self.swarm.outbox != before

    def timers(self, now_ms: int) -> None:
        """What the clock of a running device does, online or not."""
        self.wake(now_ms)
        self.keep()

    def renew(self, now_ms: int) -> None:
        """Begin anew under another id; one that was displaced has not left."""
        if self.standing(now_ms) is Membership.DISPLACED:
            self.abandoned.add(self.state.own_id)
        self.state = device_group.renewed(self.state, now_ms, self.random)
        self.taken, self.own_record = set(), replace(OwnRecord(), allowed=True)
        self.keep()

    def leave(self, now_ms: int) -> None:
        """Leave the group."""
        self._left = (now_ms, self.state.own_id)
        self.state = device_linking.leave(self.state, now_ms, self.random)
        self.keep()

    def entitled(self, now_ms: int) -> bool:
        """Whether it is a member of the group as far as it knows."""
        return self.standing(now_ms) is Membership.IN_GROUP

    def all_its_device_keys(self) -> list[HybridKeys]:
        """Those that it holds and those that it ever held."""
        return [pair for name, pair in self._derived.items() if name.startswith(b"of_device")]

    def everything_it_can_derive(self) -> list[HybridKeys]:
        """All account keys that it holds or finds in any group message ever stored that its keys open."""
        seeds = {key.seed.reveal() for key in self.state.account_keys}
        for item in self.swarm.log:
            if item.data.startswith(b"d0:1:G"):
                message = group_message.parse(item.data, self.account.ed25519_public)
                opened = group_message.open(message, self.all_its_device_keys())
                seeds |= set() if opened is None else {key.seed.reveal() for key in opened.payload.keys}
        return [HybridKeys.of_account(Secret(seed)) for seed in sorted(seeds)]
