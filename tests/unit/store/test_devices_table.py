"""The group of the own devices comes back as it was kept, and what it has lost is gone from the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

from tests.unit.store.raw_pages import decrypted
from tests.unit.store.samples import NOW, PASSPHRASE, make_store
from veery.policy import device_group, device_membership
from veery.policy.device_group import DeviceGroup, DeviceInfo
from veery.policy.own_record import OwnRecord
from veery.protocol.constants import ACCOUNT_KEY_RETENTION_S, DEVICE_KEY_KEPT_MAX_S, SECOND_MS
from veery.store.devices import Publishing, secrets_of
from veery.store.tables import Tables

RANDOM = Random(6).randbytes
LATER = NOW + (ACCOUNT_KEY_RETENTION_S + DEVICE_KEY_KEPT_MAX_S) * SECOND_MS


def group() -> DeviceGroup:
    return device_group.generated(DeviceInfo("a laptop", "c"), NOW, RANDOM)


def rotated(state: DeviceGroup) -> DeviceGroup:
    told = replace(state, pushed_seqno=state.own.seqno)
    both = device_membership.rotate_device_key(device_group.rotate(told, NOW + 1, RANDOM), NOW + 1, RANDOM)
    return replace(both, pushed_seqno=both.own.seqno)


def test_nothing_is_there_at_first(tables: Tables) -> None:
    assert tables.devices.group() is None
    assert not len(tables.devices.account_keys())
    assert tables.devices.publishing() == Publishing()
    assert not tables.devices.erase_owed()


def test_a_group_comes_back(tables: Tables) -> None:
    state = group()
    tables.devices.save(state)
    kept = tables.devices.group()
    assert kept is not None
    assert kept.rows == state.rows
    assert secrets_of(kept) == secrets_of(state)
    active, held = state.account_keys.active, tables.devices.account_keys().active
    assert active is not None and held is not None
    assert held.seed.reveal() == active.seed.reveal()


def test_what_is_published_comes_back(tables: Tables) -> None:
    state = group()
    active = state.account_keys.active
    assert active is not None
    kept = Publishing(
        OwnRecord(True, active.keys.public, NOW, NOW // SECOND_MS, b"suspect!"), b"record", "foreign", True
    )
    tables.devices.save_publishing(kept)
    assert tables.devices.publishing() == kept
    tables.devices.save_publishing(Publishing())
    assert tables.devices.publishing() == Publishing()


def test_a_purge_is_owed_once_a_seed_is_gone_and_until_it_was_done(tables: Tables) -> None:
    state = rotated(group())
    tables.devices.save(state)
    tables.devices.save(replace(state, ready=True))
    assert not tables.devices.erase_owed()
    pruned = device_membership.prune(state, LATER, confirmed=True)
    tables.devices.save(pruned)
    owed = tables.devices.erase_owed()
    assert owed == 1
    tables.devices.save(group())
    tables.devices.erased(owed)
    assert tables.devices.erase_owed() == 1  # what was deleted while the purge ran
    tables.devices.erased(1)
    assert not tables.devices.erase_owed()


async def test_retired_seeds_are_in_no_page_of_the_file_after_a_purge(tmp_path: Path) -> None:
    """06.18.4 R7."""
    state = rotated(group())
    pruned = device_membership.prune(state, LATER, confirmed=True)
    seeds = {key.seed.reveal() for key in (*state.device_keys, *state.account_keys)}
    kept = {key.seed.reveal() for key in (*pruned.device_keys, *pruned.account_keys)}
    assert len(seeds) == 4 and len(kept) == 2
    async with await make_store(tmp_path) as store:
        await store.run(lambda tables: tables.devices.save(state))
        await store.purge()
        plain = decrypted(tmp_path, PASSPHRASE)
        assert all(seed in plain for seed in seeds)  # so the test can see them
        await store.run(lambda tables: tables.devices.save(pruned))
        assert any(seed in decrypted(tmp_path, PASSPHRASE) for seed in seeds - kept)  # in the log
        await store.purge()
        plain = decrypted(tmp_path, PASSPHRASE)
        assert all(seed in plain for seed in kept)
        assert not any(seed in plain for seed in seeds - kept)
