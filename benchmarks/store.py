"""What years of messages cost: a store of a million messages beside an empty one, and how much memory each step takes.

Each step runs in a process of its own that opens the store, so that its peak memory is its own. The reference of a time
is the same step on the empty store; that of memory, the same process on the empty store.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final, TypeAlias

from _report import Figure, parser, report

from veery.protocol.account import Account, AccountId
from veery.protocol.constants import DAY_MS
from veery.runtime.paths import private_directory
from veery.runtime.randomness import random_bytes
from veery.secret import Secret
from veery.store.backup import create_backup
from veery.store.conversations import CONTACT
from veery.store.database import FILES_NAME, NewProfile, Store
from veery.store.keys import Cost, KeyFile, Passphrase
from veery.store.message_values import AttachmentState, NewAttachment, NewMessage, Position
from veery.store.search import Search
from veery.store.tables import Tables

Step: TypeAlias = Callable[[Store, Path], Awaitable[None]]

NOW: Final = 1_764_000_000_000
CONVERSATIONS: Final = 200
FILES_EVERY: Final = 50  # messages to one file
_AT_ONCE: Final = 2_000  # messages of a transaction
_LETTERS: Final = "etaoinshrdlucmfwypvbgkjqxz"


def main() -> None:
    """Measure and report, or, as a child, run one step."""
    made = parser(__doc__.splitlines()[0])
    made.add_argument("--messages", type=int, help="how many (default: 1,000,000; with --quick 50,000)")
    made.add_argument("--step", nargs=2, help="run one step on the store of a directory (for its own use)")
    options = made.parse_args()
    if options.step:
        name, directory = options.step
        asyncio.run(_child(name, Path(directory)))
        return
    count = options.messages or (50_000 if options.quick else 1_000_000)
    with TemporaryDirectory() as home:
        empty, full = Path(home) / "empty", Path(home) / "full"
        _run("make 0", empty)
        filled = _run(f"make {count}", full)
        figures = [Figure(f"insert {count:,} messages", filled["ms"] * 1_000 / count, "us each")]
        for name in STEPS:
            rounds = 1 if name in ONCE else 3
            figures += _figures(name, empty, full, rounds)
        database = sum(each.stat().st_size for each in full.glob("store.db*"))
        figures.append(Figure("database on the disk", database / count, "bytes a message"))
        figures.append(Figure("memory of the insert", filled["mib"], "MiB"))
    report(figures, as_json=options.json)


def _figures(name: str, empty: Path, full: Path, rounds: int) -> Iterator[Figure]:
    pairs = [(_run(name, empty), _run(name, full)) for _ in range(rounds)]
    yield Figure(name, median(b["ms"] for _, b in pairs), "ms", median(a["ms"] for a, _ in pairs))
    yield Figure(f"{name}: memory", max(b["mib"] for _, b in pairs), "MiB", max(a["mib"] for a, _ in pairs))


def _run(step: str, directory: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--step", step, str(directory)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


async def _child(name: str, directory: Path) -> None:
    unlock = KeyFile(directory / "key")
    verb, _, number = name.partition(" ")
    if verb == "make":
        private_directory(directory)
        account = Account.from_seed(bytes(16))
        profile = NewProfile(account, "bench", NOW // 1_000, "[network]\nname = 'bench'\n")
        store = await Store.create(directory, unlock, profile, NOW)
        began = perf_counter()
        await _fill(store, directory, int(number))
    else:
        began = perf_counter()
        store = await Store.open(directory, unlock)
        if name != "open":
            if name not in ONCE:
                await STEPS[name](store, directory)  # once before, to warm up what opening leaves cold
            began = perf_counter()
            await STEPS[name](store, directory)
    taken = (perf_counter() - began) * 1_000
    await store.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    print(json.dumps({"ms": taken, "mib": peak}))


# -- what is in the store ------------------------------------------------------------------------------------------


class _Texts:
    """Messages of up to 20 words out of 20,000, common and rare ones as in a language; some in Chinese."""

    def __init__(self) -> None:
        self._random = random.Random(1)  # the same texts each time
        words = {"".join(self._random.choices(_LETTERS, k=self._random.randint(2, 10))) for _ in range(20_000)}
        self._words = sorted(words, key=lambda word: (len(word), word))
        self._weights = list(accumulate(1 / (rank + 5) for rank in range(len(self._words))))

    def one(self, number: int) -> str:
        if number % 20 == 0:
            return "".join(chr(0x4E00 + int(abs(self._random.gauss(0, 700)))) for _ in range(12))
        count = self._random.randint(2, 20)
        return " ".join(self._random.choices(self._words, cum_weights=self._weights, k=count))

    def rare(self) -> str:
        return self._words[-1]

    def common(self) -> str:
        return self._words[0]


def _contact(number: int) -> AccountId:
    return AccountId(b"\x05" + number.to_bytes(32))


async def _fill(store: Store, directory: Path, count: int) -> None:
    private_directory(directory / FILES_NAME)
    texts, own = _Texts(), Account.from_seed(bytes(16)).account_id
    chance = random.Random(2)  # the same each time

    def contacts(tables: Tables) -> None:
        for number in range(CONVERSATIONS):
            tables.conversations.ensure(_contact(number).hex, CONTACT, NOW)

    def some(tables: Tables, first: int) -> None:
        for number in range(first, min(first + _AT_ONCE, count)):
            # Few conversations hold most of what is said.
            contact = _contact(min(int(chance.expovariate(0.05)), CONVERSATIONS - 1))
            tables.messages.insert(_message(number, count, contact, own, texts.one(number)))

    await store.run(contacts)
    for first in range(0, count, _AT_ONCE):
        await store.run(lambda tables, first=first: some(tables, first))  # type: ignore[misc]


def _message(number: int, count: int, contact: AccountId, own: AccountId, body: str) -> NewMessage:
    outgoing = number % 3 == 0
    at = NOW - (count - number) * (3 * 365 * DAY_MS // max(count, 1))
    new = NewMessage(
        conversation=contact.hex,
        author=own if outgoing else contact,
        timestamp_ms=at,
        outgoing=outgoing,
        kind="text",
        body=body,
        content=bytes(40) + body.encode(),
        received_ms=at,
        storage_hash=f"{number:043}",
        server_expiry_ms=at + 14 * DAY_MS,
        read=True,
    )
    if number % FILES_EVERY:
        return new
    name = f"{number:032x}"
    file = NewAttachment(
        url=f"http://filev2.example/file/{name}",
        content_type="image/jpeg",
        file_name=f"{number}.jpg",
        size=100_000 + number % 1_000_000,
        state=AttachmentState.STORED,
        file=name,
        file_key=Secret(bytes(32)),
    )
    return replace(new, attachments=(file,))


# -- steps ---------------------------------------------------------------------------------------------------------


async def _nothing(_store: Store, _directory: Path) -> None:
    return


def _reading(work: Callable[[Tables], Any]) -> Step:
    async def step(store: Store, _directory: Path) -> None:
        await store.read(work)

    return step


def _searching(search: Search) -> Step:
    return _reading(lambda tables: tables.search.page(search, 20, NOW))


async def _trim(store: Store, _directory: Path) -> None:
    """Give up a thousand files by a rule."""

    def work(tables: Tables) -> None:
        tables.trimming.set_rule(None, 365 * DAY_MS, None, NOW)
        tables.trimming.trim(NOW, 1_000)

    await store.run(work)


async def _delete(store: Store, _directory: Path) -> None:
    """Delete the newest thousand messages of the largest conversation."""

    def work(tables: Tables) -> None:
        tables.messages.delete(each.id for each in tables.messages.page(_contact(0).hex, 1_000))

    await store.run(work)


async def _purge(store: Store, _directory: Path) -> None:
    await store.purge()


async def _write_anew(store: Store, _directory: Path) -> None:
    await store.purge(thorough=True)


async def _backup(store: Store, directory: Path) -> None:
    target, passphrase = directory / "backup", Passphrase.of("bench", Cost(ops=1, memory=8 * 1024))
    await store.snapshot(
        lambda db: create_backup(db, directory / FILES_NAME, target, passphrase, NOW, random_bytes, lambda _: None)
    )
    target.unlink()


_MIDDLE: Final = Position(NOW - 500 * DAY_MS)
_WORDS: Final = _Texts()
STEPS: Final[dict[str, Step]] = {
    "open": _nothing,
    "list of conversations": _reading(lambda tables: tables.conversations.all()),
    "first page": _reading(lambda tables: tables.messages.page(_contact(0).hex, 50)),
    "page in the middle": _reading(lambda tables: tables.messages.page(_contact(0).hex, 50, before=_MIDDLE)),
    "search a common word": _searching(Search((_WORDS.common(),))),
    "search a rare word": _searching(Search((_WORDS.rare(),))),
    "search one letter": _searching(Search(("e",))),
    "search Chinese": _searching(Search(("一丁",))),
    "search in one conversation": _searching(Search((_WORDS.common(),), conversation=_contact(150).hex)),
    "search two years back": _searching(Search((_WORDS.common(),), until_ms=NOW - 730 * DAY_MS)),
    "storage show": _reading(lambda tables: (tables.trimming.shares(NOW), tables.usage.get())),
    "trim 1,000 files": _trim,
    "delete 1,000 messages": _delete,
    "give space back": _purge,
    "write anew": _write_anew,
    "backup": _backup,
}
ONCE: Final = frozenset(
    {"storage show", "trim 1,000 files", "delete 1,000 messages", "give space back", "write anew", "backup"}
)  # they change the store, or take long


if __name__ == "__main__":
    main()
