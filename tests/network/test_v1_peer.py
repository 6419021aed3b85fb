"""An engine beside a peer made from the book alone, that knows protocol v1 and nothing else (02, 09.2).

Both talk over real nodes and a real file server. What the engine stores of the peer's messages is looked at in its
store; what it sends is taken from the peer's swarm and read byte by byte.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.network.by_hand import retrieve
from tests.network.by_hand_messages import (
    CALL,
    DATA,
    EXPIRATION_TIMER,
    EXPIRATION_TYPE,
    EXTRACTION,
    RECEIPT,
    RESPONSE,
    TYPING,
    UNSEND,
    Opened,
    Peer,
    attachment_opened,
    attachment_sealed,
    data_message,
    fixed64,
    opened,
    parsed,
    pb,
)
from tests.network.labs import Lab, lab_of
from veery.client import profile as profiles
from veery.client.attachments import Attached
from veery.client.client import Client
from veery.protocol.account import Account
from veery.protocol.expiry_rules import DisappearingMode
from veery.registry.network_file import NetworkFile
from veery.runtime.randomness import random_bytes
from veery.store.keys import KeyFile

pytestmark = [pytest.mark.network, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]
UNKNOWN_FIELD = (30, b"of tomorrow")


@dataclass
class Talk:
    """The engine, the peer, and the swarm that both use."""

    lab: Lab
    client: Client
    peer: Peer

    @property
    def other(self) -> str:
        """The peer's Account ID."""
        return self.peer.who.id

    async def peer_sends(self, *kind: tuple[int, int | str | bytes], at: int | None = None) -> int:
        """Store a message for the engine and let it fetch; gives T."""
        timestamp = self.peer.next_timestamp() if at is None else at
        answer = await self.lab.https(1).rpc("store", self.peer.store_to(self.client.account.hex, timestamp, *kind))
        assert answer.code == 200, answer.text
        await self.client.receiving.fetch()
        return timestamp

    async def peer_reads(self) -> list[Opened]:
        """What has come for the peer since it last looked, in the order of T."""
        await self.client.pump.run_due()
        answer = await self.lab.https(1).rpc("retrieve", retrieve(self.peer.who))
        found = []
        for each in answer.value["messages"]:
            if each["hash"] not in self.peer.seen:
                self.peer.seen.add(each["hash"])
                found.append(opened(base64.b64decode(each["data"]), self.peer.who))
        assert all(each.sender == self.client.account.hex for each in found)
        return sorted(found, key=lambda each: each.timestamp)

    async def peer_reads_one(self) -> Opened:
        (found,) = await self.peer_reads()
        return found

    async def shown(self) -> list[dict[str, Any]]:
        """The conversation as the engine shows it, oldest first."""
        return [*reversed(await self.client.conversations.shown(self.other, 100))]

    async def last(self) -> dict[str, Any]:
        return (await self.shown())[-1]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    async with lab_of(Path(tmp_path_factory.mktemp("v1")), 6) as lab:
        yield lab


@asynccontextmanager
async def talking(lab: Lab, directory: Path) -> AsyncIterator[Talk]:
    """An engine with keys of v2, and a peer that was written to and has accepted."""
    network = lab.network.network_file.read_text()
    account = Account.create(random_bytes)
    profile = await profiles.create(directory / "alice", account, "Alice", network, KeyFile(directory / "key"))
    async with await Client.open(profile) as client:
        await client.devices.sync()
        for name in ("read-receipts", "typing"):
            await client.settings.set(name, "on")
        talk = Talk(lab, client, Peer())
        await client.sending.send_text(talk.other, "may I?")
        await talk.peer_reads()
        response = pb((1, 1), (3, pb((1, "Hand"), (3, 1_700_000_000))))
        await talk.peer_sends((RESPONSE, response))
        yield talk


