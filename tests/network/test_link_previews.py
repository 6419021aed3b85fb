"""Link previews from one engine to another: made by the sender, through the proxy, and only when wanted."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tests.conversations.engines import exchange, make_device
from tests.conversations.memory_swarm import MemorySwarm
from tests.network.socks5 import socks5
from tests.network.tls_guard import guard, ok, says
from veery.client.previews import Previews
from veery.network.proxy import Proxy
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
