"""A device whose profile goes into a backup, and another one that is made of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.conversations.engines import Device
from tests.unit.store.samples import CHEAP
from veery.client.profile import Profile
from veery.runtime.randomness import random_bytes
from veery.store.backup import restore_backup
from veery.store.keys import KeyFile, Passphrase

WORDS = "of the backup"


async def backed_up(device: Device, directory: Path) -> Path:
    """The backup of a device as it is now."""
    target = directory / f"{device.name}{device.seed}.backup"
    await device.client.backup.create(target, Passphrase.of(WORDS, CHEAP))
    return target


async def restored(device: Device, backup: Path, directory: Path, number: int = 7) -> Device:
    """Another device that is made of a backup, open."""
    place, key = directory / f"restored{number}", KeyFile(directory / f"restored{number}.key")
    restore_backup(backup, Passphrase.of(WORDS, CHEAP), place, key, random_bytes, lambda _: None)
    made = replace(device, profile=Profile(place, key), seed=900 + number, opened=0, clients=[])
    await made.open()
    return made
