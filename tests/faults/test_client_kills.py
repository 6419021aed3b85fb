"""kill -9 at any moment of an engine's work on a lab network: sending, receiving, uploading, downloading, trimming,
backing up, purging, changing settings and groups.

A kill comes at a step (a statement of the database, a touch of a file), or from outside after some lines of what the
victim acknowledged. The next victim begins with the look of `recovery` at what is left: the database is whole, states
of the outbox are legal and fit their messages, every file is counted, named, there and whole, and no other is there.
From time to time both sides deliver what waits, and are compared: nothing acknowledged is lost, nothing is doubled on
either side, whatever has the name of a backup is a whole one, and both have the same of a group.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from tests.faults.client_victim import LARGE, backup_of, file_of, profile_of
from tests.faults.killing import ROUNDS, Moment, Zygote, kinds, say, source, zygote
from tests.faults.recovery import check_engine, check_store
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

TEXTS = ("send", "receive", "configure", "group", "purge")
FILES = ("upload", "download", "trim", "back up", "everything")
EVERY = 20  # kills, after which both sides are compared


@dataclass
class Person:
    """One account, and what its victims have acknowledged: numbers by word."""

    directory: Path
    id: str
    told: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    lines: Counter[str] = field(default_factory=Counter)  # that were told, by word
    start: int = 1

    async def killed(self, zygote: Zygote, moment: Moment, kind: str, peer: Person, group: str) -> str:
        """Have a victim killed, and remember what it told."""
        rest = {"peer": peer.id, "group": group, "start": self.start}
        told = await zygote.kill(moment, kind, self.directory, **rest)
        assert told.killed, told.status
        for word, numbers in told.words.items():
            self.told[word].update(numbers)
            self.lines[word] += len(numbers)
        self.start += 1_000  # beyond whatever was under way
        return kind

    def sent(self, *words: str) -> set[str]:
        """The texts of the messages whose sending was acknowledged."""
        return {f"{word} {number}" for word in words for number in self.told[word]}


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
    clients: list[Client] = []
    try:
        for each in people:
            check_store(each.directory, profile_of(each.directory).unlock)
            clients.append(await Client.open(profile_of(each.directory)))
            await check_engine(clients[-1], each.directory)
        for client in clients:
            await fetch(client)
        for client in clients:
            while await client.read(unfinished):
                await client.attachments.uploads.run_due()
                await client.pump.run_due()
        for client in clients:
            await fetch(client)
        yield clients
    finally:
        for client in clients:
            await client.close()


async def fetch(client: Client) -> None:
    await client.receiving.fetch()
    await client.groups.fetch()
    await client.sync.push()


def unfinished(tables: Tables) -> bool:
    states = {DeliveryState.QUEUED, DeliveryState.SEALED}
    return any(
        each.outgoing and each.delivery.state in states
        for conversation in tables.conversations.all(hidden=True)
        for each in tables.messages.page(conversation.id, 10**6)
    )


async def begun(people: tuple[Person, Person]) -> str:
    """Two people who know each other, rules for trimming, and a group of both; gives its id."""
    async with both_open(people) as (a, b):
        await a.sending.send(people[1].id, "text 0")
        await a.pump.run_due()
        await b.receiving.fetch()
        await b.sending.send(people[0].id, "text 0")
        await b.pump.run_due()
        await a.receiving.fetch()
        group = await a.groups.create("name 0", [people[1].id])
        await b.receiving.fetch()
        await b.groups.fetch()
        for client in (a, b):
            await client.storage.set_rule(None, None, LARGE)
        for person in people:
            person.told["text"].add(0)
    return group


async def bodies(client: Client, conversation: str, *, outgoing: bool) -> Counter[str]:
    """The texts in a conversation, with how often each is there."""
    found = await client.read(lambda tables: tables.messages.page(conversation, 10**6))
    words = ("text ", "file ", "said ")
    return Counter(each.body for each in found if each.outgoing is outgoing and each.body.startswith(words))


async def check(person: Person, client: Client, peer: Person, other: Client, group: str) -> None:
    """What must hold for one direction after any kill: from a person to the peer."""
    told: Counter[str] = Counter()
    for here, there, words in ((peer.id, person.id, ("text", "file")), (group, group, ("said",))):
        sent = await bodies(client, here, outgoing=True)
        received = await bodies(other, there, outgoing=False)
        assert set(sent.values()) <= {1}, "a message was written twice"
        assert person.sent(*words) <= sent.keys(), "an acknowledged message is lost"
        assert received == sent, "what was written and what came differ"
        told += received
    assert peer.told["got"] | peer.told["heard"] <= {int(body.split()[1]) for body in told}, "an event is lost"
    events = [each for each in await other.events.page(0, 10**6) if each["event"] == "message"]
    assert Counter(each["text"] for each in events if each["direction"] == "in") == told, "an event is lost or doubled"
    for each in await other.attachments.list(person.id, 10**6):
        if each["state"] == AttachmentState.TRIMMED.value:
            assert each["size"] > LARGE  # no other was to be given up
            continue
        name, content = await other.attachments.content(each["id"])
        assert content == file_of(int(name.partition(".")[0]))


async def check_own(person: Person, client: Client, peer: Person, group: str) -> None:
    """What was settled stands, what was deleted is gone, and the documents on the swarm have it."""
    nickname = (await client.conversations.get(peer.id)).nickname
    assert int((nickname or "nick -1").split()[1]) >= max(person.told["nick"], default=-1)
    notes = await client.read(lambda tables: tables.messages.page(person.id, 10**6))
    assert not {f"note {number}" for number in person.told["deleted"]} & {each.body for each in notes}
    name = (await client.groups.show(group))["name"]
    assert int(name.split()[1]) >= max((*person.told["named"], *peer.told["named"]), default=0)
    assert not (await client.sync.push()).waiting


async def check_disk(person: Person, client: Client) -> None:
    """No half file, and no large one after a trim."""
    directory = person.directory / FILES_NAME
    await client.storage.trim()
    if directory.is_dir():
        assert [each for each in directory.iterdir() if each.stat().st_size > 2 * LARGE] == []


def check_backups(person: Person) -> None:
    """Whatever has the name of a backup is a whole one."""
    for number in person.told.get("backup", ()):
        assert backup_of(person.directory, number).exists()
    for each in person.directory.parent.glob(f"{person.directory.name}.backup-*"):
        if each.suffix.removeprefix(".backup-").isdigit():
            verify_backup(each, PASSPHRASE, lambda _: None)
        each.unlink()
    person.told.pop("backup", None)


async def compared(people: tuple[Person, Person], group: str) -> None:
    """Everything of both."""
    alice, bob = people
    async with both_open(people) as (a, b):
        await check_disk(alice, a)
        await check_disk(bob, b)
        await check(alice, a, bob, b, group)
        await check(bob, b, alice, a, group)
        await check_own(alice, a, bob, group)
        await check_own(bob, b, alice, group)
        assert (await a.groups.show(group))["name"] == (await b.groups.show(group))["name"]
    for each in people:
        await asyncio.to_thread(check_backups, each)


async def killed_again_and_again(directory: Path, chances: Random, todo: list[str]) -> set[str]:
    """Kill two engines at a time; gives the words that were told."""
    done: Counter[str] = Counter()
    async with two_people(directory) as people, zygote(directory) as forks:
        group, (alice, bob) = await begun(people), people
        while todo:
            pair = [(alice, bob, todo.pop())] + ([(bob, alice, todo.pop())] if todo else [])
            done.update(
                await asyncio.gather(
                    *(one.killed(forks, Moment.by_chance(chances), kind, peer, group) for one, peer, kind in pair)
                )
            )
            if not todo or done.total() % EVERY == 0:
                await compared(people, group)
        told = alice.lines + bob.lines
        say({"killed": dict(done), "told": dict(told)})
        return set(told)


@pytest.mark.slow
@pytest.mark.timeout(300 + 5 * ROUNDS)
@pytest.mark.parametrize(
    ("work", "words"),
    [
        (TEXTS, {"text", "got", "nick", "pushed", "said", "named", "deleted", "purged"}),
        (FILES, {"file", "have", "trimmed", "backup"}),
    ],
    ids=["texts", "files"],
)
async def test_what_an_engine_acknowledged_survives_kills(
    tmp_path: Path, work: tuple[str, ...], words: set[str]
) -> None:
    chances = source(work[0])
    worked = await killed_again_and_again(tmp_path, chances, kinds(chances, *work))
    assert worked >= words or ROUNDS < 100
