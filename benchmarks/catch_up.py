"""Catching up: 10,000 waiting messages fetched, opened and stored by a real engine, and the peak memory of it.

The engine is a `Client` with its store on the disk, polling as it always does. The network is a road that reads the
answers of a swarm's member from files, JSON as it is on the wire, so that neither time nor memory of a node counts.
The reference of every figure is the bare work of the same messages in the same run: the primitives that open each of
them, called straight in the libraries, and the rows of message (with its search index), seen hash and event inserted
in one transaction a page, in a store like the engine's. Each run is a process of its own, so that its peak memory is
its own. 35 account keys are held (06.9), and messages of protocol v2 are for the last one.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from _report import Figure, parser, report
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from nacl import bindings

from veery.client.approval import approve
from veery.client.client import Client
from veery.client.core import Times
from veery.client.mailbox import own_mailbox
from veery.client.profile import Profile, create
from veery.network.road import MemberAnswer, RoadStatus
from veery.protocol import extension, message_v1, message_v2
from veery.protocol import message as messages
from veery.protocol.account import Account, AccountId
from veery.protocol.constants import DAY_MS
from veery.protocol.content import Content, DataMessage, encode
from veery.protocol.content import Profile as SentProfile
from veery.protocol.extension import Extension
from veery.protocol.onion import ServerDestination, ServerReply, ServerRequest
from veery.protocol.storage_rpc import (
    Namespace,
    Retrieve,
    RetrieveAnswer,
    RetrieveWindow,
    StoredMessage,
    message_hash,
    poll_fractions,
)
from veery.protocol.storage_rpc.requests import Simple
from veery.protocol.swarm.nodes import ServiceNode
from veery.runtime.clock import SystemClock
from veery.runtime.randomness import random_bytes
from veery.secret import Secret
from veery.store.conversations import CONTACT
from veery.store.inbox import FetchedItem
from veery.store.keys import KeyFile
from veery.store.message_values import NewMessage
from veery.store.tables import Tables

PROTOCOLS: Final = ("v1", "v2")
HELD: Final = 35
CONTACTS: Final = 20
BODY: Final = 120  # characters of a text
_PERSON: Final = b"SessionV2Message"
_NETWORK: Final = '[network]\nname = "bench"\nseeds = ["http://127.0.0.1:1"]\n'
_SEED: Final = bytes(range(16))
_NODE: Final = ServiceNode(b"", b"n" * 32, b"x" * 32, "127.0.0.1", 1, 2, 0)


def main() -> None:
    """Measure and report, or, as a child, do one run."""
    made = parser(__doc__.splitlines()[0])
    made.add_argument("--messages", type=int, help="how many (default: 10,000; with --quick 2,000)")
    made.add_argument("--rounds", type=int)
    made.add_argument("--step", nargs=2, help="do one run in a directory (for its own use)")
    options = made.parse_args()
    if options.step:
        name, directory = options.step
        print(json.dumps(asyncio.run(_child(name, Path(directory)))))
        return
    count = options.messages or (2_000 if options.quick else 10_000)
    rounds = options.rounds or (1 if options.quick else 3)
    figures = [figure for protocol in PROTOCOLS for figure in _figures(protocol, count, rounds)]
    report(figures, as_json=options.json)


def _figures(protocol: str, count: int, rounds: int) -> list[Figure]:
    pairs = []
    with TemporaryDirectory() as home:
        waiting = Path(home) / "waiting"
        _run(f"make {protocol} {count}", waiting)
        for number in range(rounds):
            found = []
            for step in ("engine", "bare"):
                place = Path(home) / f"{step} {number}"
                shutil.copytree(waiting, place)
                found.append(_run(f"{step} {protocol}", place))
                shutil.rmtree(place)
            pairs.append((found[0], found[1]))
    taken = median(engine["s"] for engine, _ in pairs) / count
    cpu = median(engine["cpu"] for engine, _ in pairs) / count
    bare = median(each["s"] for _, each in pairs) / count
    name = f"{protocol} {count:,} waiting"
    return [
        Figure(f"{name}: rate", 1 / taken, "1/s", 1 / bare),
        Figure(f"{name}: time each", taken * 1e6, "us", bare * 1e6),
        Figure(f"{name}: cpu each", cpu * 1e6, "us", median(each["cpu"] for _, each in pairs) / count * 1e6),
        Figure(f"{name}: cryptography each, bare", median(each["crypto"] for _, each in pairs) / count * 1e6, "us"),
        Figure(f"{name}: peak memory", max(e["mib"] for e, _ in pairs), "MiB", max(b["mib"] for _, b in pairs)),
        Figure(f"{name}: memory before", max(e["before"] for e, _ in pairs), "MiB", max(b["before"] for _, b in pairs)),
    ]


def _run(step: str, directory: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--step", step, str(directory)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


async def _child(name: str, directory: Path) -> dict[str, float]:
    verb, protocol, *rest = name.split()
    if verb == "make":
        directory.mkdir()  # noqa: ASYNC240 - nobody waits
        await _make(directory, protocol, int(rest[0]))
        return {}
    return await (_engine(directory) if verb == "engine" else _bare(directory, protocol))


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


def _profile(directory: Path) -> Profile:
    return Profile(directory / "profile", KeyFile(directory / "key"))


# -- what waits ----------------------------------------------------------------------------------------------------


async def _make(directory: Path, protocol: str, count: int) -> None:
    """A profile whose contacts have written, and the answers that a member will give."""
    account = Account.from_seed(_SEED)
    await create(directory / "profile", account, "Bench", _NETWORK, KeyFile(directory / "key"))
    people = [Account.from_seed(bytes([number]) * 16) for number in range(1, CONTACTS + 1)]
    road = FileRoad(directory)
    async with await _profile(directory).open_store() as store:
        await store.run(lambda tables: _settle(tables, [each.account_id for each in people], road.now_ms()))
    async with _opened(directory, road) as client:
        held = await client.read(lambda tables: [*tables.devices.account_keys()][-1])
        now_ms = road.now_ms()
        chance = Random(1)  # the same each time
        waiting = []
        for number in range(count):
            at = now_ms - (count - number) * 60_000
            sender = people[chance.randrange(CONTACTS)]
            data = DataMessage(body=_text(chance), profile=SentProfile(f"Person {sender.account_id.hex[:6]}", None, 1))
            content = Content(data, timestamp=at)
            if protocol == "v1":
                sealed = message_v1.seal(
                    encode(content),
                    sender_ed25519_secret=sender.ed25519_secret,
                    recipient=account.account_id.raw,
                    timestamp_ms=at,
                    random=random_bytes,
                )
            else:
                sealed = message_v2.seal(
                    encode(extension.attach(content, Extension(frozenset({"gossip"}), None, None))),
                    sender_ed25519_secret=sender.ed25519_secret,
                    recipient=account.account_id.raw,
                    keys=held.keys.public,
                    random=random_bytes,
                )
            hash_ = message_hash(account.account_id.raw, 0, sealed)
            waiting.append(StoredMessage(hash_, at, at + 14 * DAY_MS, sealed))
    _write_pages(directory, account.account_id, waiting)


def _settle(tables: Tables, people: Sequence[AccountId], now_ms: int) -> None:
    own, times = tables.accounts.get().account_id, Times(now_ms, now_ms)
    for each in people:
        approve(tables, tables.conversations.ensure(each.hex, CONTACT, now_ms), own, times)
    state = tables.devices.group()
    assert state is not None
    keys = state.account_keys
    while len(keys) < HELD:
        keys = keys.rotated(Secret(random_bytes(32)), now_ms // 1_000)
    tables.devices.save(replace(state, account_keys=keys))


def _text(chance: Random) -> str:
    words = []
    while sum(map(len, words)) + len(words) < BODY:
        words.append("".join(chr(97 + min(int(chance.expovariate(0.15)), 25)) for _ in range(chance.randint(2, 9))))
    return " ".join(words)


def _write_pages(directory: Path, own: AccountId, waiting: Sequence[StoredMessage]) -> None:
    """Cut what waits into answers, as a member does for a poll of all namespaces."""
    namespaces = (*own_mailbox(Account.from_seed(_SEED)).handlers,)
    size = poll_fractions((*namespaces, *_DOCUMENTS))[Namespace.INBOX]
    rest = list(waiting)
    number = 0
    while rest or not number:
        window = RetrieveWindow(Retrieve(own.raw, 0, max_size=size))
        taken = [each for each in rest if window.take(len(each.data))]
        rest = rest[len(taken) :]
        body = RetrieveAnswer(tuple(taken), window.more, t=waiting[-1].timestamp, hf=(19, 4)).body()
        (directory / f"page {number}.json").write_text(json.dumps(_as_json(body)))
        number += 1


_DOCUMENTS: Final = (2, 3, 4, 5)  # namespaces of an account's configuration, which share the answer


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _as_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(each) for each in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


# -- the engine ----------------------------------------------------------------------------------------------------


class FileRoad:
    """A road to one member whose answers are in files: a page of the inbox after the other, and nothing else."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._page = 0
        self.empty = json.dumps(_as_json(RetrieveAnswer((), False, t=self.now_ms(), hf=(19, 4)).body()))

    def now_ms(self) -> int:
        return SystemClock().now_ms()

    async def members(self, account: bytes, *, refresh: bool = False) -> Sequence[ServiceNode]:
        return (_NODE,)

    async def call(
        self, account: bytes, requests: Sequence[Simple], *, member: bytes | None = None, ordered: bool = False
    ) -> Sequence[MemberAnswer]:
        return [MemberAnswer(_NODE, 200, json.loads(self._answer(each))) for each in requests]

    def _answer(self, request: Simple) -> str:
        file = self._directory / f"page {self._page}.json"
        if not isinstance(request, Retrieve) or request.namespace != Namespace.INBOX or not file.exists():
            return self.empty
        self._page += 1
        return file.read_text()

    async def request(
        self, server: ServerDestination, request: ServerRequest, *, timeout_s: float = 0.0
    ) -> ServerReply:
        raise NotImplementedError

    async def ask_nodes(self, request: Simple, count: int, *, timeout_s: float) -> Sequence[MemberAnswer]:
        return ()

    async def new_paths(self) -> None:
        return None

    def status(self) -> RoadStatus:
        return RoadStatus("bench", 1, 1, "off", (), 0, None)

    async def close(self) -> None:
        return None


