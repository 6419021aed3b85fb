"""kill -9 at any moment of an engine's work on a lab network: sending, receiving, uploading, downloading, trimming,
backing up. Nothing acknowledged is lost, nothing is doubled, and no file is half there.

`VEERY_ROUNDS` says how many kills the slow test makes (10 by default).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from tests.faults.client_victim import LARGE, backup_of, file_of, profile_of
from tests.faults.test_store_kills import assert_intact
from tests.unit.store.samples import PASSPHRASE
from veery.client import profile as profiles
from veery.client.client import Client
from veery.lab.network import LabNetwork
from veery.protocol.account import Account
from veery.runtime.randomness import random_bytes
from veery.store.backup import verify_backup
from veery.store.database import FILES_NAME
from veery.store.keys import KeyFile
from veery.store.message_values import AttachmentState, DeliveryState
from veery.store.tables import Tables

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("VEERY_ROUNDS", "10"))
LINES_MAX = 40  # of a victim before it is killed


@dataclass
class Person:
    """One account, and what its victims have acknowledged: numbers by word."""

    directory: Path
    id: str
    told: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    start: int = 1

    async def victim(self, peer: Person) -> asyncio.subprocess.Process:
        arguments = ("-m", "tests.faults.client_victim", str(self.directory), peer.id, str(self.start))
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT, stdout=pipe, stderr=pipe)

    async def killed_after(self, victim: asyncio.subprocess.Process, lines: int) -> None:
        """Kill a victim once it has told so much, and remember what it told."""
        assert victim.stdout is not None
        told = [await victim.stdout.readline() for _ in range(lines)]
        if victim.returncode is None:
            victim.kill()
        rest, errors = await victim.communicate()
        assert victim.returncode == -signal.SIGKILL, errors.decode()
        for line in b"".join([*told, rest]).decode().splitlines():
            word, number = line.split()
            self.told[word].add(int(number))
        self.start += 1_000  # beyond whatever was under way

    @property
    def sent(self) -> set[str]:
        """The texts of the messages whose sending was acknowledged."""
        return {f"{word} {number}" for word in ("text", "file") for number in self.told[word]}


async def made(directory: Path, name: str, network: str) -> Person:
    account = Account.create(random_bytes)
    key = KeyFile(directory / f"{name}.key")
    await profiles.create(directory / name, account, name, network, key)
    return Person(directory / name, account.account_id.hex)


@asynccontextmanager
async def two_people(directory: Path) -> AsyncIterator[tuple[Person, Person]]:
    async with LabNetwork(directory / "lab", 5) as lab:
        network = lab.network_file.read_text()
        yield await made(directory, "alice", network), await made(directory, "bob", network)


@asynccontextmanager
async def both_open(people: tuple[Person, Person]) -> AsyncIterator[list[Client]]:
    """Engines that have delivered everything that was written."""
    clients = [await Client.open(profile_of(each.directory)) for each in people]
    try:
        for client in clients:
            await client.receiving.fetch()
        for client in clients:
            while await client.read(unfinished):
                await client.attachments.uploads.run_due()
                await client.pump.run_due()
        for client in clients:
            await client.receiving.fetch()
        yield clients
    finally:
        for client in clients:
            await client.close()


def unfinished(tables: Tables) -> bool:
    states = {DeliveryState.QUEUED, DeliveryState.SEALED}
    return any(
        each.outgoing and each.delivery.state in states
        for conversation in tables.conversations.all(hidden=True)
        for each in tables.messages.page(conversation.id, 10**6)
    )


async def check(person: Person, client: Client, peer: Person, other: Client) -> None:
    """What must hold for one direction after any kill: from a person to the peer."""
    own = await client.read(lambda tables: tables.messages.page(peer.id, 10**6))
    sent = Counter(each.body for each in own if each.outgoing)
    came = await other.read(lambda tables: tables.messages.page(person.id, 10**6))
    received = Counter(each.body for each in came if not each.outgoing)
    assert set(sent.values()) <= {1}, "a message was written twice"
    assert person.sent <= sent.keys(), "an acknowledged message is lost"
    assert received == sent, "what was written and what came differ"
    assert peer.told["got"] <= {int(body.split()[1]) for body in received}, "an acknowledged event is lost"
    events = [each for each in await other.events.page(0, 10**6) if each["event"] == "message"]
    assert Counter(each["text"] for each in events if each["direction"] == "in") == received
    for each in await other.attachments.list(person.id, 10**6):
        if each["state"] == AttachmentState.TRIMMED.value:
            assert each["size"] > LARGE  # no other was to be given up
            continue
        name, content = await other.attachments.content(each["id"])
        assert content == file_of(int(name.partition(".")[0]))


async def check_disk(person: Person, client: Client) -> None:
    """No half file: every local file is whole and referred to, once the engine has begun."""
    needed = await client.read(lambda tables: tables.attachments.all_files())
    directory = person.directory / FILES_NAME
    assert {each.name for each in directory.iterdir()} == needed
    for each in await client.attachments.list(None, 10**6):
        held = await client.read(lambda tables, id_=each["id"]: tables.attachments.get(id_))  # type: ignore[misc]
        if held.pointer.file is not None:
            await client.attachments.files.read(held.pointer.file, held.pointer.file_key)
    await client.storage.trim()
    larger = [each for each in directory.iterdir() if each.stat().st_size > 2 * LARGE]
    assert larger == []


def check_backups(person: Person) -> None:
    """Whatever has the name of a backup is a whole one."""
    for number in person.told.get("backup", ()):
        assert backup_of(person.directory, number).exists()
    for each in person.directory.parent.glob(f"{person.directory.name}.backup-*"):
        if each.suffix.removeprefix(".backup-").isdigit():
            verify_backup(each, PASSPHRASE, lambda _: None)
            each.unlink()
    person.told["verified"] |= person.told.pop("backup", set())


async def killed_again_and_again(directory: Path, rounds: int, source: Random, every: int) -> None:
    """Kill so many engines; look at everything after each `every` rounds."""
    async with two_people(directory) as people:
        alice, bob = people
        for number in range(1, rounds + 1):
            victims = [await alice.victim(bob), await bob.victim(alice)]
            await asyncio.gather(
                alice.killed_after(victims[0], source.randrange(1, LINES_MAX)),
                bob.killed_after(victims[1], source.randrange(1, LINES_MAX)),
            )
            for each in people:
                assert_intact(each.directory)
                await asyncio.to_thread(check_backups, each)
            if number % every and number != rounds:
                continue
            async with both_open(people) as (a, b):
                await check_disk(alice, a)
                await check_disk(bob, b)
                await check(alice, a, bob, b)
                await check(bob, b, alice, a)
        worked = {word for each in people for word, numbers in each.told.items() if numbers}
        assert worked >= {"text", "file", "got", "have", "trimmed", "verified"} or rounds < 10


@pytest.mark.slow
@pytest.mark.timeout(300 + 60 * ROUNDS)
async def test_what_an_engine_acknowledged_survives_kills(tmp_path: Path) -> None:
    await killed_again_and_again(tmp_path, ROUNDS, Random(5), every=max(1, ROUNDS // 50))
