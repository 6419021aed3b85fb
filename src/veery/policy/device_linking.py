"""Joining a group, from both sides (06.8.4), and leaving it.

A member is asked by a request that it can decrypt; its user compares emoji and accepts. The device that asked counts
itself admitted only when a message of that group has its very request, and its own user has confirmed the emoji of that
request: otherwise any holder of the recovery phrase could lure a new device into a group of its own.
"""

from __future__ import annotations

from dataclasses import replace

from veery.errors import Retry
from veery.policy.device_group import (
    Admission,
    Change,
    DeviceGroup,
    DeviceGroupFault,
    Event,
    Farewell,
    OwnRequest,
    Prompt,
    forgotten,
    renewed,
    rotate,
)
from veery.protocol.constants import (
    KEY_SEED_SIZE,
    LINK_PENDING_MAX,
    LINK_REQUEST_REMEMBERED_MS,
    SECOND_MS,
    TTL_DEVICE_GROUP_MS,
    TTL_LINK_REQUEST_MS,
)
from veery.protocol.crypto import RandomBytes
from veery.protocol.devices import AccountKeys, DeviceRecord, DeviceState, GroupId, Payload, record, table
from veery.protocol.devices.emoji import EmojiString
from veery.protocol.devices.link_request import LinkRequest
from veery.protocol.devices.table import RequestVerdict
from veery.secret import Secret


class PromptGone(DeviceGroupFault):
    """The request cannot be accepted any more: expired, superseded, answered elsewhere, or we are no member."""

    default_kind = "policy.devices.prompt_gone"
    default_remedy = "Ask again on the new device"


# -- a member is asked -----------------------------------------------------------------------------------------


def receive_request(state: DeviceGroup, request: LinkRequest, expires_ms: int, now_ms: int) -> DeviceGroup:
    """Take a request to our group. `shown_prompts` of the new value says what the user is asked.

    expires_ms: when the swarm drops it, the deadline that is shown.
    """
    if not state.active_member or expires_ms <= now_ms:
        return state
    rows, verdict = table.receive_request(state.rows, state.own_id, request.device, request.record)
    held = next((prompt for prompt in state.prompts if prompt.request.device == request.device), None)
    replaces = verdict is RequestVerdict.PROMPT_REPLACE
    # A replacement changes no row, so nothing but the prompt itself tells a copy of it from a new one.
    repeated = replaces and held is not None and request.record.timestamp_s <= held.request.record.timestamp_s
    # Whoever holds the recovery phrase can make requests without end.
    full = sum(row.state is DeviceState.PENDING for row in rows.values()) > LINK_PENDING_MAX
    if verdict is RequestVerdict.IGNORE or repeated or full:
        return state
    others = tuple(each for each in state.prompts if each is not held)
    return replace(state, rows=rows, prompts=(*others, Prompt(request, expires_ms, replaces)))


def shown_prompts(state: DeviceGroup, now_ms: int) -> tuple[Prompt, ...]:
    """The requests that wait for the user of this device."""
    return tuple(prompt for prompt in state.prompts if prompt.expires_ms > now_ms and not prompt.ignored)


def accept(state: DeviceGroup, request: LinkRequest, now_ms: int, random: RandomBytes) -> Change:
    """The user lets the device in. It gets a slot in the message that follows the next fetch. Raises PromptGone."""
    prompt = next((each for each in shown_prompts(state, now_ms) if each.request == request), None)
    if prompt is None or not state.active_member:
        raise PromptGone("the request to link a device is over")
    held = state.rows[request.device]
    made = request.record
    if prompt.replaces:
        made = made.renumbered(max(held.seqno, made.seqno) + 1)
    after = replace(
        state,
        rows={**state.rows, request.device: table.live_row(made, DeviceState.REGISTERED)},
        broadcast=state.broadcast | {request.device},
        prompts=tuple(each for each in state.prompts if each is not prompt),
        ready=False,
    )
    if not prompt.replaces:
        return Change(after)
    # The device that had the record may be in other hands now.
    return Change(rotate(after, now_ms, random), (Event.ROTATED,))


def ignore(state: DeviceGroup, request: LinkRequest) -> DeviceGroup:
    """The user does not want to see the request: local and silent."""
    return replace(
        state,
        prompts=tuple(replace(each, ignored=True) if each.request == request else each for each in state.prompts),
    )


def unanswered(state: DeviceGroup) -> DeviceGroup:
    """The value without prompts that a message has answered."""
    return replace(state, prompts=tuple(prompt for prompt in state.prompts if not _answered(state, prompt)))


def _answered(state: DeviceGroup, prompt: Prompt) -> bool:
    row = state.rows.get(prompt.request.device)
    if row is None or row.state is DeviceState.PENDING:
        return False
    if prompt.replaces and row.state is DeviceState.REGISTERED:
        return row.record is not None and row.record.keys == prompt.request.record.keys
    return True


# -- this device asks ------------------------------------------------------------------------------------------


