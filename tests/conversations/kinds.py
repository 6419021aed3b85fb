"""Every kind of message from one engine to another, and what both stores hold of it afterwards.

The parts know engines alone: the swarms behind them are in memory or real.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from tests.conversations.engines import Device, exchange, store_of
from veery.client.contents import control, outgoing
from veery.client.levels.notices import LEVEL_NOTICE
from veery.client.timestamps import next_timestamp
from veery.protocol.account import AccountId
from veery.protocol.content import (
    AttachmentPointer,
    CallMessage,
    CallType,
    CommunityInvitation,
    DataMessage,
    Kind,
    Preview,
    ProMessage,
    SharedConfig,
    SharedConfigKind,
    Unknown,
    decode,
    encode,
)
from veery.protocol.expiry_rules import DisappearingMode
from veery.store.message_values import Message
from veery.store.outbox import NewCopy
from veery.store.tables import Tables

UNKNOWN_FIELD = bytes.fromhex("f2010568656c6c6f")  # field 30 of a Content
POINTER = AttachmentPointer(
    url="http://files.example/file/7#d=", content_type="audio/aac", key=b"k" * 32, size=9, file_name="a.aac", flags=1
)
LINK = "https://page.example/x"


class Movable(Protocol):
    """A clock that a test moves."""

    def now_ms(self) -> int: ...

    def move(self, seconds: float) -> None: ...


@dataclass
class Pair:
    """Two engines, who have accepted each other. clock: of both and of the swarm."""

    clock: Movable
    one: Device
    other: Device

    def turned(self) -> Pair:
        return type(self)(self.clock, self.other, self.one)

    async def exchange(self) -> None:
        self.clock.move(1)
        await exchange(self.one, self.other)

    async def sees(self) -> list[dict[str, Any]]:
        """What the other side shows, oldest first."""
        shown = await self.other.client.conversations.shown(self.one.id, 100)
        return [each for each in reversed(shown) if each["kind"] != LEVEL_NOTICE]

    async def last(self) -> dict[str, Any]:
        return (await self.sees())[-1]

    async def number(self, text: str) -> int:
        """The other side's number of a text."""
        found = [each for each in await self.sees() if (each["text"], each["direction"]) == (text, "in")]
        return int(found[0]["id"])

    async def say(self, text: str, **options: Any) -> int:
        number = await self.one.client.sending.send_text(self.other.id, text, **options)
        await self.exchange()
        return number

    async def send_kind(self, kind: Kind, **common: Any) -> None:
        """Something that this client writes nowhere else, by its own outbox and swarm."""
        own, recipient = self.one.account.account_id, AccountId.from_hex(self.other.id)

        def work(tables: Tables) -> None:
            timestamp_ms = next_timestamp(tables, own, self.clock.now_ms())
            conversation = tables.conversations.get(self.other.id)
            assert conversation is not None
            copies: tuple[NewCopy, ...] = (control(recipient, kind, timestamp_ms),)
            if isinstance(kind, DataMessage):
                sent = outgoing(conversation, tables.accounts.get(), kind, timestamp_ms)
                copies = sent.copies(own, recipient)[:1]
            raw = decode(copies[0].content)
            changed = NewCopy(
                copies[0].role,
                recipient,
                0,
                timestamp_ms,
                copies[0].ttl_ms,
                encode(replace(raw, **common)),
            )
            tables.deliveries.queue_control([changed], self.clock.now_ms())

        await store_of(self.one.client).run(work)
        await self.exchange()


async def texts(pair: Pair) -> None:
    """Texts, mentions, quotes, previews, invitations, attachments."""
    first = await pair.say(f"hello @{pair.other.id}")
    assert (await pair.last())["mentions"][0]["own"] is True
    await pair.say("as I said", quote=first)
    assert (await pair.last())["quote"]["text"] == f"hello @{pair.other.id}"
    await pair.send_kind(DataMessage(body=f"see {LINK}", preview=(Preview(LINK, "A page", POINTER),)))
    preview = (await pair.last())["preview"]
    assert (preview["url"], preview["title"], preview["image"]["state"]) == (LINK, "A page", "remote")
    await pair.send_kind(DataMessage(community_invitation=CommunityInvitation(url="https://c.example/r", name="Room")))
    assert (await pair.last())["invitation"] == {"url": "https://c.example/r", "name": "Room"}
    await pair.send_kind(DataMessage(attachments=(POINTER,)))
    (attachment,) = (await pair.last())["attachments"]
    assert (attachment["name"], attachment["flags"], attachment["state"]) == ("a.aac", 1, "remote")


async def reactions(pair: Pair) -> None:
    """Put and taken away."""
    await pair.say("react to me")
    number = await pair.number("react to me")
    back = pair.turned()
    await back.one.client.reacting.react(number, "👍")
    await back.one.client.reacting.react(number, "🎉")
    await back.exchange()
    await back.one.client.reacting.react(number, "👍", remove=True)
    await back.exchange()
    shown = [each for each in await back.sees() if (each["text"], each["direction"]) == ("react to me", "out")]
    assert shown[0]["reactions"] == [{"emoji": "🎉", "sender": back.one.id}]


async def receipts_and_typing(pair: Pair) -> None:
    """Told, and heard."""
    number = await pair.say("read me")
    await pair.other.client.conversations.mark_read(pair.one.id)
    await pair.exchange()
    assert (await pair.one.client.conversations.view(number))["state"] == "read"
    stream = pair.other.client.events(await pair.other.client.events.last())
    await pair.one.client.typing.key_pressed(pair.other.id)
    await pair.exchange()
    await pair.one.client.typing.left(pair.other.id)
    await pair.exchange()
    heard = [each["action"] for each in [await anext(stream), await anext(stream)]]
    assert heard == ["started", "stopped"]