class _opened:  # noqa: N801 - used as a function
    """A client that is open without its background work."""

    def __init__(self, directory: Path, road: FileRoad) -> None:
        self._opening = Client.open(_profile(directory), road=road)

    async def __aenter__(self) -> Client:
        self._client = await self._opening
        return self._client

    async def __aexit__(self, *exc: object) -> None:
        await self._client.close()


async def _engine(directory: Path) -> dict[str, float]:
    async with _opened(directory, FileRoad(directory)) as client:
        before = _peak_mib()
        began, cpu = time.perf_counter(), time.process_time()
        fetched = await client.receiving.fetch()
        taken, cpu = time.perf_counter() - began, time.process_time() - cpu
        peak = _peak_mib()
        kept = await client.read(lambda tables: tables.usage.get().messages)
        if fetched.refused or kept != fetched.new:
            raise SystemExit(f"{fetched.new} fetched, {fetched.refused} refused, {kept} kept")
    return {"s": taken, "cpu": cpu, "mib": peak, "before": before}


# -- the bare work -------------------------------------------------------------------------------------------------


async def _bare(directory: Path, protocol: str) -> dict[str, float]:
    async with await _profile(directory).open_store() as store:
        keys = await store.read(lambda tables: [key.keys for key in tables.devices.account_keys()])
        people = await store.read(lambda tables: tables.conversations.all(hidden=True))
        account = Account.from_seed(_SEED)
        before = _peak_mib()
        action = {"v1": _bare_v1, "v2": _bare_v2}[protocol](account)
        taken = cpu = crypto = 0.0
        for file in _pages(directory):
            items = _items(json.loads(file.read_text()))
            made = [_row(item, account, keys, people[0].id) for item in items]
            began, cpu_began = time.perf_counter(), time.process_time()
            for item in items:
                action(item.data)
            crypto += time.perf_counter() - began
            await store.run(lambda tables, made=made: _insert(tables, made))  # type: ignore[misc]
            taken += time.perf_counter() - began
            cpu += time.process_time() - cpu_began
        return {"s": taken, "cpu": cpu, "mib": _peak_mib(), "before": before, "crypto": crypto}


