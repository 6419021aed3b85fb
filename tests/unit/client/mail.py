"""Messages of strangers and of other clients, put into a swarm."""

from __future__ import annotations

from typing import Any

from tests.conversations.engines import Device
from veery.protocol import message_v1
from veery.protocol.account import Account
from veery.protocol.content import Content, Kind, encode
from veery.runtime.randomness import random_bytes


def sealed(sender: Account, device: Device, kind: Kind, timestamp_ms: int, **common: Any) -> bytes:
    """A content of `sender` for the account of a device, as it lies in the swarm."""
    content = Content(kind, timestamp=common.pop("signed_ms", timestamp_ms), **common)
    return message_v1.seal(
        encode(content),
        sender_ed25519_secret=sender.ed25519_secret,
        recipient=device.account.account_id.raw,
        timestamp_ms=timestamp_ms,
        random=random_bytes,
    )


async def deliver(sender: Account, device: Device, kind: Kind, timestamp_ms: int | None = None, **common: Any) -> str:
    """Put a content into the swarm and let the device fetch it; gives its hash."""
    if timestamp_ms is None:
        device.clock.move(0.001)
        timestamp_ms = device.clock.now_ms()
    name = device.swarm.put(device.account.account_id.raw, sealed(sender, device, kind, timestamp_ms, **common))
    await device.client.receiving.fetch()
    return name


async def kinds(device: Device) -> list[str]:
    """The durable events of a device, by kind."""
    return [event["event"] for event in await device.events()]
