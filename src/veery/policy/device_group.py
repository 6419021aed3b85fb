"""What one device knows of its group, as one value that a store can keep (06.5 to 06.8).

Every event gives a new `DeviceGroup`: `device_membership` for messages, fetches and timers, `device_linking` for
requests to join, `device_push` for sending. The shell carries out, in this order, after each poll of the namespaces 21,
0 and -21:

    open each message of 21 (`protocol.devices`) -> `receive` / `receive_request` -> `fetch_completed`
    -> `push_to_send` -> store the message, delete the old ones -> `pushed` -> publish the account record

and keeps the new value in the same transaction as what it did. Keys that are gone from the value are to be erased.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from veery.errors import PolicyError, Retry
from veery.policy.key_rotation import DeletionClock, DeviceKeys
from veery.protocol.constants import DEVICE_ID_SIZE, KEY_SEED_SIZE, SECOND_MS, TTL_DEVICE_GROUP_MS
from veery.protocol.crypto import RandomBytes
from veery.protocol.devices import AccountKeys, DeviceRecord, DeviceState, GroupId, Payload, record, table
from veery.protocol.devices.emoji import EmojiString
from veery.protocol.devices.link_request import LinkRequest
from veery.protocol.devices.table import Row, Table
from veery.secret import Secret


class DeviceGroupFault(PolicyError):
    """What the user asked of the device group is not possible now."""

    default_kind = "policy.devices"
    default_retry = Retry.NEVER


class Event(Enum):
    """What the shell is told beside the new value."""

    JOINED = "joined"  # a group has admitted this device
    ADMISSION_HELD = "admission_held"  # one would, when the user confirms the emoji here
    REMOVED = "removed"  # another device has removed this one
    DISPLACED = "displaced"  # another device has the place of this one
    ROTATED = "rotated"  # a new account key: push, then publish it


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What a device says of itself: description, platform (`i`, `a`, `d`, `c`), version M·10^6 + m·10^3 + p."""

    description: str = ""
    platform: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True)
class SeenGroup:
    """A group of this account that lies in the swarm. newest_ms: swarm time of its newest message, whose link key
    counts; expires_ms: the latest expiry.
    """

    link_key: bytes = field(repr=False)
    newest_ms: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class OwnRequest:
    """A request of this device to join. confirmed: the user has seen these emoji on another device as well."""

    group: GroupId
    record: DeviceRecord
    emoji: EmojiString
    made_ms: int
    deadline_ms: int
    confirmed: bool = False

    def admits(self, group: GroupId, admitted: DeviceRecord) -> bool:
        """Whether a record in a message of this group answers the request."""
        asked = self.record
        same = (admitted.timestamp_s, admitted.keys.x25519) == (asked.timestamp_s, asked.keys.x25519)
        return group == self.group and same


