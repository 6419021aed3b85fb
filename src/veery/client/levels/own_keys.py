"""What this account can open, and what it publishes: the own side, as the levels of messages need it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from veery.policy.record_exchange import OwnEchoes
from veery.protocol.constants import RECORD_ECHO_KEPT_MS
from veery.protocol.devices import AccountKeys, account_record
from veery.protocol.devices.account_record import AccountRecord
from veery.protocol.devices.keys import HybridKeys, HybridPublic
from veery.store.tables import Tables


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """record: what is published now, None if nothing is; active: keys for copies to the own devices, None without."""

    record: AccountRecord | None = None
    active: HybridPublic | None = field(default=None, repr=False)


def own_keys(tables: Tables) -> OwnKeys:
    """What this account publishes, and the keys for copies to its own devices."""
    publishing, keys = tables.devices.publishing(), tables.devices.account_keys()
    raw = None if publishing.withdrawal_owed else publishing.raw
    record = None if raw is None else account_record.open(raw, tables.accounts.get().account_id.raw)
    # A key that no group message has carried yet cannot be read by the other devices.
    active = next((key for key in keys if key.distributed), keys.active)
    return OwnKeys(record, None if active is None else active.keys.public)


class OpeningKeys:
    """The pairs that open messages, kept between batches: deriving 35 of them takes as long as opening 30 messages.

    They are in memory alone, and no longer than their seeds are in the store (06.18.4 R7): a pair whose seed is gone is
    dropped by the next batch, and `forget` drops all at once.
    """

    def __init__(self) -> None:
        self._derived: Mapping[bytes, HybridKeys] = {}

    def of(self, tables: Tables) -> Callable[[], Sequence[HybridKeys]]:
        """What gives the pairs, the active one first. Deriving them takes time: not inside of a read."""
        keys = tables.devices.account_keys()
        seeds = {key.seed.reveal() for key in keys}
        self._derived = {seed: pair for seed, pair in self._derived.items() if seed in seeds}
        return lambda: self._pairs(keys)

    def forget(self) -> None:
        """Drop all pairs; they are derived again when they are needed."""
        self._derived = {}

    def _pairs(self, keys: AccountKeys) -> Sequence[HybridKeys]:
        held = self._derived
        pairs = [held.get(key.seed.reveal()) or key.keys for key in keys]
        self._derived = {pair.seed.reveal(): pair for pair in pairs}
        return pairs


def own_echoes(tables: Tables, network_ms: int) -> OwnEchoes:
    """The records that were published for this account. network_ms: network time.

    They are all of them when no other device publishes; after a restore, once what an earlier device has published can
    no longer be in use.
    """
    group = tables.devices.group()
    alone = group is not None and group.registered and len(group.rows) == 1
    echoes = tables.own_echoes.get(whole=alone)
    since_ms = echoes.since_ms
    settled = since_ms is not None and network_ms - since_ms > RECORD_ECHO_KEPT_MS
    return echoes if settled or not tables.accounts.get().restored else replace(echoes, whole=False)
