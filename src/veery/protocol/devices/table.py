"""The devices that one device knows, and how messages change what it knows (06.5.3).

A row is only ever replaced by one of a higher rank, or of the same rank and later: a pending applicant by a member, a
member by its newer record, any of them by its removal. So devices that see the same messages agree, in whatever order.
A removed id never comes back: a live record for it is refused, and the removal is said again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from typing import TypeAlias

from veery.protocol.constants import GROUP_SLOTS_STEP
from veery.protocol.devices.payload import Device, Gone
from veery.protocol.devices.record import DeviceRecord


class DeviceState(IntEnum):
    """Rank of a row; never sent. A higher rank wins."""

    UNREGISTERED = 0  # the own row before joining
    PENDING = 1  # its link request was seen
    REGISTERED = 2  # member
    LEFT = 3  # departed by itself
    REMOVED = 4  # kicked by another device


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one device. digest: of the record as it came, None for a record that the own device wrote;
    gone_s: when it left or was removed, unix seconds; record: None when only its removal is known.
    """

    state: DeviceState
    seqno: int
    digest: bytes | None
    record: DeviceRecord | None
    gone_s: int | None = None

    @property
    def live(self) -> bool:
        """Whether it has not left and was not removed."""
        return self.state < DeviceState.LEFT


Table: TypeAlias = Mapping[bytes, Row]  # by device id


@dataclass(frozen=True, slots=True)
class Merged:
    """What a group message did. broadcast: ids that the next push must carry; departed: a device has left by itself,
    so every member rotates the account key.
    """

    table: Table = field(repr=False)
    broadcast: frozenset[bytes]
    departed: bool


class RequestVerdict(Enum):
    """What a link request means to a member."""

    IGNORE = "ignore"  # the own id, an id that is spent, a replay
    PROMPT = "prompt"  # ask the user whether the device may join
    PROMPT_REPLACE = "prompt_replace"  # the same, and say that it replaces a device that is a member


def merge(table: Table, devices: Mapping[bytes, Device], now_s: int) -> Merged:
    """Merge the devices of a group message."""
    after = dict(table)
    broadcast: set[bytes] = set()
    departed = False
    for device, arrival in devices.items():
        held = table.get(device)
        row = _row_after(held, arrival, now_s)
        if row is None:
            continue
        after[device] = row
        was = DeviceState.UNREGISTERED if held is None else held.state
        refused = isinstance(arrival, DeviceRecord) and not row.live
        if refused or _is_news(was, row.state):
            broadcast.add(device)
        departed = departed or (was < DeviceState.LEFT and row.state is DeviceState.LEFT)
    return Merged(after, frozenset(broadcast), departed)


def receive_request(table: Table, own_id: bytes, device: bytes, record: DeviceRecord) -> tuple[Table, RequestVerdict]:
    """What a member makes of a link request (06.8.4); the table with the applicant as pending."""
    held = table.get(device)
    if device == own_id or (held is not None and held.state not in (DeviceState.PENDING, DeviceState.REGISTERED)):
        return table, RequestVerdict.IGNORE
    if held is not None and held.state is DeviceState.REGISTERED:
        later = held.record is None or record.timestamp_s > held.record.timestamp_s
        return table, RequestVerdict.PROMPT_REPLACE if later else RequestVerdict.IGNORE
    row = live_row(record, DeviceState.PENDING)
    if held is not None and not _replaces(row, held):
        return table, RequestVerdict.IGNORE
    return {**table, device: row}, RequestVerdict.PROMPT


def live_row(record: DeviceRecord, state: DeviceState) -> Row:
    """The row of a record that came in a message, or was written anew for another device."""
    return Row(state, record.seqno, record.digest, record)


def own_row(record: DeviceRecord, state: DeviceState) -> Row:
    """The row of a record that the own device wrote: no copy of equal sequence number replaces it."""
    return Row(state, record.seqno, None, record)


def removed(table: Table, device: bytes, now_s: int, *, left: bool = False) -> Table:
    """The table after a live device was removed, or has left."""
    state = DeviceState.LEFT if left else DeviceState.REMOVED
    return {**table, device: replace(table[device], state=state, gone_s=now_s)}


def members(table: Table) -> dict[bytes, DeviceRecord]:
    """The records of all registered devices, by id."""
    return {
        device: row.record
        for device, row in table.items()
        if row.state is DeviceState.REGISTERED and row.record is not None
    }


def payload_devices(table: Table) -> dict[bytes, Device]:
    """What a group message carries: members, and as many of the latest removals as there are slots (06.5.2)."""
    written: dict[bytes, Device] = dict(members(table))
    slots = slot_count(len(written))
    gone = {
        device: Gone(row.gone_s, left=row.state is DeviceState.LEFT)
        for device, row in table.items()
        if row.gone_s and not row.live
    }
    latest = sorted(gone, key=lambda device: (-gone[device].time_s, device))[:slots]
    return written | {device: gone[device] for device in latest}


def slot_count(devices: int) -> int:
    """Slots of a group message for so many members: the next multiple of four."""
    return -(-devices // GROUP_SLOTS_STEP) * GROUP_SLOTS_STEP


def _row_after(held: Row | None, arrival: Device, now_s: int) -> Row | None:
    """The row that an arrival leads to, or None when it changes nothing."""
    if isinstance(arrival, Gone):
        return _gone_after(held, arrival)
    if held is not None and not held.live:
        return replace(held, gone_s=now_s)
    row = live_row(arrival, DeviceState.REGISTERED)
    return row if held is None or _replaces(row, held) else None


def _gone_after(held: Row | None, arrival: Gone) -> Row | None:
    state = DeviceState.LEFT if arrival.left else DeviceState.REMOVED
    if held is None:
        return Row(state, 0, None, None, arrival.time_s)
    if (state, arrival.time_s) <= (held.state, held.gone_s or 0):
        return None
    return replace(held, state=state, gone_s=arrival.time_s)


def _replaces(row: Row, held: Row) -> bool:
    if (row.state, row.seqno) != (held.state, held.seqno):
        return (row.state, row.seqno) > (held.state, held.seqno)
    return held.digest is not None and row.digest is not None and row.digest > held.digest


def _is_news(was: DeviceState, state: DeviceState) -> bool:
    if state is DeviceState.REGISTERED:
        return was is not DeviceState.REGISTERED
    return was is DeviceState.REGISTERED
