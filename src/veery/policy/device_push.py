"""Pushing a group message: when, with what, and what is settled by it (06.6.6).

A message is a full snapshot, so it replaces all that were read before it: they are deleted after it was stored, in the
same request. Success settles exactly what the message carried; whatever changed while it was under way is still owed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from veery.policy.device_group import DeviceGroup, seen_now
from veery.protocol.constants import SECOND_MS
from veery.protocol.crypto import RandomBytes
from veery.protocol.devices import GroupId, Payload, table
from veery.protocol.devices.table import Table
from veery.secret import Secret


@dataclass(frozen=True, slots=True)
class Push:
    """A message to seal (`group_message.seal`) and to store. payload: None when there is nobody to tell.

    delete: swarm hashes to delete after the store, in the same ordered sequence. rows, seqno, seeds: what it carries;
    farewell: it goes to a group that this device has left.
    """

    payload: Payload | None
    group: GroupId
    delete: frozenset[str]
    rows: Table = field(repr=False)
    seqno: int
    seeds: tuple[Secret, ...]
    farewell: bool = False


def owes(state: DeviceGroup) -> bool:
    """Whether a member has something to push: its own record, changes that it saw, or an account key."""
    changed = state.own.seqno > state.pushed_seqno or bool(state.broadcast) or state.account_keys.undistributed
    return state.active_member and changed


def push_to_send(state: DeviceGroup, now_ms: int, random: RandomBytes) -> tuple[DeviceGroup, Push | None]:
    """What to push now; `pushed` or `push_failed` must follow. Nothing before a fetch is completed; one at a time."""
    if not state.fetched or not state.ready or state.pushing:
        return state, None
    if state.farewell is not None:
        left = state.farewell
        group = left.group or GroupId.create(now_ms // SECOND_MS, random)
        return replace(state, pushing=True), Push(left.payload, group, left.hashes, {}, 0, (), farewell=True)
    if not owes(state) or state.account_keys.active is None:
        return state, None
    group = state.group or GroupId.create(now_ms // SECOND_MS, random)
    push = Push(
        payload=Payload(table.payload_devices(state.rows), tuple(state.account_keys)),
        group=group,
        delete=frozenset(state.merged),
        rows=dict(state.rows),
        seqno=state.own.seqno,
        seeds=tuple(key.seed for key in state.account_keys),
    )
    return replace(state, group=group, pushing=True), push


def pushed(state: DeviceGroup, push: Push, hash: str, now_ms: int) -> DeviceGroup:
    """After the message was stored under this hash. The account record may be published now."""
    if push.farewell:
        return replace(state, farewell=None, pushing=False)
    # Removals beyond the number of slots are settled too: the message has no room for them, now or later.
    carried = frozenset(device for device in state.broadcast if state.rows.get(device) == push.rows.get(device))
    settled = replace(
        state,
        pushed_seqno=max(push.seqno, state.pushed_seqno),
        broadcast=state.broadcast - carried,
        account_keys=state.account_keys.carried(push.seeds),
        merged={**{old: at for old, at in state.merged.items() if old not in push.delete}, hash: now_ms},
        pushing=False,
    )
    return seen_now(settled, now_ms)


def push_failed(state: DeviceGroup) -> DeviceGroup:
    """After the message could not be stored: everything is still owed."""
    return replace(state, pushing=False)
