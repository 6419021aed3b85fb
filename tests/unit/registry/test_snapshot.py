"""Lookups in a snapshot."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.registry.world import Chronicle, key_of
from veery.protocol.constants import NO_SWARM
from veery.protocol.swarm.nodes import ServiceNode
from veery.registry.entries import Dropped
from veery.registry.snapshot import Snapshot


def node(number: int, swarm_id: int) -> ServiceNode:
    return ServiceNode(
        bytes([number]) * 32, bytes([number + 1]) * 32, bytes([number + 2]) * 32, "9.9.9.9", 1, 2, swarm_id
    )


def account_at(place: int) -> bytes:
    return b"\x05" + place.to_bytes(8, "big") + bytes(24)


def test_lookups_by_each_key() -> None:
    first, second = node(10, 0), node(20, 2**63)
    snapshot = Snapshot(7, bytes(32), nodes=(first, second))
    assert snapshot.by_legacy(first.legacy) is first
    assert snapshot.by_ed25519(second.ed25519) is second
    assert snapshot.by_x25519(second.x25519) is second
    assert snapshot.by_legacy(first.ed25519) is None
    assert snapshot.active_x25519 == {first.x25519, second.x25519}


def test_accounts_find_their_swarm() -> None:
    snapshot = Snapshot(7, bytes(32), nodes=(node(10, 0), node(20, 2**63), node(30, 2**63)))
    assert snapshot.swarm_of(account_at(5)) == 0
    assert snapshot.members_for(account_at(2**63 + 1)) == (node(20, 2**63), node(30, 2**63))
    assert snapshot.members(1) == ()


def test_decommissioned_and_unfunded_nodes_are_known_but_not_active() -> None:
    idle, poor = node(10, NO_SWARM), replace(node(20, 5), funded=False)
    snapshot = Snapshot(7, bytes(32), nodes=(idle, poor))
    assert snapshot.by_legacy(idle.legacy) is idle
    assert snapshot.active == ()
    assert snapshot.active_x25519 == frozenset()
    assert snapshot.swarm_of(account_at(5)) is None
    assert snapshot.members(NO_SWARM) == snapshot.members(None) == snapshot.members_for(account_at(5)) == ()


def test_unknown_keys_are_not_found() -> None:
    bare = ServiceNode(bytes([1]) * 32, b"", b"", "0.0.0.0", 0, 0, 3)
    snapshot = Snapshot(7, bytes(32), nodes=(bare,))
    assert snapshot.by_ed25519(b"") is None
    assert snapshot.active_x25519 == frozenset()
    assert snapshot.swarm_of(account_at(0)) == 3


def test_equality_is_of_values() -> None:
    assert Snapshot(1, bytes(32), nodes=(node(1, 1),)) == Snapshot(1, bytes(32), nodes=(node(1, 1),))
    assert Snapshot(1, bytes(32)) != Snapshot(2, bytes(32))


def test_a_history_gives_the_same_object_until_something_changes() -> None:
    chronicle = Chronicle()
    chronicle.join(1, 2, 3)
    history = chronicle.history
    first = history.snapshot(chronicle.now_ms)
    assert history.snapshot(chronicle.now_ms + 999) is first
    grown = history.snapshot(chronicle.now_ms + 5_000)
    assert (grown.height, grown.block_hash) == (5, first.block_hash)
    chronicle.write([Dropped(key_of(1))])
    assert history.snapshot(chronicle.now_ms).block_hash != first.block_hash
    assert len(history.snapshot(chronicle.now_ms).active) == 2