@dataclass(frozen=True, slots=True)
class Admission:
    """A readable message that has this device as a member of the group that it asked."""

    group: GroupId
    payload: Payload
    hash: str
    stored_ms: int


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request of another device that waits for the user. replaces: it would replace a member's record.

    ignored: the user does not want to see it; it is kept so that a copy of it does not ask again.
    """

    request: LinkRequest
    expires_ms: int
    replaces: bool
    ignored: bool = False


@dataclass(frozen=True, slots=True)
class Farewell:
    """What is owed to a group that this device leaves. payload: None when nobody else is in it; hashes: of its messages
    that were read.
    """

    payload: Payload | None
    group: GroupId | None
    hashes: frozenset[str]


@dataclass(frozen=True, slots=True)
class DeviceGroup:
    """The group as this device knows it.

    deletion: the time by which keys are deleted; rows: by device id, the own one included; last_read_ms, displaced_ms:
    swarm times; pushed_seqno: of the own record in the swarm; broadcast: ids that the next push owes; merged: messages
    that are contained in this value, swarm time by hash; seen: groups in the swarm. fetched, ready, pushing are of the
    running process: a fetch was completed since it began; since the last change; a push is under way.
    """

    own_id: bytes = field(repr=False)
    device_keys: DeviceKeys
    deletion: DeletionClock
    rows: Table = field(repr=False)
    account_keys: AccountKeys = field(default_factory=AccountKeys)
    group: GroupId | None = None
    last_read_ms: int | None = None
    displaced_ms: int | None = None
    pushed_seqno: int = 0
    broadcast: frozenset[bytes] = field(default=frozenset(), repr=False)
    merged: Mapping[str, int] = field(default_factory=dict, repr=False)
    seen: Mapping[GroupId, SeenGroup] = field(default_factory=dict, repr=False)
    requests: tuple[OwnRequest, ...] = field(default=(), repr=False)
    held: Admission | None = field(default=None, repr=False)
    prompts: tuple[Prompt, ...] = field(default=(), repr=False)
    farewell: Farewell | None = field(default=None, repr=False)
    fetched: bool = False
    ready: bool = False
    pushing: bool = False

    @property
    def own(self) -> Row:
        """The row of this device."""
        return self.rows[self.own_id]

    @property
    def own_record(self) -> DeviceRecord:
        """The record of this device."""
        found = self.own.record
        if found is None:
            raise DeviceGroupFault("this device has no record", kind="policy.devices.own_record")
        return found

    @property
    def registered(self) -> bool:
        """Whether this device is a member, as far as it knows."""
        return self.own.state is DeviceState.REGISTERED

    @property
    def active_member(self) -> bool:
        """Whether it is a member whose place nobody has taken: only such a device changes the group."""
        return self.registered and self.displaced_ms is None

    @property
    def members(self) -> int:
        """How many registered devices it knows, itself included."""
        return len(table.members(self.rows))

    def visible(self, now_ms: int) -> dict[GroupId, SeenGroup]:
        """Groups of which a message should still lie in the swarm."""
        return {group: seen for group, seen in self.seen.items() if seen.expires_ms > now_ms}

    def restarted(self) -> DeviceGroup:
        """As a new process finds it: nothing fetched yet, no push under way."""
        return replace(self, fetched=False, ready=False, pushing=False)


@dataclass(frozen=True, slots=True)
class Change:
    """A new value, and what the shell is told."""

    state: DeviceGroup
    events: tuple[Event, ...] = ()


# -- beginnings (06.6.7) ---------------------------------------------------------------------------------------


def restored(info: DeviceInfo, now_ms: int, random: RandomBytes, own_id: bytes | None = None) -> DeviceGroup:
    """A device of an account that was restored here: no member; it fetches and asks its user.

    own_id: 32 random bytes that the store has for this device already, never those of an earlier installation.
    """
    keys = DeviceKeys.first(Secret(random(KEY_SEED_SIZE)), now_ms // SECOND_MS)
    own_id = random(DEVICE_ID_SIZE) if own_id is None else own_id
    made = record.make(
        seqno=1,
        timestamp_s=now_ms // SECOND_MS,
        keys=keys.current.keys.public,
        description=info.description,
        platform=info.platform,
        version=info.version,
    )
    rows = {own_id: table.own_row(made, DeviceState.UNREGISTERED)}
    return DeviceGroup(own_id, keys, DeletionClock(now_ms), rows)


def generated(info: DeviceInfo, now_ms: int, random: RandomBytes, own_id: bytes | None = None) -> DeviceGroup:
    """The device on which an account was just made: its group begins at once. own_id: as `restored`."""
    return start_group(restored(info, now_ms, random, own_id), now_ms, random)


def start_group(state: DeviceGroup, now_ms: int, random: RandomBytes) -> DeviceGroup:
    """Begin a group of this device alone, with a fresh account key; whatever it knew of an earlier group is forgotten.

    A device that was removed or displaced takes a new id first: its old one never comes back.
    """
    fresh = forgotten(renewed(state, now_ms, random) if _spent(state) else state)
    group = GroupId.create(now_ms // SECOND_MS, random)
    keys = AccountKeys().rotated(Secret(random(KEY_SEED_SIZE)), now_ms // SECOND_MS)
    registered = replace(
        fresh,
        rows={fresh.own_id: table.own_row(fresh.own_record, DeviceState.REGISTERED)},
        account_keys=keys,
        group=group,
        last_read_ms=now_ms,
        broadcast=frozenset({fresh.own_id}),
    )
    return seen_now(registered, now_ms)


def renewed(state: DeviceGroup, now_ms: int, random: RandomBytes) -> DeviceGroup:
    """The device with a new id and new keys, and nothing of its old group; groups that lie in the swarm stay known."""
    old = state.own_record
    fresh = restored(DeviceInfo(old.description, old.platform, old.version), now_ms, random)
    return replace(
        fresh,
        deletion=state.deletion,
        seen=state.seen,
        farewell=state.farewell,
        fetched=state.fetched,
        ready=state.ready,
    )


def forgotten(state: DeviceGroup) -> DeviceGroup:
    """The same device without its group: unregistered, with its id, its keys, its record, and what it owes to a group
    that it has left.
    """
    return DeviceGroup(
        own_id=state.own_id,
        device_keys=state.device_keys,
        deletion=state.deletion,
        rows={state.own_id: table.own_row(state.own_record, DeviceState.UNREGISTERED)},
        seen=state.seen,
        farewell=state.farewell,
        fetched=state.fetched,
        ready=state.ready,
    )


def _spent(state: DeviceGroup) -> bool:
    return not state.own.live or state.displaced_ms is not None


# -- changes that others are made of ---------------------------------------------------------------------------


def rotate(state: DeviceGroup, now_ms: int, random: RandomBytes) -> DeviceGroup:
    """A new account key. It is pushed after the next completed fetch and published after that."""
    keys = state.account_keys.rotated(Secret(random(KEY_SEED_SIZE)), now_ms // SECOND_MS)
    return replace(state, account_keys=keys, ready=False)


def with_own_record(state: DeviceGroup, made: DeviceRecord) -> DeviceGroup:
    """The own record as this device has just written it."""
    row = table.own_row(made, state.own.state)
    return replace(state, rows={**state.rows, state.own_id: row}, ready=False)


def seen_now(state: DeviceGroup, now_ms: int) -> DeviceGroup:
    """After a message of the own group was stored by this device, so that it does not look cut off from it."""
    active = state.account_keys.active
    if state.group is None or active is None:
        return state
    noted = SeenGroup(active.keys.public.x25519, now_ms, now_ms + TTL_DEVICE_GROUP_MS)
    return replace(state, seen={**state.seen, state.group: noted})
