"""Two accounts with three devices each that write to each other for a long time, and somebody who keeps everything.

Devices poll every six hours, are offline for days now and then, rotate and delete as the policies say, and ask for the
other's keys no more often than the cache demands: the windows are those of slow senders. Every message goes out a
second time as v1, so that a thief can be seen to succeed there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.unit.policy.device_world import DAY, HOUR, START_MS, Device, Swarm, link
from tests.unit.protocol.devices.people import account
from veery.policy import device_group_kept
from veery.policy.contact_keys import SendStep
from veery.policy.device_membership import Membership
from veery.policy.downgrade import ContactKeys, RecordVerdict, SendPfs, decide
from veery.protocol import message_v1, message_v2
from veery.protocol.account import Account
from veery.protocol.devices import HybridKeys, MessageType, group_message, message_type
from veery.protocol.devices.group_message import GroupMessage
from veery.secret import Secret

STEP: Final = 6 * HOUR
OFFLINE_MAX: Final = 8 * DAY
MESSAGE_LIFE: Final = 14 * DAY


@dataclass(frozen=True)
class Logged:
    """A message of namespace 0, in both versions."""

    v2: bytes
    v1: bytes
    stored_ms: int


class PersonDevice(Device):
    """One device, what it knows of the other person, and when it is offline."""

    def __init__(self, number: int, name: str, swarm: Swarm, *, first: bool = False) -> None:
        super().__init__(f"{number} {name}", swarm, first=first)
        self.account = account(number)
        self.peer = ContactKeys()
        self.read = 0  # messages of the log
        self.back_ms = 0

    def kept(self) -> bytes:
        """What its disk holds of keys."""
        return device_group_kept.encode(self.state)

    def seeds(self) -> set[bytes]:
        """All secret seeds that it holds now."""
        return {key.seed.reveal() for key in (*self.state.device_keys, *self.state.account_keys)}


@dataclass
class Person:
    """An account, its swarm, and everything that ever lay in namespace 0 of it."""

    number: int
    swarm: Swarm = field(default_factory=Swarm)
    devices: list[PersonDevice] = field(default_factory=list)
    log: list[Logged] = field(default_factory=list)

    @property
    def account(self) -> Account:
        return account(self.number)


def person(number: int, devices: int = 3) -> Person:
    """A person with so many linked devices."""
    made = Person(number)
    made.devices.append(PersonDevice(number, "device 0", made.swarm, first=True))
    made.devices[0].poll(START_MS)
    for each in range(1, devices):
        newcomer = PersonDevice(number, f"device {each}", made.swarm)
        link(made.devices[0], newcomer, START_MS)
        made.devices.append(newcomer)
    return made


class World:
    """Two people and the time."""

    def __init__(self, seed: int) -> None:
        self.people = (person(1), person(2))
        self.chance = Random(seed)
        self.now_ms = START_MS

    def step(self) -> list[PersonDevice]:
        """Six hours pass; gives the devices that were online."""
        self.now_ms += STEP
        online = []
        for one, other in (self.people, self.people[::-1]):
            awake = [device for device in one.devices if self._awake(one, device)]
            for device in awake:
                device.fetch(self.now_ms)
                device.wake(self.now_ms)
                device.poll(self.now_ms)
                assert device.standing(self.now_ms) is Membership.IN_GROUP
                self._read(one, device)
            self._write(self.chance.choice(awake), one, other)
            online += awake
        return online

    def _awake(self, owner: Person, device: PersonDevice) -> bool:
        # The first device is the one that is always with its owner; the others stay at home for days.
        if device is not owner.devices[0] and self.now_ms >= device.back_ms and self.chance.random() < 0.02:
            device.back_ms = self.now_ms + self.chance.randrange(OFFLINE_MAX)
        return self.now_ms >= device.back_ms

    def _read(self, owner: Person, device: PersonDevice) -> None:
        """Every device reads all that has not expired."""
        for logged in owner.log[device.read :]:
            if self.now_ms - logged.stored_ms < MESSAGE_LIFE:
                assert message_v2.open(logged.v2, device.account, device.account_keys()).pfs
        device.read = len(owner.log)

    def _write(self, device: PersonDevice, one: Person, other: Person) -> None:
        plan = device.peer.cache.send(self.now_ms)
        if plan.step is SendStep.FETCH_THEN_DECIDE:
            self._fetch(device, other)
        decision = decide(device.peer, self.now_ms)
        assert isinstance(decision, SendPfs)
        text = self.now_ms.to_bytes(8, "big")
        self._send(device, text, other, decision)
        active = one.devices[0].state.account_keys.active if device is one.devices[0] else None
        own = device.state.account_keys.active if active is None else active
        assert own is not None
        self._send(device, text, one, SendPfs(own.keys.public, b""))
        if plan.fetch:
            self._fetch(device, other)

    def _fetch(self, device: PersonDevice, other: Person) -> None:
        record = other.devices[0].published()
        assert record is not None
        assert device.peer.judge(record, self.now_ms) is RecordVerdict.ACCEPTED
        device.peer = device.peer.accepted(record, self.now_ms)

    def _send(self, device: PersonDevice, text: bytes, to: Person, how: SendPfs) -> None:
        secret, recipient = device.account.ed25519_secret, to.account.account_id.raw
        v2 = message_v2.seal(
            text, sender_ed25519_secret=secret, recipient=recipient, keys=how.keys, random=device.random
        )
        v1 = message_v1.seal(
            text, sender_ed25519_secret=secret, recipient=recipient, timestamp_ms=self.now_ms, random=device.random
        )
        to.log.append(Logged(v2, v1, self.now_ms))


# -- the thief -------------------------------------------------------------------------------------------------


class Thief:
    """Somebody who has logged all that ever lay in one person's swarm, and now gets the recovery words.

    devices: what lay in namespace 21; log: in namespace 0.
    """

    def __init__(self, words: str, devices: Iterable[bytes], log: list[Logged]) -> None:
        self.account = Account.from_words(words)
        self.log = log
        self._groups: list[GroupMessage] = [
            group_message.parse(data, self.account.ed25519_public)
            for data in devices
            if message_type(data) is MessageType.GROUP
        ]

    def account_keys(self, kept: bytes) -> list[HybridKeys]:
        """Account keys on a stolen disk, and those that its device keys find in the log."""
        state = device_group_kept.decode(kept)
        device_keys = [key.keys for key in state.device_keys]
        seeds = {key.seed.reveal() for key in state.account_keys}
        for message in self._groups:
            opened = group_message.open(message, device_keys)
            if opened is not None:
                seeds |= {key.seed.reveal() for key in opened.payload.keys}
        return [HybridKeys.of_account(Secret(seed)) for seed in sorted(seeds)]

    def opens_v2(self, held: list[HybridKeys]) -> list[int]:
        """When the messages were stored that open."""
        found = []
        for logged in self.log:
            try:
                message_v2.open(logged.v2, self.account, held)
            except message_v2.NoKey:
                continue
            found.append(logged.stored_ms)
        return found

    def opens_v1(self) -> list[int]:
        """The same of the copies that went out as v1: the words are enough."""
        public, secret = self.account.x25519_public, self.account.x25519_secret
        return [
            logged.stored_ms
            for logged in self.log
            if message_v1.open(logged.v1, x25519_public=public, x25519_secret=secret).content
        ]