def _pages(directory: Path) -> list[Path]:
    return sorted(directory.glob("page *.json"), key=lambda each: int(each.stem.split()[1]))


def _items(body: Mapping[str, Any]) -> list[FetchedItem]:
    return [
        FetchedItem(each["hash"], base64.b64decode(each["data"]), each["timestamp"], each["expiration"])
        for each in body["messages"]
    ]


def _row(item: FetchedItem, account: Account, keys: Sequence[Any], conversation: str) -> NewMessage:
    """The row that a message becomes; made before the clock runs."""
    opened: Any = messages.open(item.data, account, keys)
    return NewMessage(
        conversation=conversation,
        author=AccountId(opened.sender),
        timestamp_ms=item.timestamp_ms,
        outgoing=False,
        kind="text",
        body=opened.content.decode("latin-1")[:BODY],
        content=opened.content,
        received_ms=item.timestamp_ms,
        storage_hash=item.hash,
        server_expiry_ms=item.expires_ms,
    )


def _insert(tables: Tables, rows: Sequence[NewMessage]) -> None:
    for row in rows:
        tables.messages.insert(row)
        assert row.storage_hash is not None
        tables.inbox.mark_seen(row.storage_hash, row.timestamp_ms)
        event = {"id": 1, "conversation": row.conversation, "text": row.body, "hash": row.storage_hash}
        tables.events.append("message", event, row.received_ms)


