"""A contact that speaks v2 by hand: its records, what it seals, and what it can open; and keys for a device."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from tests.conversations.engines import Device, store_of
from tests.unit.protocol.devices.people import Counted, account, account_pair
from veery.policy import device_group
from veery.policy.device_group import DeviceInfo
from veery.policy.own_record import OwnRecord
from veery.protocol import extension, message, message_v1, message_v2
from veery.protocol.account import Account
from veery.protocol.content import Content, DataMessage, Kind, decode, encode
from veery.protocol.devices import AccountRecord, HybridKeys, HybridPublic, account_record
from veery.protocol.extension import Extension
from veery.protocol.storage_rpc import Store
from veery.store.devices import Publishing
from veery.store.tables import Tables

HOUR, DAY = 3_600, 86_400  # seconds


@dataclass
class Peer:
    """A contact of a device, with the keys of its account."""

    device: Device
    account: Account = field(default_factory=lambda: account(7))
    keys: list[HybridKeys] = field(default_factory=lambda: [account_pair(70)])
    random: Counted = field(default_factory=lambda: Counted("peer"))
    rotated: int = 0

    @property
    def id(self) -> str:
        return self.account.account_id.hex

    @property
    def now_ms(self) -> int:
        return self.device.clock.now_ms()

    def record(self) -> AccountRecord:
        """Its record of now."""
        signed_s = self.now_ms // 1_000
        secret = self.account.x25519_secret
        raw = account_record.sign(
            self.keys[0].public, account_x25519_secret=secret, random=self.random, signed_s=signed_s
        )
        return account_record.open(raw, self.account.account_id.raw)

    def publish(self) -> AccountRecord:
        """Put its record of now into the swarm, in the place of the former one."""
        record = self.record()
        self.unpublish()
        self.device.swarm.put(self.account.account_id.raw, record.raw, namespace=-21)
        return record

    def rotate(self) -> AccountRecord:
        """New keys, published."""
        self.rotated += 1
        self.keys.insert(0, account_pair(70 + self.rotated))
        return self.publish()

    def withdraw(self) -> None:
        """Say, signed, that it publishes nothing."""
        raw = account_record.sign_withdrawal(
            account_x25519_secret=self.account.x25519_secret, random=self.random, signed_s=self.now_ms // 1_000
        )
        self.unpublish()
        self.device.swarm.put(self.account.account_id.raw, raw, namespace=-21)

    def unpublish(self) -> None:
        """The swarm hides its record."""
        for member in self.device.swarm.members:
            member.stored.pop((self.account.account_id.raw, -21), None)

    # -- what it sends -----------------------------------------------------------------------------------------

    def content(self, kind: Kind, extended: Extension | None = None) -> bytes:
        """A content of now."""
        self.device.clock.move(0.001)
        written = Content(kind, timestamp=self.now_ms)
        return encode(written if extended is None else extension.attach(written, extended))

    def seal(self, content: bytes, keys: HybridPublic) -> bytes:
        return message_v2.seal(content, **self._sealing(), keys=keys)

    def seal_fallback(self, content: bytes) -> bytes:
        return message_v2.seal_fallback(content, **self._sealing())

    def seal_v1(self, content: bytes) -> bytes:
        return message_v1.seal(content, **self._sealing(), timestamp_ms=decode(content).timestamp or 0)

    def _sealing(self) -> dict[str, Any]:
        return {
            "sender_ed25519_secret": self.account.ed25519_secret,
            "recipient": self.device.account.account_id.raw,
            "random": self.random,
        }

    async def deliver(self, data: bytes) -> None:
        """Put sealed bytes into the swarm of the device, which fetches them."""
        self.device.swarm.put(self.device.account.account_id.raw, data)
        await self.device.client.receiving.fetch()

    async def write(self, text: str, keys: HybridPublic | None, **extended: Any) -> None:
        """Send a text: v2 under keys, else v1."""
        content = self.content(DataMessage(body=text), Extension(**extended) if extended else None)
        await self.deliver(self.seal_v1(content) if keys is None else self.seal(content, keys))

    # -- what it gets ------------------------------------------------------------------------------------------

    def stored(self) -> list[bytes]:
        """Everything that the device ever tried to store for it, each once, in order."""
        requests = [request for client in self.device.clients for request in client.road.requests]  # type: ignore[attr-defined]
        own = self.account.account_id.raw
        return list(dict.fromkeys(each.data for each in requests if isinstance(each, Store) and each.account == own))

    def read(self) -> list[tuple[str, str, Extension | None]]:
        """What it got: level, text and extension."""
        found = []
        for data in self.stored():
            opened = message.open(data, self.account, self.keys)
            assert not isinstance(opened, message.UnknownVersion)
            level = "v1"
            if isinstance(opened, message_v2.OpenedMessage):
                level = "v2" if opened.pfs else "v2-fallback"
            content = decode(opened.content)
            text = content.kind.body or "" if isinstance(content.kind, DataMessage) else type(content.kind).__name__
            found.append((level, text, extension.find(content)))
        return found

    def texts(self) -> list[tuple[str, str]]:
        return [(level, text) for level, text, _ in self.read()]


async def equip(device: Device, *, publishes: bool) -> HybridKeys:
    """Give a device a group of its own, whose key other devices could read, and a record if it publishes."""
    now_ms, random = device.clock.now_ms(), Counted("own")
    state = device_group.generated(DeviceInfo("test", "c", 1), now_ms, random)
    state = replace(state, account_keys=state.account_keys.carried(key.seed for key in state.account_keys))
    active = state.account_keys.active
    assert active is not None
    keys = active.keys
    raw = account_record.sign(
        keys.public,
        account_x25519_secret=device.account.x25519_secret,
        random=random,
        signed_s=now_ms // 1_000,
    )
    record = account_record.open(raw, device.account.account_id.raw)

    def work(tables: Tables) -> None:
        tables.devices.save(state)
        if publishes:
            tables.devices.save_publishing(Publishing(OwnRecord(allowed=True).stored(record, now_ms), raw))
            tables.own_echoes.save(tables.own_echoes.get(whole=True).after_publishing(record, now_ms))

    await store_of(device.client).run(work)
    return keys


async def pump(device: Device) -> None:
    """Bring out what may go now, and what is tried again within the next minutes."""
    for _ in range(4):
        await device.client.pump.run_due()
        device.clock.move(5 * 60)
    await device.client.pump.run_due()


async def send(device: Device, to: str, text: str) -> int:
    """Write a text, and bring out what may go."""
    number = await device.client.sending.send_text(to, text)
    await pump(device)
    return number
