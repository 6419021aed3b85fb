"""Files between two engines over a lab: small pictures, what is fetched by itself, and what nodes cannot carry."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image

from tests.network.socks5 import socks5
from veery.client import profile as profiles
from veery.client.attachments import Attached, LargeFileRefused, prepare
from veery.client.client import Client
from veery.lab.network import LabNetwork
from veery.network.proxy import Proxy
from veery.protocol.account import Account
from veery.protocol.constants import FILE_BLOB_MAX
from veery.runtime.randomness import random_bytes
from veery.store.keys import KeyFile

pytestmark = [pytest.mark.network, pytest.mark.timeout(240)]
SERVER_MAX = 13_000_000  # bytes of one blob
LARGE = 11_000_000  # bytes of a file whose blob no onion request carries


async def made(directory: Path, name: str, network: str) -> profiles.Profile:
    account = Account.create(random_bytes)
    return await profiles.create(directory / name, account, name, network, KeyFile(directory / f"{name}.key"))


@asynccontextmanager
async def people(
    tmp_path: Path, file_max: int | None = None
) -> AsyncIterator[tuple[profiles.Profile, profiles.Profile]]:
    """Profiles of Alice and Bob on a lab."""
    async with LabNetwork(tmp_path / "lab", 5, file_max=file_max) as network:
        text = network.network_file.read_text()
        yield await made(tmp_path, "alice", text), await made(tmp_path, "bob", text)


async def deliver(sender: Client, receiver: Client) -> None:
    await sender.attachments.uploads.run_due()
    await sender.pump.run_due()
    await receiver.receiving.fetch()


async def test_trusted_contacts_pictures_come_with_thumbnails(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        profiles_of = await stack.enter_async_context(people(tmp_path))
        alice, bob = [await stack.enter_async_context(await Client.open(each)) for each in profiles_of]
        await alice.sending.send_text(bob.account.hex, "hello")
        await deliver(alice, bob)
        await bob.requests.accept(alice.account.hex)
        await bob.conversations.trust_downloads(alice.account.hex, True)
        file = io.BytesIO()
        Image.new("RGB", (640, 480), "teal").save(file, "PNG")
        await alice.sending.send(bob.account.hex, files=[Attached(file.getvalue(), "image/png", "sea.png", 640, 480)])
        await deliver(alice, bob)
        await bob.attachments.downloads.run_due()
        (listed,) = await bob.attachments.list(alice.account.hex)
        assert (listed["state"], listed["thumbnail"]) == ("stored", True)
        name, small = await bob.attachments.thumbnail(listed["id"])
        with Image.open(io.BytesIO(small)) as picture:
            assert (name, picture.size) == ("sea-small.webp", (200, 150))


async def test_what_nodes_cannot_carry_goes_straight_to_a_server_that_takes_it(tmp_path: Path) -> None:
    big = tmp_path / "big.bin"
    big.write_bytes(random_bytes(LARGE))
    async with AsyncExitStack() as stack:
        alices, bobs = await stack.enter_async_context(people(tmp_path, file_max=SERVER_MAX))
        socks = await stack.enter_async_context(socks5())
        alice = await stack.enter_async_context(await Client.open(alices, proxy=Proxy("127.0.0.1", socks.port)))
        bob = await stack.enter_async_context(await Client.open(bobs))
        limits = await alice.attachments.limits()
        assert (limits.most, limits.server > LARGE) == (10_000_000, True)
        with pytest.raises(LargeFileRefused, match=f"11,000,000 bytes.*10,000,000.*{limits.server:,}") as caught:
            prepare(big, size_max=limits.most, check=limits.check)
        assert caught.value.kind == "client.attachment.large.off"
        assert "large-files" in caught.value.remedy
        with pytest.raises(LargeFileRefused):
            await alice.sending.send(bob.account.hex, files=[Attached(big.read_bytes(), "text/plain", "x")])

        await alice.settings.set("large-files", "proxy")
        limits = await alice.attachments.limits()
        file = prepare(big, size_max=limits.most, check=limits.check)
        await alice.sending.send(bob.account.hex, "large", files=[file])
        before = len(socks.asked)
        await deliver(alice, bob)
        assert len(socks.asked) > before  # it went through the proxy
        (listed,) = await bob.attachments.list(alice.account.hex)
        assert listed["size"] == LARGE
        with pytest.raises(LargeFileRefused) as caught:
            await bob.attachments.content(listed["id"])
        assert caught.value.kind == "client.attachment.large.off"
        await bob.settings.set("large-files", "proxy")
        with pytest.raises(LargeFileRefused) as caught:  # Bob's engine has no proxy
            await bob.attachments.content(listed["id"])
        assert caught.value.kind == "client.attachment.large.no_proxy"
        assert (await bob.attachments.list(alice.account.hex))[0]["state"] == "remote"
        await bob.settings.set("large-files", "direct")
        assert (await bob.attachments.content(listed["id"]))[1] == file.data
        with (tmp_path / "larger.bin").open("wb") as larger:
            larger.truncate(SERVER_MAX)
        with pytest.raises(LargeFileRefused) as caught:
            prepare(tmp_path / "larger.bin", size_max=limits.most, check=limits.check)
        assert caught.value.kind == "client.attachment.too_large"
        assert LARGE > FILE_BLOB_MAX
