"""The own devices as plain values: what `veery device list` and programs see. Times are network time, ms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from veery.policy import device_linking
from veery.policy.device_group import DeviceGroup, OwnRequest, Prompt, SeenGroup
from veery.policy.device_membership import Membership, membership
from veery.protocol.constants import SECOND_MS
from veery.protocol.devices import DeviceState, GroupId
from veery.protocol.devices.emoji import EmojiString
from veery.protocol.devices.table import Row
from veery.store.devices import Publishing

Json = Mapping[str, Any]
_FINGERPRINT: Final = 8  # bytes of a public key that are shown
_PART: Final = 1_000


@dataclass(frozen=True, slots=True)
class DevicesView:
    """Everything. fields: as JSON."""

    membership: Membership
    fields: Json = field(repr=False)

    @classmethod
    def of(cls, state: DeviceGroup, publishing: Publishing, now_ms: int) -> DevicesView:
        """As it is now. Makes emoji, which takes some milliseconds each: not in the event loop."""
        standing = membership(state, now_ms)
        visible = state.visible(now_ms)
        request = state.requests[-1] if state.requests else None
        fields = {
            "membership": standing.value,
            "device": state.own_id.hex(),
            "group": None if state.group is None or not state.registered else _group(state.group),
            "devices": [device_view(state, device, row) for device, row in _shown(state)],
            "requests": [prompt_view(each) for each in device_linking.shown_prompts(state, now_ms)],
            "groups": [_seen(group, seen) for group, seen in sorted(visible.items(), key=lambda each: each[0].raw)],
            "own_request": None if request is None else request_view(request, state),
            "keys": _keys(state),
            "publishing": {
                "allowed": publishing.state.allowed,
                "published": publishing.state.published is not None and publishing.raw is not None,
                "published_at": publishing.state.published_ms,
                "warning": publishing.warning,
            },
        }
        return cls(standing, fields)


def _shown(state: DeviceGroup) -> list[tuple[bytes, Row]]:
    """The members, this device first; a device that is no member shows itself alone."""
    own = (state.own_id, state.own)
    others = [
        each for each in state.rows.items() if each[0] != state.own_id and each[1].state is DeviceState.REGISTERED
    ]
    return [own, *others] if state.registered else [own]


def device_view(state: DeviceGroup, device: bytes, row: Row) -> Json:
    """One device."""
    record = row.record
    return {
        "id": device.hex(),
        "own": device == state.own_id,
        "linked": row.state is DeviceState.REGISTERED,
        "name": "" if record is None else record.description,
        "platform": "" if record is None else record.platform,
        "version": "" if record is None else _version(record.version),
        "changed_at": None if record is None else record.timestamp_s * SECOND_MS,
    }


def prompt_view(prompt: Prompt) -> Json:
    """The request of another device."""
    request = prompt.request
    return {
        "id": request.device.hex(),
        "name": request.record.description,
        "platform": request.record.platform,
        "version": _version(request.record.version),
        "asked_at": request.record.timestamp_s * SECOND_MS,
        "expires_at": prompt.expires_ms,
        "replaces": prompt.replaces,
        **emoji_view(request.emoji()),
    }


def request_view(request: OwnRequest, state: DeviceGroup) -> Json:
    """The request of this device. admitted: the other side has let it in, and the emoji are to be confirmed here."""
    return {
        "group": request.group.raw.hex(),
        "asked_at": request.made_ms,
        "expires_at": request.deadline_ms,
        "confirmed": request.confirmed,
        "admitted": state.held is not None,
        **emoji_view(request.emoji),
    }


def emoji_view(emoji: EmojiString) -> Json:
    """Emoji that are compared, with their English names."""
    return {"emoji": emoji.short, "emoji_names": [*emoji.names[: emoji.shown]]}


def _seen(group: GroupId, seen: SeenGroup) -> Json:
    return {**_group(group), "newest_at": seen.newest_ms}


def _group(group: GroupId) -> Json:
    return {
        "id": group.raw.hex(),
        "created_at": group.created_s * SECOND_MS,
        **emoji_view(group.emoji),
    }


def _keys(state: DeviceGroup) -> Json:
    """The active account key by the beginning of its public one; held: how many seeds open messages."""
    active = state.account_keys.active
    return {
        "active": None if active is None else active.keys.public.x25519[:_FINGERPRINT].hex(),
        "created_at": None if active is None else active.created_s * SECOND_MS,
        "held": len(state.account_keys),
    }


def _version(version: int) -> str:
    return f"{version // _PART**2}.{version // _PART % _PART}.{version % _PART}" if version else ""
