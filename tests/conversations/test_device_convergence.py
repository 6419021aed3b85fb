"""Two to six devices of one account, whatever happens to them, end with one active key and one list of devices.

What the machine holds them to, whenever all are online and nothing more is owed:

- the members agree on the list of members, and that is exactly themselves; whoever a member removed is none of them;
- they have one active account key, and the published record is of that key;
- a message sealed to that record is read by every member, and by no other device, even if that one kept every key it
  ever held and logged every group message.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.conversations.device_fleet import Answer, End, FleetDevice, Weather
from tests.unit.policy.device_world import HOUR, START_MS
from tests.unit.protocol.devices.people import Counted, account
from veery.policy import device_linking, device_membership
from veery.policy.device_group import DeviceInfo
from veery.policy.device_membership import Membership
from veery.protocol import message_v2
from veery.protocol.devices import HybridKeys, table

DEVICES_MAX = 6
ROUNDS_MAX = 12
MINUTE = 60_000
PLACE = st.integers(0, DEVICES_MAX - 1)
CHANCE = st.integers(0, 2**32).map(Random)
ANSWER = st.sampled_from(Answer)
END = st.sampled_from(End)


class Fleet(RuleBasedStateMachine):
    """The devices, their swarm and the time."""

    def __init__(self) -> None:
        super().__init__()
        self.swarm = Weather()
        self.now_ms = START_MS
        self.devices: list[FleetDevice] = []
        self.invited: set[bytes] = set()
        self.removals: list[tuple[bytes, bytes]] = []  # by whom, whom

    def at(self, place: int) -> FleetDevice:
        self.now_ms += 7_000
        return self.devices[place % len(self.devices)]

    def member(self, place: int) -> FleetDevice | None:
        device = self.at(place)
        return device if device.state.active_member and device.state.fetched else None

    def add(self, *, first: bool = False) -> FleetDevice:
        device = FleetDevice(f"device {len(self.devices)}", self.swarm, self.now_ms, first=first)
        self.devices.append(device)
        device.online(self.now_ms, Answer.WHOLE, End.QUIET, Random(0))
        return device

    # -- what happens --------------------------------------------------------------------------------------

    @initialize(count=st.integers(1, 4))
    def begin(self, count: int) -> None:
        """The account is made on one device; more are linked."""
        self.add(first=True)
        for _ in range(count):
            self.add()
            self.link(0, len(self.devices) - 1)

    @rule(place=PLACE, answer=ANSWER, end=END, chance=CHANCE)
    def poll(self, place: int, answer: Answer, end: End, chance: Random) -> None:
        """A device is online for a moment."""
        self.at(place).online(self.now_ms, answer, end, chance)

    @rule(place=PLACE)
    def crash(self, place: int) -> None:
        """A process ends between two steps."""
        self.at(place).crash()

    @rule(hours=st.integers(1, 30), awake=st.integers(0, 63), online=st.booleans())
    def wait(self, hours: int, awake: int, online: bool) -> None:
        """Time passes. Devices that are not awake miss it; those that are awake rotate, online or not."""
        for _ in range(0, hours, 6):
            self.now_ms += 6 * HOUR
            for place, device in enumerate(self.devices):
                if awake >> place & 1:
                    device.timers(self.now_ms)
                    if online:
                        device.online(self.now_ms, Answer.WHOLE, End.QUIET, Random(place))

    @rule(days=st.integers(1, 25), place=PLACE)
    def offline(self, days: int, place: int) -> None:
        """One device is without network for long, and runs; the others go on."""
        away = self.at(place)
        for _ in range(days):
            self.now_ms += 24 * HOUR
            for device in self.devices:
                device.timers(self.now_ms)
                if device is not away:
                    device.online(self.now_ms, Answer.WHOLE, End.QUIET, Random(place))

    @rule(places=st.lists(PLACE, min_size=2, max_size=3, unique=True))
    def rotate_at_once(self, places: list[int]) -> None:
        """Some devices find at the same time that a rotation is due, before any hears of the others."""
        self.now_ms += 14 * HOUR
        for place in places:
            device = self.devices[place % len(self.devices)]
            device.timers(self.now_ms)
        for place in places:
            self.devices[place % len(self.devices)].online(self.now_ms, Answer.OLD, End.QUIET, Random(place))

    @rule(place=PLACE, other=PLACE)
    def remove(self, place: int, other: int) -> None:
        """The user removes a device."""
        device, target = self.member(place), self.at(other)
        if device is None or device is target:
            return
        held = device.state.rows.get(target.state.own_id)
        if held is not None and held.live:
            self.removals.append((device.state.own_id, target.state.own_id))
            device.remove(target, self.now_ms)
            device.keep()

    @rule(place=PLACE, end=END)
    def leave(self, place: int, end: End) -> None:
        """The user takes a device out."""
        device = self.at(place)
        device.online(self.now_ms, Answer.WHOLE, End.QUIET, Random(place))
        # The last one just takes the group's messages away; whoever it removed before may never hear of that.
        if device.state.active_member and device.state.ready and device.state.members > 1:
            device.leave(self.now_ms)
            device.online(self.now_ms, Answer.WHOLE, end, Random(place))

    @rule(place=PLACE, text=st.text("ab", min_size=1, max_size=2))
    def rename(self, place: int, text: str) -> None:
        """The user names a device."""
        device = self.member(place)
        if device is not None:
            device.state = device_membership.describe(device.state, DeviceInfo(text, "d", 1), self.now_ms)
            device.keep()

    @rule()
    def restore(self) -> None:
        """The account is restored on one more device."""
        if len(self.devices) < DEVICES_MAX:
            self.add()

    @rule(place=PLACE)
    def ask(self, place: int) -> None:
        """A device that is none of the group asks to join; one that was removed begins anew."""
        device = self.at(place)
        standing = device.standing(self.now_ms)
        if standing in (Membership.REMOVED, Membership.DISPLACED):
            device.renew(self.now_ms)
        groups = device.state.visible(self.now_ms)
        if groups and not device.state.registered and standing is not Membership.UNKNOWN:
            device.ask(next(iter(groups)), self.now_ms)
            device.keep()

    @rule(place=PLACE)
    def confirm(self, place: int) -> None:
        """A user says on the asking device that the emoji are right."""
        device = self.at(place)
        if device.state.requests:
            device.confirm(self.now_ms)
            device.keep()

    @rule(place=PLACE)
    def accept(self, place: int) -> None:
        """A user lets the newest applicant in."""
        device = self.member(place)
        if device is not None and device_linking.shown_prompts(device.state, self.now_ms):
            self.invited.add(device_linking.shown_prompts(device.state, self.now_ms)[-1].request.device)
            device.accept(self.now_ms)
            device.keep()

    @rule(place=PLACE, other=PLACE)
    def link(self, place: int, other: int) -> None:
        """The whole of it, without a disturbance."""
        self.ask(other)
        self.confirm(other)
        for each in (place, None, place, other):
            if each is None:
                self.accept(place)
            else:
                self.at(each).online(self.now_ms, Answer.WHOLE, End.QUIET, Random(each))

    # -- what holds in the end -----------------------------------------------------------------------------

    @rule()
    def settle(self) -> None:
        """All are online until nothing more is owed."""
        self.until_quiet()
        self.check()

    def teardown(self) -> None:
        if not self.devices:
            return
        self.settle()
        # Half a day later every device that lost its place for a while has it again.
        for _ in range(2):
            self.now_ms += 14 * HOUR
            for device in self.devices:
                device.timers(self.now_ms)
            self.until_quiet()
            self.check()
        # Whoever is alone has nobody left who could write to it, and has to begin anew.
        if any(map(self.entitled, self.devices)):
            assert not any(device.standing(self.now_ms) is Membership.DISPLACED for device in self.devices)

    def until_quiet(self) -> None:
        for number in range(ROUNDS_MAX):
            busy = False
            for device in self.devices:
                self.now_ms += 1_000
                busy |= device.online(self.now_ms, Answer.WHOLE, End.QUIET, Random(number))
            if number and not busy:
                return
        raise AssertionError("the devices never come to rest")

    def entitled(self, device: FleetDevice) -> bool:
        return device.entitled(self.now_ms)

    def check(self) -> None:
        members = [device for device in self.devices if self.entitled(device)]
        ids = {device.state.own_id for device in members}
        for device in members:
            listed = set(table.members(device.state.rows))
            assert listed - self.excused() == ids
        for remover, target in self.removals:
            assert not (remover in ids and target in ids)
        if members:
            assert len({device.active_seed for device in members}) == 1
            assert len({tuple(sorted(records(device).items())) for device in members}) == 1
            self.check_reading(members)

    def excused(self) -> set[bytes]:
        """Ids that may be listed although no device counts itself a member by them: its user has not confirmed the
        emoji, or it has lost its place for a while, or for good without having been able to tell.
        """
        found = set().union(*(device.abandoned for device in self.devices))
        for device in self.devices:
            standing = device.standing(self.now_ms)
            invited = not device.state.registered and device.state.own_id in self.invited
            if invited or standing is Membership.DISPLACED:
                found.add(device.state.own_id)
        return found

    def check_reading(self, members: list[FleetDevice]) -> None:
        published = members[0].published()
        active = members[0].state.account_keys.active
        assert published is not None
        assert active is not None
        assert published.keys == active.keys.public
        data = message_v2.seal(
            b"for all of us",
            sender_ed25519_secret=account(7).ed25519_secret,
            recipient=members[0].account.account_id.raw,
            keys=published.keys,
            random=Counted(),
        )
        listed = set(table.members(members[0].state.rows))
        for device in self.devices:
            if device in members:
                assert opens(device, data, device.account_keys())
            elif not listed & {device.state.own_id, *device.abandoned}:
                assert not opens(device, data, device.everything_it_can_derive())


def records(device: FleetDevice) -> dict[bytes, bytes]:
    return {key: value.raw for key, value in table.members(device.state.rows).items()}


def opens(device: FleetDevice, data: bytes, held: list[HybridKeys]) -> bool:
    try:
        return message_v2.open(data, device.account, held).pfs
    except message_v2.NoKey:
        return False


def run(examples: int, steps: int) -> None:
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        Fleet,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=checks
        ),
    )


@pytest.mark.timeout(600)
def test_devices_converge() -> None:
    run(examples=8, steps=20)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_devices_converge_in_long_lives() -> None:
    run(examples=100, steps=50)