async def test_what_the_peer_writes_is_kept(running: Lab, tmp_path: Path) -> None:
    async with talking(running, tmp_path) as talk:
        own = talk.client.account.hex
        first = await talk.peer_sends(*data_message((1, "hello"), (101, pb((1, "Handy"), (3, 1_700_000_001)))))
        assert ((await talk.last())["text"], (await talk.last())["protocol"]) == ("hello", "v1")
        conversation = await talk.client.conversations.get(talk.other)
        assert (conversation.title, conversation.approved_me) == ("Handy", True)
        quote = pb((1, first), (2, talk.other), (3, "what it never said"))
        await talk.peer_sends(*data_message((1, "as I said"), (8, quote)))
        assert (await talk.last())["quote"]["text"] == "hello"
        preview = pb((1, "https://page.example/x"), (2, "A page"))
        await talk.peer_sends(*data_message((1, "see https://page.example/x"), (10, preview)))
        assert (await talk.last())["preview"] == {"url": "https://page.example/x", "title": "A page", "image": None}
        await talk.peer_sends(*data_message((102, pb((1, "https://c.example/r?public_key=ab"), (3, "Room")))))
        assert (await talk.last())["invitation"]["name"] == "Room"

        number = await talk.client.sending.send_text(talk.other, "react to me")
        (mine,) = await talk.peer_reads()
        for emoji, action in (("👍", 0), ("🎉", 0), ("👍", 1)):
            reaction = pb((1, mine.timestamp), (2, own), (3, emoji), (4, action))
            await talk.peer_sends(*data_message((11, reaction)))
        assert (await talk.client.conversations.view(number))["reactions"] == [{"emoji": "🎉", "sender": talk.other}]
        assert (await talk.client.conversations.view(number))["state"] == "stored"
        await talk.peer_sends((RECEIPT, pb((1, 1), (2, mine.timestamp))))
        assert (await talk.client.conversations.view(number))["state"] == "read"

        stream = talk.client.events(await talk.client.events.last())
        for action in (0, 1):
            at = talk.peer.next_timestamp()
            await talk.peer_sends((TYPING, pb((1, at), (2, action))), at=at)
        assert [(await anext(stream))["action"] for _ in range(2)] == ["started", "stopped"]
        await talk.peer_sends((EXTRACTION, pb((1, 1))), (EXPIRATION_TYPE, 0), (EXPIRATION_TIMER, 0))
        await talk.peer_sends(
            (EXTRACTION, pb((1, 2), (2, mine.timestamp))), (EXPIRATION_TYPE, 0), (EXPIRATION_TIMER, 0)
        )
        assert [each["kind"] for each in await talk.shown()][-2:] == ["screenshot", "media_saved"]
        offer = pb((1, 1), (2, "v=0"), (3, 0), (4, "0"), (5, "call-1"))
        for call in (pb((1, 6), (5, "call-1")), offer, pb((1, 5), (5, "call-1"))):
            await talk.peer_sends((CALL, call), (EXPIRATION_TYPE, 0), (EXPIRATION_TIMER, 0))
        assert (await talk.last())["kind"] == "missed_call"

        gone = await talk.peer_sends(*data_message((1, "not for you")))
        await talk.peer_sends((UNSEND, pb((1, gone), (2, talk.other))))
        assert ((await talk.last())["deleted"], (await talk.last())["text"]) == ("everywhere", "")

        await talk.peer_sends((DATA, pb((4, 2))), (EXPIRATION_TYPE, 2), (EXPIRATION_TIMER, 86_400))
        assert (await talk.last())["disappears"] == {"mode": "after_send", "seconds": 86_400}
        timed = await talk.peer_sends((DATA, pb((1, "for a day"))), (EXPIRATION_TYPE, 2), (EXPIRATION_TIMER, 86_400))
        assert abs((await talk.last())["expires"] - timed - 86_400_000) < 1_000  # local time is not network time

        await talk.peer_sends(*data_message((1, "of tomorrow")), UNKNOWN_FIELD)
        held = (await talk.client.read(lambda tables: tables.messages.newest(talk.other))) or pytest.fail("not there")
        assert parsed(held.content)[30] == [b"of tomorrow"]
        before = len(await talk.shown())
        await talk.peer_sends(UNKNOWN_FIELD)
        assert len(await talk.shown()) == before