def _bare_v1(account: Account) -> Callable[[bytes], object]:
    """One box opened, one signature checked, the sender's key converted."""
    public, secret = random_bytes(32), random_bytes(32)
    public = bindings.crypto_scalarmult_base(secret)
    verifying, signing = bindings.crypto_sign_seed_keypair(random_bytes(32))
    plain = random_bytes(300)
    box = bindings.crypto_box_seal(plain, public)
    signed = bindings.crypto_sign(plain, signing)

    def act(_: bytes) -> None:
        bindings.crypto_box_seal_open(box, public, secret)
        bindings.crypto_sign_open(signed, verifying)
        bindings.crypto_sign_ed25519_pk_to_curve25519(verifying)

    return act


def _bare_v2(account: Account) -> Callable[[bytes], object]:
    """As in `message_v2.py`: two X25519, one decapsulation, one check, one conversion, four hashes, one decryption."""
    secret, ephemeral = random_bytes(32), bindings.crypto_scalarmult_base(random_bytes(32))
    mlkem = MLKEM768PrivateKey.from_seed_bytes(random_bytes(64))
    _, ciphertext = mlkem.public_key().encapsulate()
    verifying, signing = bindings.crypto_sign_seed_keypair(random_bytes(32))
    signed = bindings.crypto_sign(random_bytes(64), signing)
    plain = random_bytes(400)
    sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, b"", secret[:24], secret)

    def act(_: bytes) -> None:
        bindings.crypto_scalarmult(secret, ephemeral)
        bindings.crypto_scalarmult(secret, ephemeral)
        shared = mlkem.decapsulate(ciphertext)
        bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, b"", secret[:24], secret)
        hashlib.blake2b(shared + shared, digest_size=2, key=shared).digest()
        hashlib.sha3_256(shared * 4).digest()
        hashlib.shake_256(shared).digest(56)
        hashlib.blake2b(plain, digest_size=64, key=shared, person=_PERSON).digest()
        bindings.crypto_sign_open(signed, verifying)
        bindings.crypto_sign_ed25519_pk_to_curve25519(verifying)

    return act


if __name__ == "__main__":
    main()
