"""Levels of messages over real nodes: two new accounts, a peer without a record, and the end of a process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from veery.client import profile as profiles
from veery.client.client import Client
from veery.client.profile import Profile
from veery.lab.network import LabNetwork
from veery.network.signed_calls import call_signed
from veery.policy.record_exchange import Echo
from veery.protocol import message_v1
from veery.protocol.account import Account
from veery.protocol.constants import V2_PREFIX
from veery.protocol.content import DataMessage, decode
from veery.protocol.storage_rpc import Retrieve, Store, owner_signer, read_retrieve, sign_request
from veery.runtime.randomness import random_bytes
from veery.store.keys import KeyFile
from veery.store.outbox import Copy, CopyRole
from veery.store.tables import Tables

pytestmark = [pytest.mark.network, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]
LONG_S = 60


class Killed(BaseException):
    """The process ends here."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The network file of a lab of one swarm."""
    async with LabNetwork(Path(tmp_path_factory.mktemp("levels")) / "lab", 8) as lab:
        yield lab.network_file.read_text()


async def made(directory: Path, name: str, network: str) -> Profile:
    account = Account.create(random_bytes)
    return await profiles.create(directory / name, account, name, network, KeyFile(directory / f"{name}.key"))


@asynccontextmanager
async def opened(profile: Profile) -> AsyncIterator[Client]:
    client = await Client.open(profile)
    try:
        yield client
    finally:
        await client.close()


async def until(client: Client, ready: Callable[[Tables], Any]) -> Any:
    """Wait until something stands in the store; gives it."""
    async with asyncio.timeout(LONG_S):
        while True:
            version = client._core.hub.version
            found = await client.read(ready)
            if found:
                return found
            await client._core.hub.changed(version)


async def published(client: Client) -> bytes:
    """Wait until the account has published its keys."""
    client.start()
    raw = await until(client, lambda tables: tables.devices.publishing().raw)
    assert isinstance(raw, bytes)
    return raw


async def arrived(client: Client, text: str) -> dict[str, Any]:
    """Wait for a message."""
    async with asyncio.timeout(LONG_S):
        async for event in client.events():
            if event["event"] == "message" and event["text"] == text:
                return event
    raise AssertionError("the stream ended")


async def test_two_new_accounts_talk_v2_both_ways(tmp_path: Path, network: str) -> None:
    async with AsyncExitStack() as stack:
        alice, bob = [
            await stack.enter_async_context(opened(await made(tmp_path, name, network))) for name in ("alice", "bob")
        ]
        for client in (alice, bob):
            await published(client)
        for sender, recipient, text in ((alice, bob, "hello"), (bob, alice, "hello back"), (alice, bob, "again")):
            number = await sender.sending.send_text(recipient.account, text)
            sent = await asyncio.wait_for(sender.sending.wait_stored(number), LONG_S)
            assert sent.level == "v2"
            assert (await arrived(recipient, text))["protocol"] == "v2"
        for client, other in ((alice, bob), (bob, alice)):
            security = await client.levels.security(other.account.hex)
            assert security.known.echo is Echo.CONFIRMED
            assert security.known.keys.record == (await other.levels.security(client.account.hex)).own.record
            events = await client.events.page(0, 1_000)
            assert [event for event in events if event["event"] in ("level", "security")] == []
            await until(client, lambda tables: not tables.outbox.listed(10))  # copies for own devices went out as well


async def test_a_peer_without_a_record_gets_v1(tmp_path: Path, network: str) -> None:
    carol = Account.create(random_bytes)
    async with opened(await made(tmp_path, "dora", network)) as dora:
        await published(dora)
        number = await dora.sending.send_text(carol.account_id, "hello")
        assert (await asyncio.wait_for(dora.sending.wait_stored(number), LONG_S)).level == "v1"
        signer = owner_signer(carol.account_id.raw, carol.ed25519_secret)

        def ask(now_ms: int) -> list[Retrieve]:
            return [sign_request(Retrieve(carol.account_id.raw, timestamp=now_ms), signer)]

        (answer,) = await call_signed(dora.road, carol.account_id.raw, ask)
        (stored,) = read_retrieve(answer.body).messages
        message = message_v1.open(stored.data, x25519_public=carol.x25519_public, x25519_secret=carol.x25519_secret)
        content = decode(message.content)
        assert isinstance(content.kind, DataMessage)
        assert content.kind.body == "hello"


def _dying(client: Client) -> None:
    """Let the process end when it is about to store something in a swarm."""
    call = client.road.call

    async def until_store(account: bytes, requests: Any, **options: Any) -> Any:
        if any(isinstance(each, Store) for each in requests):
            raise Killed
        return await call(account, requests, **options)

    setattr(client.road, "call", until_store)  # noqa: B010 - a method of one instance is replaced


async def test_a_kill_between_sealing_and_storing_repeats_the_same_bytes(tmp_path: Path, network: str) -> None:
    def sealed(tables: Tables) -> Copy:
        (copy,) = (each for each in tables.outbox.listed(10) if each.role is CopyRole.RECIPIENT)
        return copy

    bob_profile, erin_profile = await made(tmp_path, "bob", network), await made(tmp_path, "erin", network)
    async with opened(bob_profile) as bob:
        await published(bob)
        async with opened(erin_profile) as erin:
            await published(erin)
        async with opened(erin_profile) as erin:
            number = await erin.sending.send_text(bob.account, "hello")
            _dying(erin)
            with pytest.raises(Killed):
                await erin.pump.run_due()
            before = await erin.read(sealed)
            assert before.sealed is not None
            assert before.sealed.startswith(V2_PREFIX)
        async with opened(erin_profile) as erin:
            assert (await erin.read(sealed)).sealed == before.sealed
            await erin.pump.run_due()
            sent = await asyncio.wait_for(erin.sending.wait_stored(number), LONG_S)
            assert sent.level == "v2"
            event = await arrived(bob, "hello")
            assert (event["hash"], event["protocol"]) == (before.sealed_hash, "v2")
