"""What the user is told of the own devices: `device` events, each with what happened, to which device, and a text.

Whatever joins a group is told on all of its devices, for that is how a person notices a stranger (06.18.2).
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from veery.policy.device_group import Change, DeviceGroup, Event, Prompt
from veery.protocol.devices import DeviceRecord, DeviceState
from veery.protocol.devices.table import Row
from veery.store.tables import Tables

DEVICE_EVENT: Final = "device"
ID_SHOWN: Final = 8  # hex characters of a device id that people see


class Told(Enum):
    """What has happened. The value is its name for programs."""

    LINKED = "linked"  # another device has joined the group
    REMOVED = "removed"  # another device was removed
    LEFT = "left"  # another device has left by itself
    REQUESTED = "requested"  # a device asks to join
    JOINED = "joined"  # this device has joined
    ADMITTED = "admitted"  # a group has let this device in, and the user has to confirm the emoji here
    REMOVED_HERE = "removed_here"  # another device has removed this one
    DISPLACED = "displaced"  # another device has the place of this one
    FOREIGN = "foreign"  # what lies in the own outbox is not ours
    MISSING = "missing"  # what was published is gone
    WITHDRAWN = "withdrawn"  # somebody else has ended publishing


_OWN: Final = {
    Event.JOINED: Told.JOINED,
    Event.ADMISSION_HELD: Told.ADMITTED,
    Event.REMOVED: Told.REMOVED_HERE,
    Event.DISPLACED: Told.DISPLACED,
}
_TEXTS: Final = {
    Told.LINKED: (
        "The device {name} ({id}) was linked to your account, and reads your messages from now on. If that was not you,"
        " run `veery device remove {id}`"
    ),
    Told.REMOVED: "The device {name} ({id}) was removed from your account",
    Told.LEFT: "The device {name} ({id}) has left your account's devices",
    Told.JOINED: "This device is linked to your account's other devices",
    Told.ADMITTED: (
        "The other device has let this one in. Compare the emoji on both, then run `veery device confirm` here"
    ),
    Told.REMOVED_HERE: (
        "Another device of your account has removed this one: it gets no new keys. `veery device link` asks to join"
        " again"
    ),
    Told.DISPLACED: (
        "Another device has taken the place of this one. If you did not restore this profile somewhere else, somebody"
        " may have copied it. `veery device link` asks to join again"
    ),
    Told.FOREIGN: (
        "Someone with your recovery phrase may be intercepting your messages: keys were published for your account that"
        " belong to none of your linked devices. If no earlier device of yours has left them, move to a new account"
    ),
    Told.MISSING: (
        "The keys that this device has published are gone from the network, without your doing; they are published"
        " again. Someone with your recovery phrase, or the nodes that hold them, may have removed them"
    ),
    Told.WITHDRAWN: (
        "Someone with your recovery phrase has switched off the publishing of your keys; this device publishes them"
        " again. If you did it on another device, run `veery device publish --stop` here too"
    ),
}


def tell(tables: Tables, before: DeviceGroup, change: Change, now_ms: int, emoji: str | None = None) -> None:
    """Write events for what a change means to the user. now_ms: local time; emoji: of a new request."""
    after = change.state
    for event in change.events:
        if event in _OWN:
            say(tables, _OWN[event], after.own_id, after.own.record, now_ms, own=True)
    for prompt in after.prompts:
        if prompt not in before.prompts and not prompt.ignored and emoji is not None:
            _say_request(tables, prompt, emoji, now_ms)
    if before.registered and after.registered:
        _tell_rows(tables, before, after, now_ms)


def _tell_rows(tables: Tables, before: DeviceGroup, after: DeviceGroup, now_ms: int) -> None:
    for device, row in after.rows.items():
        told = None if device == after.own_id else _news(before.rows.get(device), row)
        if told is not None:
            say(tables, told, device, row.record, now_ms)


def _news(was: Row | None, row: Row) -> Told | None:
    member = was is not None and was.state is DeviceState.REGISTERED
    if row.state is DeviceState.REGISTERED:
        return None if member else Told.LINKED
    if not member or row.live:
        return None
    return Told.REMOVED if row.state is DeviceState.REMOVED else Told.LEFT


def say(
    tables: Tables, told: Told, device: bytes, record: DeviceRecord | None, now_ms: int, *, own: bool = False
) -> None:
    """Write one event. own: it is about this device."""
    name = _name(record)
    text = _TEXTS[told].format(name=name, id=device.hex()[:ID_SHOWN])
    fields = {"change": told.value, "device": device.hex(), "name": name, "own": own, "text": text}
    tables.events.append(DEVICE_EVENT, fields, now_ms)


def warn(tables: Tables, told: Told, now_ms: int) -> None:
    """Write a warning about what lies in the own outbox (06.18.4 R5)."""
    tables.events.append(DEVICE_EVENT, {"change": told.value, "warning": True, "text": _TEXTS[told]}, now_ms)


def _say_request(tables: Tables, prompt: Prompt, emoji: str, now_ms: int) -> None:
    request = prompt.request
    name, short = _name(request.record), request.device.hex()[:ID_SHOWN]
    what = "to replace the device of this id" if prompt.replaces else "to be linked to your account"
    text = (
        f"The device {name} ({short}) asks {what}. It shows {emoji}: only if it lies before you and shows the same, run"
        f" `veery device approve {short}`; else `veery device ignore {short}`"
    )
    fields = {
        "change": Told.REQUESTED.value,
        "device": request.device.hex(),
        "name": name,
        "own": False,
        "replaces": prompt.replaces,
        "emoji": emoji,
        "expires_at": prompt.expires_ms,
        "text": text,
    }
    tables.events.append(DEVICE_EVENT, fields, now_ms)


def _name(record: DeviceRecord | None) -> str:
    return "without a name" if record is None or not record.description else record.description
