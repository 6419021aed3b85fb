"""What the saved state of a document is worth on a device that was restored from a backup (07.6, 07.9)."""

from __future__ import annotations

import pytest

from veery.protocol.account import Account
from veery.protocol.config import USER_PROFILE, AccountSealer, ConfigMalformed, ConfigObject, Phase, dumps
from veery.protocol.config.data import Data

SEALER = AccountSealer(Account.from_seed(bytes(range(16))))
NOW_MS = 1_795_600_000_000


def at(*steps: Data) -> ConfigObject:
    """A document after so many pushes that were confirmed."""
    held = ConfigObject(USER_PROFILE, SEALER)
    for number, data in enumerate(steps, 1):
        held.change(data)
        held.confirm(held.push(NOW_MS).seqno, [f"h{number}"])
    return held


def known(held: ConfigObject) -> tuple[ConfigObject, bool]:
    saved, seqno, pending = dumps.as_known(held.dump())
    again = ConfigObject(USER_PROFILE, SEALER, saved=saved)
    assert again.seqno == seqno
    assert again.needs_push == pending
    return again, pending


def test_what_the_swarm_has_stays_and_nothing_is_to_be_deleted() -> None:
    held = at({b"n": b"one"}, {b"n": b"two"})
    stored = at({b"n": b"one"}).push(NOW_MS).stored[0]
    held.merge([("again", stored)], NOW_MS)  # what is obsolete came back
    assert held.obsolete_hashes
    again, pending = known(held)
    assert (again.phase, again.data, again.current_hashes) == (Phase.CLEAN, {b"n": b"two"}, frozenset({"h2"}))
    assert not again.obsolete_hashes
    assert not pending


def test_a_draft_becomes_what_it_was_based_on_and_has_no_part_in_a_merge() -> None:
    held = at({b"n": b"one", b"x": b"kept"})
    held.change({b"n": b"draft", b"x": b"kept"})
    again, pending = known(held)
    assert (again.seqno, again.data, pending) == (0, {b"n": b"one", b"x": b"kept"}, False)
    held.change({b"n": b"what became of it", b"x": b"kept"})
    merged = again.merge([("h2", held.push(NOW_MS).stored[0])], NOW_MS)
    assert (merged.before[b"n"], merged.after[b"n"]) == (b"one", b"what became of it")
    assert (again.phase, again.seqno, again.current_hashes) == (Phase.CLEAN, 2, frozenset({"h2"}))


def test_when_the_swarm_has_nothing_what_is_known_is_written_again_with_the_next_change() -> None:
    held = at({b"n": b"one", b"x": b"kept"})
    held.change({b"n": b"draft", b"x": b"kept"})
    again, _ = known(held)
    again.change({b"n": b"changed", b"x": b"kept"})
    other = ConfigObject(USER_PROFILE, SEALER)
    other.merge([("h", again.push(NOW_MS).stored[0])], NOW_MS)
    assert other.data == {b"n": b"changed", b"x": b"kept"}


def test_what_was_handed_out_goes_out_again_as_it_was() -> None:
    held = at({b"n": b"one"})
    held.change({b"n": b"two"})
    stored = held.push(NOW_MS).stored
    again, pending = known(held)
    assert pending
    assert again.push(NOW_MS).stored == stored


@pytest.mark.parametrize("saved", [b"", b"de", b"d1:k0:e", b"d1:k1:x1:vi1ee", b"i1e"])
def test_what_is_no_saved_state_is_refused(saved: bytes) -> None:
    with pytest.raises(ConfigMalformed) as caught:
        dumps.as_known(saved)
    assert caught.value.kind == "config.dump"
