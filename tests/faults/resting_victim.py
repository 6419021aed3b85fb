"""Work on a profile without an engine, until it is killed: `migrate` opens a store of a past release, `restore` makes
a profile of a backup. It tells `done STEPS` at its end, so that others can be killed before it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from tests.faults.steps import Steps
from tests.unit.store.frozen.fill_1 import PASSPHRASE as FROZEN_PASSPHRASE
from tests.unit.store.samples import PASSPHRASE
from veery.runtime.randomness import random_bytes
from veery.store.backup import restore_backup
from veery.store.database import Store
from veery.store.keys import KeyFile


def key_of(directory: Path) -> KeyFile:
    return KeyFile(directory.with_name(f"{directory.name}.key"))


async def migrate(directory: Path) -> None:
    await (await Store.open(directory, FROZEN_PASSPHRASE)).close()


async def restore(directory: Path, backup: str) -> None:
    restore_backup(Path(backup), PASSPHRASE, directory, key_of(directory), random_bytes, lambda _: None)


KINDS: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {"migrate": migrate, "restore": restore}


def main(told: int, steps: Steps, kind: str, directory: str, **rest: str) -> None:
    steps.arm(Path(directory))
    asyncio.run(KINDS[kind](Path(directory), **rest))
    os.write(told, b"done %d\n" % (steps.count() - 1))
