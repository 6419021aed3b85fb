"""A kill at any point of a trim leaves no half state: a file is there for who refers to it, and gone for the others."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.store.samples import CHEAP, NOW
from veery.client.core import Core
from veery.client.hub import Hub
from veery.client.storage import StorageService
from veery.protocol.account import Account
from veery.protocol.constants import DAY_MS
from veery.runtime.clock import ManualClock
from veery.runtime.randomness import Randomness
from veery.secret import Secret
from veery.store.conversations import CONTACT
from veery.store.database import FILES_NAME, NewProfile, Store
from veery.store.keys import Passphrase
from veery.store.message_values import AttachmentState, NewAttachment, NewMessage
from veery.store.tables import Tables

ACCOUNT = Account.from_seed(bytes([1]) * 16)
PASSPHRASE = Passphrase.of("trim", CHEAP)
FILES = 12
OLD = 8  # of them
TRIMS = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.faults.test_trim_kills import trim
from veery.store.database import Store
left = int(sys.argv[2])
def step():
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
unlink, run = Path.unlink, Store.run
def unlinking(self, missing_ok=False):
    if self.parent.name != "files":
        return unlink(self, missing_ok)
    step(); unlink(self, missing_ok); step()
async def running(self, work):
    step()
    result = await run(self, work)
    step()
    return result
Path.unlink, Store.run = unlinking, running
asyncio.run(trim(Path(sys.argv[1])))
"""


def service(store: Store) -> StorageService:
    """The storage of a store, without a network."""
    core = Core(store, ACCOUNT, None, ManualClock(NOW), Randomness(), Hub())  # type: ignore[arg-type]
    return StorageService(core)


async def make(directory: Path) -> None:
    """A store with files, the older ones of which a rule fits."""
    own = ACCOUNT.account_id
    profile = NewProfile(ACCOUNT, "Me", NOW // 1_000, "[network]\nname = 'test'\n")

    def fill(tables: Tables) -> None:
        tables.conversations.ensure(own.hex, CONTACT, NOW)
        for number in range(FILES):
            at = NOW - (40 if number < OLD else 1) * DAY_MS + number
            new = NewMessage(own.hex, own, at, True, "text", f"text {number}", b"", at)
            file = f"file{number // 2}"  # two messages share a file
            attachment = NewAttachment("u", size=4, state=AttachmentState.STORED, file=file, file_key=Secret(bytes(32)))
            tables.messages.insert(replace(new, attachments=(attachment,)))
        tables.trimming.set_rule(None, 30 * DAY_MS, None, NOW)

    async with await Store.create(directory, PASSPHRASE, profile, NOW) as store:
        await store.run(fill)
    (directory / FILES_NAME).mkdir()
    for number in range(FILES // 2):
        (directory / FILES_NAME / f"file{number}").write_bytes(b"data")


async def trim(directory: Path) -> None:
    """What the killed process does."""
    async with await Store.open(directory, PASSPHRASE) as store:
        await service(store).begin()
        await service(store).trim()


def referred(tables: Tables) -> frozenset[str]:
    assert tables.usage.get().messages == FILES
    return tables.attachments.all_files()


@pytest.mark.parametrize("steps", range(0, 24, 3))
def test_a_kill_while_trimming(tmp_path: Path, steps: int) -> None:
    asyncio.run(make(tmp_path / "profile"))
    killed = subprocess.run([sys.executable, "-c", TRIMS, str(tmp_path / "profile"), str(steps)], check=False)
    asyncio.run(looked_at(tmp_path / "profile", ended=killed.returncode == 0))
    assert killed.returncode in (0, -signal.SIGKILL)


async def looked_at(directory: Path, *, ended: bool) -> None:
    def files() -> set[str]:
        return {each.name for each in (directory / FILES_NAME).iterdir()}

    async with await Store.open(directory, PASSPHRASE) as store:
        needed = await store.read(referred)
        assert needed <= files()  # nobody refers to a file that is gone
        storage = service(store)
        await storage.begin()
        assert files() == needed  # nothing is left that nobody needs
        await storage.trim()
        assert files() == {f"file{number}" for number in range(OLD // 2, FILES // 2)}
        assert await store.read(referred) == files()
        assert await store.read(lambda tables: tables.blobs.names()) == files()
        assert not ended or needed == files()


def test_the_killed_process_would_end_by_itself(tmp_path: Path) -> None:
    asyncio.run(make(tmp_path / "profile"))
    ended = subprocess.run([sys.executable, "-c", TRIMS, str(tmp_path / "profile"), "1000"], check=False)
    assert ended.returncode == 0
    asyncio.run(looked_at(tmp_path / "profile", ended=True))


async def test_a_file_that_was_begun_and_never_written_is_not_counted_after_the_next_start(tmp_path: Path) -> None:
    profile = NewProfile(ACCOUNT, "Me", NOW // 1_000, "[network]\nname = 'test'\n")
    async with await Store.create(tmp_path / "profile", PASSPHRASE, profile, NOW) as store:
        await store.run(lambda tables: tables.blobs.add("file", 4, NOW))
        assert not (tmp_path / "profile" / FILES_NAME).exists()  # the first file of all
        await service(store).begin()
        assert await store.read(lambda tables: tables.blobs.names()) == frozenset()