async def deletions(pair: Pair) -> None:
    """Taken back for everyone."""
    number = await pair.say("not for you")
    await pair.one.client.deleting.unsend(number)
    await pair.exchange()
    last = await pair.last()
    assert (last["deleted"], last["text"]) == ("everywhere", "")


async def timers(pair: Pair) -> None:
    """A timer, a message that obeys it, and the end of it."""
    await pair.one.client.timers.set(pair.other.id, DisappearingMode.AFTER_READ, 60)
    await pair.exchange()
    assert (await pair.last())["kind"] == "timer"
    number = await pair.say("for a minute")
    await pair.other.client.conversations.mark_read(pair.one.id)
    assert (await pair.last())["expires"] == pair.clock.now_ms() + 60_000
    pair.clock.move(60)
    for device in (pair.one, pair.other):
        await device.client._expiring.sweep()
    assert "for a minute" not in [each["text"] for each in await pair.sees()]
    assert await pair.one.read(lambda tables: tables.messages.get(number)) is None
    await pair.one.client.timers.set(pair.other.id, DisappearingMode.OFF)
    await pair.exchange()
    assert [(each["kind"], each["disappears"]) for each in await pair.sees() if each["kind"] == "timer"] == [
        ("timer", None)
    ]


async def notices(pair: Pair) -> None:
    """Screenshots, saved media, calls."""
    await pair.say("look")
    number = await pair.number("look")
    back = pair.turned()
    await back.one.client.notices.screenshot(back.other.id)
    await back.exchange()
    await back.one.client.notices.media_saved(number)
    await back.exchange()
    assert [each["kind"] for each in await back.sees()][-2:] == ["screenshot", "media_saved"]
    stream = pair.other.client.events(await pair.other.client.events.last())
    calls = [CallMessage(type_, f"call-{pair.one.id[:4]}", ("v=0",), (0,), ("0",)) for type_ in CallType]
    for call in calls:
        await pair.send_kind(call)
    heard: list[str] = []
    while len(heard) < len(calls):
        event = await anext(stream)
        if event["event"] == "call":
            heard.append(event["type"])
    assert heard == [each.name.lower() for each in CallType]
    assert (await pair.last())["kind"] == "missed_call"


async def unknown(pair: Pair) -> None:
    """Kept with their bytes, or with the message that they ride on; what nobody handles any more is dropped."""
    before = len(await pair.sees())
    await pair.send_kind(Unknown(UNKNOWN_FIELD))
    await pair.send_kind(SharedConfig(SharedConfigKind.CONTACTS, 1, b"x"))
    assert len(await pair.sees()) == before
    kept = await pair.other.read(lambda tables: tables.inbox.kept(10))
    assert [each.reason for each in kept] == ["content.unknown"]
    await pair.send_kind(DataMessage(body="of tomorrow"), other_fields=UNKNOWN_FIELD, pro_message=ProMessage())
    held = await _newest(pair)
    content = decode(held.content)
    assert (held.body, content.pro_message) == ("of tomorrow", ProMessage())
    assert content.other_fields.startswith(UNKNOWN_FIELD)  # peers of v2 add what they know of keys


async def _newest(pair: Pair) -> Message:
    found = await pair.other.read(lambda tables: tables.messages.newest(pair.one.id))
    assert found is not None
    return found


PARTS: Final[tuple[Callable[[Pair], Awaitable[None]], ...]] = (
    texts,
    reactions,
    receipts_and_typing,
    deletions,
    timers,
    notices,
    unknown,
)


async def get_acquainted(pair: Pair) -> None:
    """Switch on what is off by default, and accept each other."""
    for device in (pair.one, pair.other):
        for name in ("read-receipts", "typing"):
            await device.client.settings.set(name, "on")
    await pair.say("may I?")
    await pair.turned().say("you may")


async def check_all(pair: Pair, publishes: tuple[bool, bool]) -> None:
    """What both hold after everything. publishes: which of the two has published keys, so that it got v2."""
    for device, other in ((pair.one, pair.other), (pair.other, pair.one)):
        assert await device.client.outbox.listed() == ()
        await check_stores(device, other)
    for device, level in zip((pair.other, pair.one), publishes, strict=True):
        written = [each for each in await device.messages(_other(pair, device).id) if each.outgoing]
        assert {each.level for each in written} == {"v2" if level else "v1"}


def _other(pair: Pair, device: Device) -> Device:
    return pair.one if device is pair.other else pair.other


async def check_stores(sender: Device, receiver: Device) -> None:
    """Each message of one side that it still holds is on the other side, the same in everything that both know."""
    sent = [each for each in await sender.messages(receiver.id) if each.outgoing]
    came = {each.timestamp_ms: each for each in await receiver.messages(sender.id) if not each.outgoing}
    assert len(sent) >= 7
    for message in sent:
        there = came[message.timestamp_ms]
        assert (there.kind, there.body, there.author) == (message.kind, message.body, message.author)
        assert (there.deleted, there.expiration.timer_s) == (message.deleted, message.expiration.timer_s)
        assert there.storage_hash != message.storage_hash
        states = [
            each["state"] for each in await sender.events() if each["event"] == "state" and each["id"] == message.id
        ]
        assert states[:3] == ["queued", "sealed", "stored"]
    for device in (sender, receiver):
        seqs = [each["seq"] for each in await device.events()]
        assert seqs == list(range(1, len(seqs) + 1))
