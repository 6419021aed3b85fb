"""Link previews from one engine to another: made by the sender, through the proxy, and only when wanted."""

from __future__ import annotations

import asyncio
import io
import ssl
from pathlib import Path

import pytest
from PIL import Image

from tests.conversations.engines import exchange, make_device
from tests.conversations.memory_swarm import MemorySwarm
from tests.network.socks5 import socks5
from tests.network.tls_guard import Heard, guard, ok, says
from veery.client.previews import Previews
from veery.fileserver.server import FileServerService
from veery.fileserver.settings import FileServerSettings
from veery.network.proxy import Proxy
from veery.protocol.onion import ServerDestination, ServerReply, ServerRequest
from veery.runtime.clock import ManualClock

pytestmark = pytest.mark.network
LINK = "https://page.example/a"


async def test_the_sender_alone_asks_and_only_when_it_is_switched_on(tmp_path: Path) -> None:
    clock = ManualClock()
    swarm = MemorySwarm(clock)
    alice = await make_device(tmp_path, swarm, clock, "alice", 1)
    bob = await make_device(tmp_path, swarm, clock, "bob", 2)
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    page = ok(b"<title>A page</title>", "Content-Type: text/html")
    async with guard(says(page)) as server, socks5(names={"page.example": ("127.0.0.1", server.port)}) as proxy:
        sending = alice.client.sending
        sending.previews = Previews(alice.client._core, Proxy("127.0.0.1", proxy.port), trust)
        await sending.send_text(bob.id, f"off: {LINK}")
        assert server.connections == 0
        await alice.client.settings.set("link-previews", "on")
        await sending.send_text(bob.id, f"see http://plain.example or {LINK}.")
        await sending.send_text(bob.id, "no link")
        assert server.connections == 1
        await exchange(alice, bob)
        for device, other in ((alice, bob.id), (bob, alice.id)):
            shown = await device.client.conversations.shown(other, 10)
            previews = [each["preview"] for each in reversed(shown) if each["kind"] == "text"]
            assert previews == [None, {"url": LINK, "title": "A page", "image": None}, None]
        assert server.connections == 1
        sending.previews = Previews(alice.client._core, None, trust)
        await sending.send_text(bob.id, f"no proxy: {LINK}")
        sending.previews = Previews(alice.client._core, Proxy("127.0.0.1", 1), trust)
        await sending.send_text(bob.id, f"dead proxy: {LINK}")
        assert server.connections == 1
        assert (await alice.texts(bob.id))[-1] == f"dead proxy: {LINK}"
    for device in (alice, bob):
        await device.client.close()


async def test_a_picture_of_the_page_goes_over_the_file_server(tmp_path: Path) -> None:
    clock = ManualClock()
    swarm = MemorySwarm(clock)
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "SECRET MAKER"
    Image.new("RGB", (1_200, 630), "green").save(file, "JPEG", exif=exif)

    async def speak(heard: Heard, writer: asyncio.StreamWriter) -> bool:
        page = b"<meta property='og:image' content='https://page.example/p.jpg'><title>A page</title>"
        picture = heard.line.startswith("GET /p.jpg")
        writer.write(
            ok(file.getvalue(), "Content-Type: image/jpeg") if picture else ok(page, "Content-Type: text/html")
        )
        await writer.drain()
        return True

    async with FileServerService(FileServerSettings(port=0), tmp_path / "server", clock=clock) as files:

        async def answer(to: ServerDestination, request: ServerRequest) -> ServerReply:
            return await files._endpoints.handle(request, "memory")

        alice = await make_device(tmp_path, swarm, clock, "alice", 1)
        bob = await make_device(tmp_path, swarm, clock, "bob", 2)
        alice.road.server = bob.road.server = answer
        await alice.client.settings.set("link-previews", "on")
        async with guard(speak) as server, socks5(names={"page.example": ("127.0.0.1", server.port)}) as proxy:
            alice.client.sending.previews = Previews(alice.client._core, Proxy("127.0.0.1", proxy.port), trust)
            await alice.client.sending.send_text(bob.id, f"see {LINK}")
        await exchange(alice, bob)
        for device, other, state in ((alice, bob.id, "stored"), (bob, alice.id, "remote")):
            (shown,) = [each for each in await device.client.conversations.shown(other, 10) if each["kind"] == "text"]
            image = shown["preview"]["image"]
            assert (shown["attachments"], shown["preview"]["title"]) == ([], "A page")
            assert (image["state"], image["width"], image["height"]) == (state, 640, 336)
            _, data = await device.client.attachments.content(image["id"])
            assert b"SECRET" not in data
            with Image.open(io.BytesIO(data)) as picture:
                assert (picture.format, picture.size) == ("JPEG", (640, 336))
            (listed,) = await device.client.attachments.list(other)
            assert (listed["preview"], listed["thumbnail"], listed["state"]) == (True, True, "stored")
            await device.client.conversations.delete_message(shown["id"])
            await device.client.storage.sweep()
            assert (await device.client.storage.show()).files == 0
        for device in (alice, bob):
            await device.client.close()
