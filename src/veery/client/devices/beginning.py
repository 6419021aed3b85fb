"""How a device begins: as the first of a new account, or as one of an account that was restored here (06.6.7)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from veery import __version__
from veery.policy import device_group
from veery.policy.device_group import DeviceInfo
from veery.policy.own_record import OwnRecord
from veery.protocol.crypto import RandomBytes
from veery.protocol.devices.record import cut
from veery.store.accounts import AccountRow
from veery.store.devices import Publishing
from veery.store.tables import Tables

PLATFORM: Final = "c"
_PART: Final = 1_000  # of a version number, 06.5.1


def info(description: str) -> DeviceInfo:
    """What a device says of itself. description: cut to 64 bytes of UTF-8."""
    major, minor, patch = (int(part) for part in __version__.split(".")[:3])
    return DeviceInfo(cut(description), PLATFORM, (major * _PART + minor) * _PART + patch)


def begin(tables: Tables, row: AccountRow, description: str, now_ms: int, random: RandomBytes) -> None:
    """Give a new store its device. A new account begins its group at once and may publish; a restored one does not."""
    if row.restored:
        tables.devices.save(device_group.restored(info(description), now_ms, random, row.device_id))
        return
    tables.devices.save(device_group.generated(info(description), now_ms, random, row.device_id))
    tables.devices.save_publishing(Publishing(OwnRecord(allowed=True)))


def begin_late(tables: Tables, now_ms: int, random: RandomBytes) -> None:
    """Give a store its device that has none: it comes from an older build, or from a backup. Nothing is known of other
    devices then, so the user is asked as for a restored account.
    """
    row = replace(tables.accounts.get(), restored=True)
    begin(tables, row, "", now_ms, random)