def request_record(state: DeviceGroup, now_ms: int) -> DeviceRecord:
    """The record for a new request: one above the own, and later than any request made before.

    The shell signs it (`link_request.make`), has its emoji made, stores it, and says so by `asked`.
    """
    own = state.own_record
    earlier = [own.timestamp_s, *(request.record.timestamp_s for request in state.requests)]
    return record.make(
        seqno=own.seqno + 1,
        timestamp_s=max(now_ms // SECOND_MS, max(earlier) + 1),
        keys=state.device_keys.current.keys.public,
        description=own.description,
        platform=own.platform,
        version=own.version,
        extra=dict(own.extra),
    )


def link_key(state: DeviceGroup, group: GroupId, now_ms: int) -> bytes:
    """The key to which a request to a group is encrypted, 32 bytes. Raises DeviceGroupFault for groups not visible."""
    seen = state.visible(now_ms).get(group)
    if seen is None:
        raise DeviceGroupFault(
            "this group is not to be seen in the swarm", kind="policy.devices.no_group", retry=Retry.LATER
        )
    return seen.link_key


def asked(state: DeviceGroup, group: GroupId, made: DeviceRecord, emoji: EmojiString, now_ms: int) -> DeviceGroup:
    """After a request was made. A member that asks to switch stays what it is until the other group admits it.

    Raises DeviceGroupFault for a device that was removed or displaced: it must be renewed first.
    """
    if not state.own.live or state.displaced_ms is not None:
        raise DeviceGroupFault("this device must be renewed before it can join a group", kind="policy.devices.spent")
    request = OwnRequest(group, made, emoji, now_ms, now_ms + TTL_LINK_REQUEST_MS)
    noted = replace(state, requests=(*state.requests, request), held=None)
    if state.registered:
        return noted
    row = table.own_row(made, DeviceState.PENDING)
    return replace(noted, rows={**state.rows, state.own_id: row})


def confirm(state: DeviceGroup, request: OwnRequest, now_ms: int, random: RandomBytes) -> Change:
    """The user says that the emoji are the same on both devices. An admission that waited for this is applied."""
    confirmed = replace(request, confirmed=True)
    noted = replace(state, requests=tuple(confirmed if each == request else each for each in state.requests))
    held = noted.held
    if held is None or not any(_matches(noted, each, held) for each in noted.requests if each.confirmed):
        return Change(noted)
    return _admitted(noted, held, now_ms, random)


def consider(state: DeviceGroup, admission: Admission, now_ms: int, random: RandomBytes) -> Change:
    """A readable message of a group that we are no member of: an admission, or nothing at all."""
    answered = [request for request in state.requests if _matches(state, request, admission)]
    if any(request.confirmed for request in answered):
        return _admitted(state, admission, now_ms, random)
    if answered and answered[-1] is state.requests[-1]:
        return Change(replace(state, held=admission), (Event.ADMISSION_HELD,))
    return Change(state)


def lapsed(state: DeviceGroup, now_ms: int) -> DeviceGroup:
    """After time has passed: requests are remembered for 10 minutes and 30 days, prompts and messages until they
    expire.
    """
    requests = tuple(each for each in state.requests if now_ms - each.made_ms <= LINK_REQUEST_REMEMBERED_MS)
    prompts = tuple(each for each in state.prompts if each.expires_ms > now_ms)
    merged = {hash: at for hash, at in state.merged.items() if now_ms - at <= TTL_DEVICE_GROUP_MS}
    # A clock that jumps must not hide the groups that are there: their messages do not come twice.
    seen = state.visible(min(now_ms, state.deletion.now_ms))
    after = replace(state, requests=requests, prompts=prompts, merged=merged, seen=seen)
    waiting = any(request.deadline_ms > now_ms for request in requests)
    if state.own.state is DeviceState.PENDING and not waiting:
        row = table.own_row(state.own_record, DeviceState.UNREGISTERED)
        after = replace(after, rows={**state.rows, state.own_id: row})
    return after


def _matches(state: DeviceGroup, request: OwnRequest, admission: Admission) -> bool:
    admitted = admission.payload.devices.get(state.own_id)
    return isinstance(admitted, DeviceRecord) and request.admits(admission.group, admitted)


def _admitted(state: DeviceGroup, admission: Admission, now_ms: int, random: RandomBytes) -> Change:
    merged = table.merge({}, admission.payload.devices, now_ms // SECOND_MS)
    joined = replace(
        forgotten(state),
        rows=merged.table,
        account_keys=AccountKeys().merged(admission.payload.keys, state.deletion.now_s),
        group=admission.group,
        last_read_ms=admission.stored_ms,
        pushed_seqno=merged.table[state.own_id].seqno,
        broadcast=merged.broadcast,
        merged={admission.hash: admission.stored_ms},
        farewell=_farewell(state, now_ms, random) if state.active_member else state.farewell,
        ready=False,
    )
    if not merged.departed:
        return Change(joined, (Event.JOINED,))
    return Change(rotate(joined, now_ms, random), (Event.JOINED, Event.ROTATED))


def leave(state: DeviceGroup, now_ms: int, random: RandomBytes) -> DeviceGroup:
    """The user takes this device out of its group. It tells the others in its next push, and is then like one that was
    just restored, under a new id and with new keys.

    Fetch before and push after it at once: what it tells is written to the keys that the others have now. If they have
    deleted those before it is pushed, they go on listing the device, and one of them has to remove it.
    Raises DeviceGroupFault for a device that is no member, and before a fetch.
    """
    if not state.active_member or not state.ready or state.farewell is not None:
        raise DeviceGroupFault("this device cannot leave now", kind="policy.devices.leave", retry=Retry.LATER)
    return replace(renewed(state, now_ms, random), farewell=_farewell(state, now_ms, random), ready=False)


def _farewell(state: DeviceGroup, now_ms: int, random: RandomBytes) -> Farewell:
    """What the old group is told: that this device has left it, if anybody is there to read that."""
    rows = table.removed(state.rows, state.own_id, now_ms // SECOND_MS, left=True)
    if not table.members(rows):
        return Farewell(None, state.group, frozenset(state.merged))
    keys = state.account_keys
    if keys.active is None:
        keys = keys.rotated(Secret(random(KEY_SEED_SIZE)), now_ms // SECOND_MS)
    return Farewell(Payload(table.payload_devices(rows), tuple(keys)), state.group, frozenset(state.merged))
