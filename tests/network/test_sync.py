"""Two devices of one account over real nodes: what is settled on one appears on the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeVar

import pytest

from tests.conversations.many_contacts import befriend, ids
from veery.client import profile as profiles
from veery.client.client import Client
from veery.lab.network import LabNetwork
from veery.protocol import message_v1
from veery.protocol.account import Account
from veery.protocol.config import CONTACTS
from veery.protocol.constants import TTL_MIN_MS
from veery.protocol.content import Content, DataMessage, encode
from veery.protocol.storage_rpc import Namespace, Store
from veery.runtime.randomness import random_bytes
from veery.store.conversations import Conversation
from veery.store.keys import KeyFile
from veery.store.tables import Tables

pytestmark = [pytest.mark.network, pytest.mark.timeout(180)]
T = TypeVar("T")
PATIENCE_S = 60


async def until(client: Client, look: Callable[[Tables], T | None]) -> T:
    """What a look into the store finds, as soon as it finds something."""
    hub = client._core.hub
    async with asyncio.timeout(PATIENCE_S):
        while True:
            version = hub.version
            found = await client.read(look)
            if found is not None:
                return found
            await hub.changed(version)


def with_(id_: str, wanted: Callable[[Conversation], bool]) -> Callable[[Tables], Conversation | None]:
    def look(tables: Tables) -> Conversation | None:
        held = tables.conversations.get(id_)
        return held if held is not None and wanted(held) else None

    return look


def said(id_: str, text: str) -> Callable[[Tables], bool | None]:
    def look(tables: Tables) -> bool | None:
        return any(message.body == text for message in tables.messages.page(id_, 100)) or None

    return look


async def send_v1(client: Client, sender: Account, recipient: Account, text: str) -> None:
    """Store a message that every device of the recipient can open, whatever keys it holds."""
    now_ms, to = client.road.now_ms(), recipient.account_id.raw
    data = message_v1.seal(
        encode(Content(DataMessage(body=text), timestamp=now_ms)),
        sender_ed25519_secret=sender.ed25519_secret,
        recipient=to,
        timestamp_ms=now_ms,
        random=random_bytes,
    )
    (answer,) = await client.road.call(to, [Store(to, Namespace.INBOX, data, now_ms, now_ms + TTL_MIN_MS * 1_000)])
    assert answer.status == 200


async def test_two_devices_agree(tmp_path: Path) -> None:
    alice, bob = Account.create(random_bytes), Account.create(random_bytes)
    async with LabNetwork(tmp_path / "lab", 7) as lab, AsyncExitStack() as stack:
        network = lab.network_file.read_text()

        async def device(name: str, account: Account, *, restored: bool = False) -> Client:
            key = KeyFile(tmp_path / f"{name}.key")
            if restored:
                made = await profiles.restore(tmp_path / name, account.words(), "typed", network, key)
            else:
                made = await profiles.create(tmp_path / name, account, name, network, key)
            client = await Client.open(made)
            stack.push_async_callback(client.close)
            client.start()
            return client

        first, friend = await device("first", alice), await device("friend", bob)
        own, other = alice.account_id.hex, bob.account_id.hex
        await first.profile.set_name("Alice of the hills")
        await first.sending.send_text(other, "shall we walk?")
        await first.conversations.set_nickname(other, "Bobby")
        await first.conversations.pin(other)
        await until(friend, said(own, "shall we walk?"))
        await send_v1(friend, bob, alice, "gladly")
        await until(first, said(other, "gladly"))
        await first.conversations.mark_read(other)
        await until(first, lambda tables: True if not pending(tables, alice) else None)

        # A device that knows nothing but the recovery words: it finds everything, and what was read is read.
        second = await device("second", alice, restored=True)
        held = await until(second, with_(other, lambda row: row.last_read_ms > 0))
        assert (held.nickname, held.approved, held.priority) == ("Bobby", True, 1)
        await until(second, said(other, "gladly"))
        assert (await second.conversations.get(other)).unread == 0
        assert (await second.profile.get()).name == "Alice of the hills"
        await until(second, lambda tables: not tables.accounts.get().restored or None)

        # And it writes as well.
        await second.requests.block(other)
        await second.conversations.unpin(other)
        held = await until(first, with_(other, lambda row: row.blocked and row.priority == 0))
        assert held.nickname == "Bobby"
        assert {each["state"] for each in (await second.sync.status())["documents"]} <= {"clean", "nothing"}


def pending(tables: Tables, account: Account) -> bool:
    return tables.configs.any_marked() or any(row.pending for row in tables.configs.all(account.account_id))


async def test_a_document_in_parts_goes_from_one_device_to_another(tmp_path: Path) -> None:
    alice = Account.create(random_bytes)
    people = ids(1_500)
    async with LabNetwork(tmp_path / "lab", 7) as lab, AsyncExitStack() as stack:
        network = lab.network_file.read_text()
        first = await Client.open(
            await profiles.create(tmp_path / "first", alice, "Alice", network, KeyFile(tmp_path / "first.key"))
        )
        stack.push_async_callback(first.close)
        await befriend(first, people)
        await first.receiving.fetch()
        assert "Contacts" in (await first.sync.push()).stored
        before = await copies(first)
        assert len(before) >= 3

        key = KeyFile(tmp_path / "second.key")
        made = await profiles.restore(tmp_path / "second", alice.words(), "typed", network, key)
        second = await Client.open(made)
        stack.push_async_callback(second.close)
        await second.receiving.fetch()
        names = await second.read(lambda tables: {each.id: each.name for each in tables.conversations.all()})
        assert names == await first.read(lambda tables: {each.id: each.name for each in tables.conversations.all()})
        assert len(names) == len(people)

        # A change makes other parts; the old ones leave the swarm when the new ones are there.
        await second.conversations.set_nickname(people[7], "seventh")
        assert "Contacts" in (await second.sync.push()).stored
        await first.receiving.fetch()
        assert (await first.conversations.get(people[7])).nickname == "seventh"
        after = await copies(first)
        assert not after & before

        made = await profiles.restore(tmp_path / "third", alice.words(), "typed", network, key)
        third = await Client.open(made)
        stack.push_async_callback(third.close)
        await third.receiving.fetch()
        assert await copies(third) == after
        assert (await third.conversations.get(people[7])).nickname == "seventh"
        standing = {each["document"]: each for each in (await third.sync.status())["documents"]}
        assert (standing["contacts"]["obsolete"], standing["contacts"]["incomplete"]) == (0, 0)


async def copies(client: Client) -> frozenset[str]:
    """Storage hashes of the current Contacts."""
    held = client.documents.documents
    return await client.read(lambda tables: held.document(tables, CONTACTS).current_hashes)
