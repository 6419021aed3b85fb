"""The writer's decisions, with a clock that is an argument."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.registry.world import NETWORK, NOW, Chronicle, key_of, proof_of
from veery.registry.admission import Admission, AdmissionRules, NotAdmitted
from veery.registry.entries import Dropped, Event, Joined, Left, Moved
from veery.registry.proofs import ProofRefused, ProofStale

RULES = AdmissionRules(NETWORK, None, private_addresses=True, batch_ms=0)


class Desk:
    """An admission whose events are written into a history at once."""

    def __init__(self, rules: AdmissionRules = RULES) -> None:
        self.chronicle = Chronicle()
        self.admission = Admission(rules, {}, NOW)
        self.now_ms = NOW

    def prove(self, *numbers: int, **said: object) -> None:
        for number in numbers:
            self.admission.receive_proof(proof_of(number, self.now_ms, **said).encoded, self.now_ms)  # type: ignore[arg-type]

    def pass_time(self, seconds: float) -> list[Event]:
        self.now_ms += round(seconds * 1000)
        events = self.admission.events(self.now_ms)
        if events:
            self.chronicle.now_ms = self.now_ms
            self.chronicle.write(events)
            self.admission.adopt(self.chronicle.history.members)
        return events


def test_the_first_proof_lets_a_node_join() -> None:
    desk = Desk()
    desk.prove(1, 2)
    events = desk.pass_time(0)
    assert [type(event) for event in events] == [Joined, Joined]
    desk.now_ms += 30_000
    desk.prove(1, 2)
    assert desk.pass_time(0) == []


def test_events_wait_for_each_other() -> None:
    desk = Desk(replace(RULES, batch_ms=2_000))
    desk.prove(1)
    assert desk.admission.waiting
    assert desk.admission.get_timer() == NOW + 2_000
    assert desk.pass_time(1.5) == []
    desk.prove(2)
    assert len(desk.pass_time(0.5)) == 2
    assert not desk.admission.waiting


def test_another_address_or_version_is_told() -> None:
    desk = Desk()
    desk.prove(1)
    desk.pass_time(0)
    desk.now_ms += 1
    desk.prove(1, port=555)
    (moved,) = desk.pass_time(0)
    assert isinstance(moved, Moved)
    desk.now_ms += 1
    desk.prove(1, port=555, version=(2, 13, 0))
    assert len(desk.pass_time(0)) == 1
    assert desk.chronicle.history.members[key_of(1)].node.version == (2, 13, 0)


def test_silent_nodes_are_dropped_and_then_leave() -> None:
    desk = Desk()
    desk.prove(1, 2)
    desk.pass_time(0)
    for _ in range(4):
        desk.now_ms += 30_000
        desk.prove(1)
        assert desk.pass_time(0) == []
    assert desk.admission.get_timer() == desk.now_ms + 1
    assert desk.pass_time(0.001) == [Dropped(key_of(2))]
    gone: list[Event] = []
    while not gone:
        desk.now_ms += 60_000
        desk.prove(1)
        gone = desk.pass_time(0)
    assert gone == [Left(key_of(2))]
    assert desk.now_ms - NOW >= 3_600_000


def test_a_dropped_node_comes_back_with_a_proof() -> None:
    desk = Desk()
    desk.prove(1, 2)
    desk.pass_time(0)
    for _ in range(5):
        desk.now_ms += 30_000
        desk.prove(1)
        desk.pass_time(0)
    assert not desk.chronicle.history.members[key_of(2)].node.active
    desk.prove(2)
    assert [type(event) for event in desk.pass_time(0)] == [Joined]


def test_when_nobody_is_heard_nobody_is_dropped() -> None:
    desk = Desk()
    desk.prove(1, 2, 3)
    desk.pass_time(0)
    assert desk.pass_time(10_000) == []
    assert desk.admission.get_timer() is None
    desk.prove(1)
    assert desk.pass_time(0) == []
    desk.now_ms += 119_000
    desk.prove(1)
    assert desk.pass_time(0) == []
    assert desk.pass_time(2) == [Dropped(key) for key in sorted((key_of(2), key_of(3)))]


def test_a_start_gives_everybody_a_lifetime() -> None:
    desk = Desk()
    desk.prove(1, 2)
    desk.pass_time(0)
    later = NOW + 86_400_000
    again = Admission(RULES, desk.chronicle.history.members, later)
    again.receive_proof(proof_of(1, later).encoded, later)
    assert again.events(later) == []
    again.receive_proof(proof_of(1, later + 100_000).encoded, later + 100_000)
    assert again.events(later + 120_001) == [Dropped(key_of(2))]


def test_proofs_must_be_new_and_fresh() -> None:
    desk = Desk()
    desk.prove(1)
    with pytest.raises(ProofStale, match="not newer"):
        desk.prove(1)
    desk.pass_time(0)
    fresh = Admission(RULES, desk.chronicle.history.members, NOW)
    with pytest.raises(ProofStale, match="not newer"):
        fresh.receive_proof(proof_of(1, NOW).encoded, NOW)
    with pytest.raises(ProofStale, match="old"):
        desk.admission.receive_proof(proof_of(2, NOW - 61_000).encoded, NOW)
    with pytest.raises(ProofStale, match="ahead"):
        desk.admission.receive_proof(proof_of(2, NOW + 61_000).encoded, NOW)


def test_who_may_not_join() -> None:
    listed = Desk(replace(RULES, allow=frozenset({key_of(1)})))
    listed.prove(1)
    with pytest.raises(NotAdmitted, match="allow"):
        listed.prove(2)
    with pytest.raises(NotAdmitted, match="another network"):
        Desk().prove(1, network="other")
    strict = Desk(replace(RULES, private_addresses=False))
    for ip in ("127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.1.1", "100.64.0.1"):
        with pytest.raises(NotAdmitted, match="private_addresses"):
            strict.prove(1, ip=ip)
    strict.prove(1, ip="9.9.9.9")
    full = Desk(replace(RULES, nodes_max=2))
    full.prove(1, 2)
    with pytest.raises(NotAdmitted, match="full"):
        full.prove(3)
    full.now_ms += 1
    full.prove(2)


def test_an_address_belongs_to_one_node_while_its_proof_counts() -> None:
    desk = Desk()
    desk.prove(1, port=500)
    desk.pass_time(0)
    with pytest.raises(NotAdmitted, match="same address"):
        desk.prove(2, port=500)
    desk.now_ms += 121_000
    desk.prove(2, port=500)
    assert {type(event) for event in desk.pass_time(0)} == {Joined}


def test_a_refused_proof_changes_nothing() -> None:
    desk = Desk()
    for bad in (b"", proof_of(1, NOW).encoded[:-1]):
        with pytest.raises(ProofRefused):
            desk.admission.receive_proof(bad, NOW)
    assert not desk.admission.waiting
    assert desk.admission.events(NOW) == []


def test_a_proof_that_waited_through_a_jump_of_the_clock_is_left_out() -> None:
    desk = Desk(replace(RULES, batch_ms=1_000))
    desk.prove(1)
    assert desk.pass_time(3_600) == []
    assert desk.admission.get_timer() is None
    desk.prove(2)
    assert [type(event) for event in desk.pass_time(1)] == [Joined]
    assert list(desk.chronicle.history.members) == [key_of(2)]
