"""Devices of one account and their swarm in memory: the shell that carries out what the policies decide.

Messages are sealed and opened for real. Time is a number that the test moves; nothing waits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.unit.protocol.devices.people import Counted, account
from veery.policy import device_group, device_linking, device_membership, device_push
from veery.policy.device_group import Change, DeviceGroup, DeviceInfo, Event, OwnRequest
from veery.policy.device_membership import Membership
from veery.policy.own_record import OwnRecord
from veery.protocol import crypto
from veery.protocol.account import Account
from veery.protocol.constants import TTL_DEVICE_GROUP_MS, TTL_LINK_REQUEST_MS
from veery.protocol.devices import GroupId, HybridKeys, MessageType, account_record, group_message, link_request
from veery.protocol.devices import message_type as type_of
from veery.protocol.devices.account_record import AccountRecord
from veery.secret import Secret

START_MS = 1_777_000_000_000
HOUR, DAY = 3_600_000, 24 * 3_600_000


@dataclass(frozen=True)
class Stored:
    """One item of namespace 21."""

    hash: str
    data: bytes
    stored_ms: int
    expires_ms: int


@dataclass
class Swarm:
    """Namespaces 21 and -21 of one account; `log` keeps what was ever stored in 21, as an adversary would."""

    items: dict[str, Stored] = field(default_factory=dict)
    log: list[Stored] = field(default_factory=list)
    outbox: bytes | None = None

    def store(self, data: bytes, now_ms: int, ttl_ms: int) -> str:
        item = Stored(crypto.blake2b(16, data).hex(), data, now_ms, now_ms + ttl_ms)
        self.items[item.hash] = item
        self.log.append(item)
        return item.hash

    def delete(self, hashes: frozenset[str]) -> None:
        for each in hashes:
            self.items.pop(each, None)

    def fetch(self, now_ms: int) -> list[Stored]:
        self.items = {each.hash: each for each in self.items.values() if each.expires_ms > now_ms}
        return sorted(self.items.values(), key=lambda each: each.stored_ms)


class Device:
    """One device: its value, and a shell around it."""

    def __init__(self, name: str, swarm: Swarm, now_ms: int = START_MS, *, first: bool = False) -> None:
        self.name, self.swarm, self.random = name, swarm, Counted(name)
        self.account: Account = account(1)
        begin = device_group.generated if first else device_group.restored
        self.state: DeviceGroup = begin(DeviceInfo(name, "d", 1), now_ms, self.random)
        self.own_record = OwnRecord(allowed=True)
        self.events: list[Event] = []
        self.taken: set[str] = set()
        self._derived: dict[bytes, HybridKeys] = {}

    # -- what a shell does ---------------------------------------------------------------------------------

    def poll(self, now_ms: int, order: Callable[[list[Stored]], list[Stored]] = list) -> None:
        """Fetch and take everything, then push what is owed and publish."""
        self.fetch(now_ms, order)
        while self.push(now_ms):
            pass
        self.publish(now_ms)

    def fetch(self, now_ms: int, order: Callable[[list[Stored]], list[Stored]] = list) -> None:
        for item in order(self.swarm.fetch(now_ms)):
            if item.hash not in self.taken:
                self.taken.add(item.hash)
                self.take(item, now_ms)
        self.apply(device_membership.fetch_completed(self.state, now_ms, self.random))

    def take(self, item: Stored, now_ms: int) -> None:
        kind = type_of(item.data)
        if kind is MessageType.GROUP:
            arrived = device_membership.open_group(
                item.data,
                self.account,
                self.state,
                self.device_keys(),
                hash=item.hash,
                stored_ms=item.stored_ms,
                expires_ms=item.expires_ms,
            )
            self.apply(device_membership.receive(self.state, arrived, now_ms, self.random))
        elif kind is MessageType.LINK_REQUEST:
            request = link_request.open(item.data, self.account, self.account_keys())
            if request is not None:
                self.state = device_linking.receive_request(self.state, request, item.expires_ms, now_ms)

    def push(self, now_ms: int, *, lost: bool = False) -> bool:
        """One push, if any is owed; `lost`: the store fails."""
        self.state, push = device_push.push_to_send(self.state, now_ms, self.random)
        if push is None:
            return False
        if lost:
            self.state = device_push.push_failed(self.state)
            return True
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
        self.state = device_push.pushed(self.state, push, stored, now_ms)
        return True

    def publish(self, now_ms: int) -> None:
        key = self.own_record.due(self.state.account_keys, member=self.state.active_member)
        if key is None:
            return
        raw = account_record.sign(
            key.keys.public,
            account_x25519_secret=self.account.x25519_secret,
            random=self.random,
            signed_s=self.own_record.next_signed_s(now_ms),
        )
        self.swarm.outbox = raw
        record = account_record.open(raw, self.account.account_id.raw)
        self.own_record = self.own_record.stored(record, now_ms)

    def apply(self, change: Change) -> None:
        self.state = change.state
        self.events += change.events

    def wake(self, now_ms: int) -> None:
        """A timer fires."""
        self.apply(device_membership.handle_timer(self.state, now_ms, self.random))
        self.state = device_membership.prune(self.state, now_ms, confirmed=True)

    def device_keys(self) -> list[HybridKeys]:
        return [self._pair(HybridKeys.of_device, key.seed) for key in self.state.device_keys]

    def account_keys(self) -> list[HybridKeys]:
        return [self._pair(HybridKeys.of_account, key.seed) for key in self.state.account_keys]

    def _pair(self, derive: Callable[[Secret], HybridKeys], seed: Secret) -> HybridKeys:
        name = derive.__name__.encode() + seed.reveal()
        if name not in self._derived:
            self._derived[name] = derive(seed)
        return self._derived[name]

    # -- what its user does --------------------------------------------------------------------------------

    def ask(self, group: GroupId, now_ms: int) -> OwnRequest:
        """Ask to join a group."""
        made = device_linking.request_record(self.state, now_ms)
        request = link_request.make(self.state.own_id, made, self.account.ed25519_secret)
        data = link_request.seal(
            request,
            link_key=device_linking.link_key(self.state, group, now_ms),
            account_x25519=self.account.x25519_public,
            random=self.random,
        )
        self.swarm.store(data, now_ms, TTL_LINK_REQUEST_MS)
        self.state = device_linking.asked(self.state, group, made, request.emoji(), now_ms)
        return self.state.requests[-1]

    def confirm(self, now_ms: int) -> None:
        """Say that the emoji of the newest request are right."""
        request = self.state.requests[-1]
        self.apply(device_linking.confirm(self.state, request, now_ms, self.random))

    def accept(self, now_ms: int) -> None:
        """Let the newest applicant in."""
        prompt = device_linking.shown_prompts(self.state, now_ms)[-1]
        self.apply(device_linking.accept(self.state, prompt.request, now_ms, self.random))

    def remove(self, other: Device, now_ms: int) -> None:
        """Remove another device."""
        self.apply(device_membership.remove(self.state, other.state.own_id, now_ms, self.random))

    def standing(self, now_ms: int) -> Membership:
        return device_membership.membership(self.state, now_ms)

    @property
    def active_seed(self) -> bytes:
        active = self.state.account_keys.active
        assert active is not None
        return active.seed.reveal()

    @property
    def group(self) -> GroupId:
        assert self.state.group is not None
        return self.state.group

    def published(self) -> AccountRecord | None:
        return (
            None
            if self.swarm.outbox is None
            else account_record.newest([self.swarm.outbox], self.account.account_id.raw)
        )


def linked(count: int, swarm: Swarm, now_ms: int = START_MS) -> list[Device]:
    """So many devices in one group, all caught up."""
    devices = [Device("device 0", swarm, now_ms, first=True)]
    devices[0].poll(now_ms)
    for number in range(1, count):
        link(devices[0], newcomer := Device(f"device {number}", swarm, now_ms), now_ms)
        devices.append(newcomer)
    for _ in range(2):
        for device in devices:
            device.poll(now_ms)
    return devices


def link(member: Device, newcomer: Device, now_ms: int) -> None:
    """Let a newcomer into the group of a member."""
    newcomer.poll(now_ms)
    newcomer.ask(member.group, now_ms)
    newcomer.confirm(now_ms)
    member.poll(now_ms)
    member.accept(now_ms)
    member.poll(now_ms)
    newcomer.poll(now_ms)
