"""Whether this device belongs to the group of its account, and what each message changes (06.6.5, 06.6.7, 06.7, 06.9).

A readable message proves only that a holder of the account's seed encrypted it to us. So it counts as a message of our
group when it has that group's identifier, and otherwise only as the answer to our own request (`device_linking`).

An unreadable one may mean that we were removed (it says so in `k`), or that another device has our place: a message of
our group, much later than the last one that we could read. Neither can be told by anything but such a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from veery.policy import device_linking
from veery.policy.device_group import (
    Admission,
    Change,
    DeviceGroup,
    DeviceGroupFault,
    DeviceInfo,
    Event,
    SeenGroup,
    rotate,
    with_own_record,
)
from veery.policy.key_rotation import rotation_timer
from veery.protocol.account import Account
from veery.protocol.constants import (
    DEVICE_GROUPS_MAX,
    DEVICE_KEY_LIFE_S,
    GROUP_DISPLACED_MS,
    KEY_SEED_SIZE,
    SECOND_MS,
)
from veery.protocol.crypto import RandomBytes
from veery.protocol.devices import (
    AccountKeys,
    DeviceRecord,
    DeviceState,
    GroupId,
    HybridKeys,
    Payload,
    group_message,
    record,
    table,
)
from veery.protocol.devices.group_message import OpenedGroup
from veery.protocol.devices.payload import Device
from veery.protocol.devices.table import Row
from veery.secret import Secret


class Membership(Enum):
    """How this device stands, after a completed fetch."""

    UNKNOWN = "unknown"  # nothing was fetched since the start
    IN_GROUP = "in_group"
    NO_GROUP = "no_group"  # no member, and no group is to be seen: start one
    GROUPS_VISIBLE = "groups_visible"  # no member: ask to join one, or start another
    WAITING = "waiting"  # a request is under way, or an admission waits for the emoji to be confirmed
    REMOVED = "removed"  # by another device; it may be renewed
    CUT_OFF = "cut_off"  # only another group is left in the swarm; may be an attack, so never to be dismissed
    DISPLACED = "displaced"  # another device has our place; never to be dismissed, it may be renewed


@dataclass(frozen=True, slots=True)
class ArrivedGroup:
    """A group message whose signature holds. opened: None when no slot is ours; removes_us: it announces our removal;
    hash, stored_ms, expires_ms: as the swarm says.
    """

    group: GroupId | None
    link_key: bytes | None = field(repr=False)
    opened: OpenedGroup | None
    removes_us: bool
    hash: str
    stored_ms: int
    expires_ms: int


def membership(state: DeviceGroup, now_ms: int) -> Membership:
    """How the device stands."""
    if not state.fetched:
        return Membership.UNKNOWN
    if state.own.state is DeviceState.REMOVED:
        return Membership.REMOVED
    if state.registered:
        return _of_member(state, now_ms)
    if state.own.state is DeviceState.PENDING or state.held is not None:
        return Membership.WAITING
    return Membership.GROUPS_VISIBLE if state.visible(now_ms) else Membership.NO_GROUP


def _of_member(state: DeviceGroup, now_ms: int) -> Membership:
    if state.displaced_ms is not None:
        return Membership.DISPLACED
    visible = state.visible(now_ms)
    others = any(group != state.group for group in visible)
    cut_off = state.group is not None and state.group not in visible and others
    return Membership.CUT_OFF if cut_off else Membership.IN_GROUP


# -- messages --------------------------------------------------------------------------------------------------


def open_group(
    data: bytes,
    account: Account,
    state: DeviceGroup,
    held: Sequence[HybridKeys],
    *,
    hash: str,
    stored_ms: int,
    expires_ms: int,
) -> ArrivedGroup:
    """Open a message of type G. held: the pairs of `state.device_keys`, which the caller may keep derived.

    Raises DeviceMalformed and DeviceRefused: the message is dropped whole.
    """
    message = group_message.parse(data, account.ed25519_public)
    opened = group_message.open(message, held)
    removes_us = opened is None and message.removes(state.own_id, account.seed32)
    group = message.group(account.seed32)
    return ArrivedGroup(group, message.link_key, opened, removes_us, hash, stored_ms, expires_ms)


def receive(state: DeviceGroup, arrived: ArrivedGroup, now_ms: int, random: RandomBytes) -> Change:
    """Take a message of the swarm."""
    noted, opened = _noted(state, arrived), arrived.opened
    if opened is None:
        return _unreadable(noted, arrived, now_ms)
    same_group = noted.group is None or arrived.group is None or noted.group == arrived.group
    if noted.registered and same_group:
        read = _read(noted, arrived, opened)
        # Our own message says nothing new, but that it can be read is news.
        return Change(read) if arrived.hash in state.merged else _merged(read, arrived, opened, now_ms, random)
    if arrived.group is None:
        return Change(noted)
    admission = Admission(arrived.group, opened.payload, arrived.hash, arrived.stored_ms)
    return device_linking.consider(noted, admission, now_ms, random)


def _noted(state: DeviceGroup, arrived: ArrivedGroup) -> DeviceGroup:
    """Groups are noted from every message, readable or not."""
    if arrived.group is None or arrived.link_key is None:
        return state
    seen = SeenGroup(arrived.link_key, arrived.stored_ms, arrived.expires_ms)
    held = state.seen.get(arrived.group)
    if held is not None:
        newer = seen.newest_ms // SECOND_MS >= held.newest_ms // SECOND_MS
        seen = SeenGroup(
            link_key=seen.link_key if newer else held.link_key,
            newest_ms=max(seen.newest_ms, held.newest_ms),
            expires_ms=max(seen.expires_ms, held.expires_ms),
        )
    noted = {**state.seen, arrived.group: seen}
    if len(noted) > DEVICE_GROUPS_MAX:
        others = [group for group in noted if group != state.group]
        del noted[min(others, key=lambda group: noted[group].newest_ms)]
    return replace(state, seen=noted)


def _unreadable(state: DeviceGroup, arrived: ArrivedGroup, now_ms: int) -> Change:
    if arrived.removes_us:
        if state.own.state is DeviceState.REMOVED:
            return Change(state)
        rows = table.removed(state.rows, state.own_id, now_ms // SECOND_MS)
        return Change(replace(state, rows=rows, held=None, prompts=()), (Event.REMOVED,))
    if arrived.group is None or arrived.group != state.group or not state.registered or state.last_read_ms is None:
        return Change(state)
    if arrived.stored_ms - state.last_read_ms <= GROUP_DISPLACED_MS:
        return Change(state)
    events = (Event.DISPLACED,) if state.displaced_ms is None else ()
    displaced_ms = max(arrived.stored_ms, state.displaced_ms or 0)
    return Change(replace(state, displaced_ms=displaced_ms, prompts=()), events)


def _merged(state: DeviceGroup, arrived: ArrivedGroup, opened: OpenedGroup, now_ms: int, random: RandomBytes) -> Change:
    now_s = now_ms // SECOND_MS
    merged = table.merge(state.rows, opened.payload.devices, now_s)
    after = replace(
        state,
        rows=merged.table,
        account_keys=state.account_keys.merged(opened.payload.keys, state.deletion.now_s),
        broadcast=state.broadcast | merged.broadcast,
        merged={**state.merged, arrived.hash: arrived.stored_ms},
        pushed_seqno=_pushed_seqno(state, merged.table[state.own_id], opened.payload),
    )
    after = device_linking.unanswered(after)
    if not after.registered:
        return Change(replace(after, held=None, prompts=()), (Event.REMOVED,))
    # Whoever leaves cannot rotate for the others.
    if not merged.departed and not _disclosed(state, after, opened.payload):
        return Change(after)
    return Change(rotate(after, now_ms, random), (Event.ROTATED,))


def _pushed_seqno(before: DeviceGroup, own: Row, payload: Payload) -> int:
    """The number of the own record that the group has."""
    if own != before.own:
        return own.seqno  # a record of ours that came from the group is in the swarm already
    listed = payload.devices.get(before.own_id)
    if not isinstance(listed, DeviceRecord):
        return before.pushed_seqno
    # Whoever made this has not read our push, perhaps because it was written to keys that were deleted meanwhile.
    return min(before.pushed_seqno, listed.seqno)


def _disclosed(before: DeviceGroup, after: DeviceGroup, payload: Payload) -> bool:
    """Whether a device that is gone may hold the active key.

    Whoever did not know of a removal yet has made a key and sent it to the removed device too, and that key is later
    than the remover's and wins. It shows on both sides: in a message that still has the gone device as a member, and
    at whoever learns of a removal by a message that does not have the key which is active all the same.
    """
    active = after.account_keys.active
    if active is None:
        return False
    gone = [device for device in payload.devices if not after.rows[device].live]
    if AccountKeys(payload.keys).find(active.seed) is not None:
        return any(_unaware(payload.devices[device], after.rows[device]) for device in gone)
    known = (before.rows.get(device) for device in gone)
    return any(row is not None and row.state is DeviceState.REGISTERED for row in known)


def _unaware(told: Device, row: Row) -> bool:
    """Whether a message was made by somebody who did not know that this device was removed. A device that was removed
    and then left by itself, unaware too, knows all keys that its farewell has.
    """
    return isinstance(told, DeviceRecord) or (told.left and row.state is DeviceState.REMOVED)


def _read(state: DeviceGroup, arrived: ArrivedGroup, opened: OpenedGroup) -> DeviceGroup:
    """A member could read a message of its group, or of one that has no identifier yet."""
    read = replace(state, device_keys=state.device_keys.read_with(opened.keys), group=state.group or arrived.group)
    if arrived.group is None:
        return read
    last_read_ms = max(arrived.stored_ms, state.last_read_ms or 0)
    back = state.displaced_ms is not None and state.displaced_ms <= arrived.stored_ms
    return replace(read, last_read_ms=last_read_ms, displaced_ms=None if back else state.displaced_ms)


# -- fetches, timers and the user ------------------------------------------------------------------------------


def fetch_completed(state: DeviceGroup, now_ms: int, random: RandomBytes) -> Change:
    """After everything that a fetch of namespace 21 gave was taken. Only now is anything known, and may be pushed."""
    after = device_linking.lapsed(replace(state, fetched=True, ready=True), now_ms)
    if after.active_member and after.account_keys.active is None:
        # Ours was reported rotated, and its successor has not come.
        return Change(replace(rotate(after, now_ms, random), ready=True), (Event.ROTATED,))
    return Change(after)


def get_timer(state: DeviceGroup) -> int | None:
    """When `handle_timer` is to be called next, ms; None while nothing is to happen."""
    if state.own.state is DeviceState.PENDING:
        return max((request.deadline_ms for request in state.requests), default=None)
    if not state.active_member or not state.fetched:
        return None
    device_keys_s = state.device_keys.current.made_s + DEVICE_KEY_LIFE_S if _told(state) else None
    account_keys_s = rotation_timer(state.own_id, state.account_keys, state.members)
    times = [time for time in (device_keys_s, account_keys_s) if time is not None]
    return SECOND_MS * min(times) if times else None


def handle_timer(state: DeviceGroup, now_ms: int, random: RandomBytes) -> Change:
    """Rotate what is due and let lapse what is over. Call it too when the device wakes up."""
    after = device_linking.lapsed(state, now_ms)
    if not after.active_member or not after.fetched:
        return Change(after)
    if _told(after) and after.device_keys.due(now_ms // SECOND_MS):
        after = rotate_device_key(after, now_ms, random)
    timer = rotation_timer(after.own_id, after.account_keys, after.members)
    if timer is None or now_ms // SECOND_MS < timer:
        return Change(after)
    return Change(rotate(after, now_ms, random), (Event.ROTATED,))


def prune(state: DeviceGroup, now_ms: int, *, confirmed: bool) -> DeviceGroup:
    """The value without keys of no more use; call it before every use of the keys. confirmed: as `DeletionClock`."""
    deletion = state.deletion.advanced(now_ms, confirmed=confirmed)
    return replace(
        state,
        deletion=deletion,
        account_keys=state.account_keys.pruned(deletion.now_s),
        device_keys=state.device_keys.pruned(deletion.now_s, told=_told(state)),
    )


def _told(state: DeviceGroup) -> bool:
    """Whether the group was sent the record that this device has now. A device that rotates while it is offline would
    otherwise delete, after some weeks, the only key to which the others write.
    """
    return not state.registered or state.pushed_seqno >= state.own.seqno


def rotate_device_key(state: DeviceGroup, now_ms: int, random: RandomBytes) -> DeviceGroup:
    """New keys of this device, under a higher sequence number."""
    now_s = now_ms // SECOND_MS
    keys = state.device_keys.rotated(Secret(random(KEY_SEED_SIZE)), now_s)
    return _rewritten(replace(state, device_keys=keys), _info(state), now_s)


def describe(state: DeviceGroup, info: DeviceInfo, now_ms: int) -> DeviceGroup:
    """The user or an update has changed what this device says of itself."""
    return state if info == _info(state) else _rewritten(state, info, now_ms // SECOND_MS)


def remove(state: DeviceGroup, device: bytes, now_ms: int, random: RandomBytes) -> Change:
    """The user removes another device: its row and a new account key in one step, so that it cannot read on.

    The removed device keeps the recovery phrase: it reads messages v1 and of the fallback form, and can sign as the
    account. Only a new account ends that, and the user must be told so. Raises DeviceGroupFault.
    """
    held = state.rows.get(device)
    if not state.active_member or device == state.own_id or held is None or not held.live:
        raise DeviceGroupFault("this device cannot be removed", kind="policy.devices.remove")
    after = replace(
        state,
        rows=table.removed(state.rows, device, now_ms // SECOND_MS),
        broadcast=state.broadcast | {device},
        prompts=tuple(prompt for prompt in state.prompts if prompt.request.device != device),
    )
    return Change(rotate(after, now_ms, random), (Event.ROTATED,))


def _info(state: DeviceGroup) -> DeviceInfo:
    own = state.own_record
    return DeviceInfo(own.description, own.platform, own.version)


def _rewritten(state: DeviceGroup, info: DeviceInfo, now_s: int) -> DeviceGroup:
    own = state.own_record
    made = record.make(
        seqno=own.seqno + 1,
        timestamp_s=max(now_s, own.timestamp_s),
        keys=state.device_keys.current.keys.public,
        description=info.description,
        platform=info.platform,
        version=info.version,
        extra=dict(own.extra),
    )
    return with_own_record(state, made)
