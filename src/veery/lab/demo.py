"""The demo: a real network on this machine, two accounts, a message each way, then a prompt to type as either.

Everything is what a user's own network would be made of: a seed, nodes, encrypted profiles, onion requests. What is
shown of a message is what really happens to it: the path that its request took, and the swarm that holds it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from veery.client import profile as profiles
from veery.client.client import Client
from veery.errors import NetworkError, VeeryError
from veery.lab.network import LabNetwork
from veery.network.client_road import OnionRoad
from veery.protocol.account import Account
from veery.protocol.swarm.nodes import ServiceNode
from veery.runtime.randomness import random_bytes
from veery.secret import shorten
from veery.store.keys import KeyFile

_NODES = 16
_ARRIVES_S = 30.0

BOLD, DIM, GREEN, CYAN, YELLOW, RED = "1", "2", "32", "36", "33", "31"
Paint = Callable[[str, str], str]


@dataclass(frozen=True)
class Person:
    """One of the two."""

    name: str
    colour: str
    client: Client

    @property
    def id(self) -> str:
        """The Account ID, whole."""
        return self.client.account.hex


class Demo:
    """One run. say: prints a line; paint: colours a text, or leaves it."""

    def __init__(self, say: Callable[[str], None], paint: Paint) -> None:
        self._say = say
        self._paint = paint
        self._began = time.monotonic()
        self._nodes: dict[bytes, str] = {}
        self._swarms: dict[bytes, str] = {}
        self._arrived: dict[str, asyncio.Event] = {}

    async def run(self, *, stay: bool) -> bool:
        """Run the demo in a directory that is gone afterwards; gives whether both messages arrived."""
        with TemporaryDirectory(prefix="veery-demo-") as directory:
            async with AsyncExitStack() as opened:
                return await self._in(Path(directory), opened, stay)

    async def _in(self, directory: Path, opened: AsyncExitStack, stay: bool) -> bool:
        self._line(f"starting a seed and {_NODES} nodes on this machine …")
        lab = await opened.enter_async_context(LabNetwork(directory / "lab", _NODES))
        await self._show_network(lab)
        network = lab.network_file.read_text()
        alice = await self._person("Alice", CYAN, directory, network, opened)
        bob = await self._person("Bob", YELLOW, directory, network, opened)
        for person, other in ((alice, bob), (bob, alice)):
            opened.push_async_callback(_cancelled, asyncio.create_task(self._listen(person, other)))
        both = await self._send(alice, bob, "Hello Bob! Nobody owns this network.")
        both = await self._send(bob, alice, "Hello Alice! So nobody can take it away.") and both
        self._say("")
        if both:
            self._line(self._paint("both messages arrived", GREEN))
        else:
            self._line(self._paint("not every message arrived", RED))
        if stay:
            await self._prompt({"a": (alice, bob), "b": (bob, alice)})
        return both

    # -- parts of the story ------------------------------------------------------------------------------------

    async def _show_network(self, lab: LabNetwork) -> None:
        snapshot = await lab.snapshot()
        for number, part in enumerate(lab.nodes, 1):
            if part.facts is not None:
                self._nodes[bytes.fromhex(part.facts.ed25519)] = f"node {number:02d}"
        letters = {swarm: chr(ord("A") + at) for at, swarm in enumerate(snapshot.ring.ids)}
        for node in snapshot.active:
            self._swarms[node.ed25519] = letters[node.swarm_id]
        sizes = ", ".join(f"swarm {letters[swarm]} of {len(snapshot.members(swarm))}" for swarm in snapshot.ring.ids)
        self._line(f"the network is up: {sizes}")

    async def _person(self, name: str, colour: str, directory: Path, network: str, opened: AsyncExitStack) -> Person:
        account = Account.create(random_bytes)
        unlock = KeyFile(directory / f"{name}.key")
        made = await profiles.create(directory / name, account, name, network, unlock, device_name=f"{name}'s laptop")
        client = await opened.enter_async_context(await Client.open(made))
        person = Person(name, colour, client)
        if isinstance(client.road, OnionRoad):
            client.road.watch(lambda hops, node: self._path(person, hops, node))
        client.start()
        self._line(f"{self._paint(name, colour)} has made an account: {shorten(person.id)}")
        published = await self._published(client)
        keys = "keys for protocol v2 are published" if published else "no keys are published yet: others write v1"
        self._line(f"  {self._paint('devices', DIM)}  {await self._devices(client)}; {keys}")
        return person

    async def _published(self, client: Client) -> bool:
        """Wait until others can find the keys of this account."""
        with suppress(NetworkError, TimeoutError):
            async with asyncio.timeout(_ARRIVES_S):
                await client.devices.sync()
        shown = await client.devices.view()
        return bool(shown.fields["publishing"]["published"])

    async def _devices(self, client: Client) -> str:
        """The devices of an account, in words."""
        listed = (await client.devices.view()).fields["devices"]
        return ", ".join(f"{each['name'] or 'unnamed'} ({each['id'][:6]}…)" for each in listed)

    async def _send(self, sender: Person, recipient: Person, text: str) -> bool:
        self._say("")
        self._line(f"{self._paint(sender.name, sender.colour)} writes: {self._paint(text, BOLD)}")
        arrived = self._arrived[text] = asyncio.Event()
        began = time.monotonic()
        self._watched = sender.name
        try:
            message = await sender.client.sending.send_text(recipient.id, text)
            stored = await sender.client.sending.wait_stored(message)
            delivery = stored.delivery
            self._line(
                f"  {self._paint('stored', GREEN)} on {delivery.stored_on} of {delivery.swarm_size} nodes of"
                f" {recipient.name}'s swarm, after {_ms(began)}; protected at level {self._paint(stored.level, BOLD)}"
            )
            async with asyncio.timeout(_ARRIVES_S):
                await arrived.wait()
        except (VeeryError, TimeoutError) as error:
            self._line(self._paint(f"  the message did not arrive: {error or 'time is over'}", RED))
            return False
        self._line(f"  {self._paint('arrived', GREEN)} after {_ms(began)}")
        return True

    async def _listen(self, person: Person, other: Person) -> None:
        async for event in person.client.events():
            if event["event"] == "message" and event["direction"] == "in":
                name = self._paint(person.name, person.colour)
                self._line(f"  {name} reads: {self._paint(str(event['text']), BOLD)}")
                self._arrived.setdefault(str(event["text"]), asyncio.Event()).set()
                await person.client.requests.accept(other.id)

    async def _prompt(self, people: dict[str, tuple[Person, Person]]) -> None:
        self._say("")
        self._say("Type as either of them: `a text` as Alice, `b text` as Bob; an empty line or Ctrl-D ends.")
        while True:
            typed = (await asyncio.to_thread(_typed)).strip()
            if not typed:
                return
            who, _, text = typed.partition(" ")
            pair = people.get(who.lower()[:1]) if who.lower() in ("a", "b", "alice", "bob") else None
            if pair is None or not text.strip():
                self._say("Begin with `a` or `b`, then a space, then what to say.")
                continue
            await self._send(*pair, text.strip())

    # -- printing ----------------------------------------------------------------------------------------------

    _watched = ""

    def _path(self, person: Person, hops: Sequence[ServiceNode], node: ServiceNode | None) -> None:
        """Show the path of the first request that a sender's message makes."""
        if person.name != self._watched or node is None:
            return
        self._watched = ""
        names = " → ".join(self._nodes.get(hop.ed25519, "?") for hop in hops)
        swarm = self._swarms.get(node.ed25519, "?")
        last = self._nodes.get(node.ed25519, "?")
        self._line(f"  {self._paint('path', DIM)}  {names} → {self._paint(last, BOLD)} (in swarm {swarm})")

    def _line(self, text: str) -> None:
        passed = f"{time.monotonic() - self._began:6.2f} s"
        self._say(f"{self._paint(passed, DIM)}  {text}")


def _ms(began: float) -> str:
    return f"{(time.monotonic() - began) * 1000:.0f} ms"


def _typed() -> str:
    sys.stdout.write("> ")
    sys.stdout.flush()
    return sys.stdin.readline()


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def painter(colour: bool) -> Paint:
    """Colours by ANSI codes, or none."""
    return (lambda text, code: f"\x1b[{code}m{text}\x1b[0m") if colour else (lambda text, code: text)