async def test_files_of_the_peer_are_read_and_own_ones_are_read_by_it(running: Lab, tmp_path: Path) -> None:
    async with talking(running, tmp_path) as talk, aiohttp.ClientSession() as session:
        server = NetworkFile.load(running.network.network_file).file_server
        assert server is not None
        assert server.key is not None
        note = b"a note of the peer " * 100
        blob, keys, digest = attachment_sealed(note)
        async with session.post(f"{server.url}/file", data=blob) as answer:
            uploaded = json.loads(await answer.read())["id"]
        url = f"{server.url}/file/{uploaded}#p={server.key.hex()}"
        pointer = fixed64(1, 0) + pb(
            (2, "text/plain"), (3, keys), (4, len(note)), (6, digest), (7, "note.txt"), (8, 0), (101, url)
        )
        await talk.peer_sends(*data_message((2, pointer)))
        (file,) = (await talk.last())["attachments"]
        assert (file["name"], file["size"]) == ("note.txt", len(note))
        assert await talk.client.attachments.content(file["id"]) == ("note.txt", note)

        await talk.client.sending.send(talk.other, "mine", files=[Attached(b"own note", "text/plain", "own.txt")])
        await talk.client.attachments.uploads.run_due()
        data = (await talk.peer_reads_one()).inner(DATA)
        (own,) = [parsed(each) for each in data[2]]
        assert (own[2], own[7], own[4]) == ([b"text/plain"], [b"own.txt"], [len(b"own note")])
        address = own[101][0].decode()
        async with session.get(address.partition("#")[0]) as answer:
            assert attachment_opened(await answer.read(), own) == b"own note"


async def test_what_the_engine_writes_is_what_the_book_says(running: Lab, tmp_path: Path) -> None:
    async with talking(running, tmp_path) as talk:
        client, own = talk.client, talk.client.account.hex
        number = await client.sending.send_text(talk.other, "hello")
        hello = await talk.peer_reads_one()
        assert (hello.inner(DATA)[1], hello.content[EXPIRATION_TYPE], hello.content[EXPIRATION_TIMER]) == (
            [b"hello"],
            [0],
            [0],
        )
        assert parsed(hello.inner(DATA)[101][0])[1] == [b"Alice"]
        assert (await client.sending.get(number)).level == "v1"
        assert hello.timestamp == (await client.sending.get(number)).timestamp_ms

        theirs = await talk.peer_sends(*data_message((1, "answer me")))
        seen = (await talk.last())["id"]
        await client.sending.send_text(talk.other, "answered", quote=seen)
        quote = parsed((await talk.peer_reads_one()).inner(DATA)[8][0])
        assert (quote[1], quote[2]) == ([theirs], [talk.other.encode()])

        await client.reacting.react(seen, "👍")
        reaction = parsed((await talk.peer_reads_one()).inner(DATA)[11][0])
        assert reaction == {1: [theirs], 2: [talk.other.encode()], 3: ["👍".encode()], 4: [0]}

        await client.conversations.mark_read(talk.other)
        receipt = await talk.peer_reads_one()
        assert receipt.inner(RECEIPT)[1] == [1]
        assert theirs in receipt.inner(RECEIPT)[2]
        assert EXPIRATION_TYPE not in receipt.content

        await client.typing.key_pressed(talk.other)
        typing = await talk.peer_reads_one()
        assert typing.inner(TYPING) == {1: [typing.timestamp], 2: [0]}

        await client.notices.screenshot(talk.other)
        await client.notices.media_saved(seen)
        assert [each.inner(EXTRACTION)[1] for each in await talk.peer_reads()] == [[1], [2]]

        await client.deleting.unsend(number)
        unsend = (await talk.peer_reads_one()).inner(UNSEND)
        assert unsend == {1: [hello.timestamp], 2: [own.encode()]}

        await client.timers.set(talk.other, DisappearingMode.AFTER_SEND, 86_400)
        timer = await talk.peer_reads_one()
        assert timer.inner(DATA)[4] == [2]
        assert (timer.content[EXPIRATION_TYPE], timer.content[EXPIRATION_TIMER]) == ([2], [86_400])
        assert 101 not in timer.inner(DATA)
        await client.sending.send_text(talk.other, "for a day")
        timed = await talk.peer_reads_one()
        assert (timed.content[EXPIRATION_TYPE], timed.content[EXPIRATION_TIMER]) == ([2], [86_400])
