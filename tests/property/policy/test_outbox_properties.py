"""The outbox against a swarm that loses requests and answers, and a process that dies at any point."""

from __future__ import annotations

import json
from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.policy.networks import chance
from veery.errors import Retry
from veery.policy.outbox import (
    Delivery,
    OutgoingCopy,
    OutOfOrder,
    Step,
    advance,
    advance_main,
    advance_sync,
    new_copy,
    new_delivery,
    next_wakeup,
    step,
    wakeup,
)
from veery.policy.outbox_table import (
    TRANSITIONS,
    AttemptFailed,
    AttemptStarted,
    Cancelled,
    CopyState,
    Event,
    Expired,
    FailReason,
    ReadReceipt,
    Released,
    Restarted,
    Revived,
    RoadOpened,
    Sealed,
    StoreAnswered,
)

HASHES = {"main": "m" * 43, "sync": "s" * 43}
LIFE = 3_600_000
WAITING = (CopyState.HELD, CopyState.QUEUED, CopyState.SEALED)


def to_disk(copy: OutgoingCopy) -> str:
    """As a store would keep it: plain fields."""
    fields = asdict(copy)
    fields["state"] = copy.state.value
    fields["reason"] = copy.reason.value if copy.reason else None
    fields["tried"] = [member.hex() for member in copy.tried]
    return json.dumps(fields)


def from_disk(text: str) -> OutgoingCopy:
    fields = json.loads(text)
    fields["state"] = CopyState(fields["state"])
    fields["reason"] = FailReason(fields["reason"]) if fields["reason"] else None
    fields["tried"] = tuple(bytes.fromhex(member) for member in fields["tried"])
    return OutgoingCopy(**fields)


class Outbox(RuleBasedStateMachine):
    """One message with its mirror; the truth is `swarms`: which hashes really are on them."""

    @initialize(seed=st.integers(0, 2**32))
    def start(self, seed: int) -> None:
        self.randbelow = chance(seed)
        self.now = 0
        self.delivery = new_delivery(LIFE, sync_expires_ms=LIFE)
        self.swarms: dict[str, set[str]] = {"main": set(), "sync": set()}
        self.answers: dict[str, list[StoreAnswered]] = {"main": [], "sync": []}  # on their way, perhaps for ever
        self.confirmed: set[str] = set()  # answers that arrived
        self.refused: set[str] = set()
        self.cancelled = False
        self.receipt = False

    def copy(self, which: str) -> OutgoingCopy:
        copy = self.delivery.main if which == "main" else self.delivery.sync
        assert copy is not None
        return copy

    def feed(self, which: str, event: Event) -> None:
        function = advance_main if which == "main" else advance_sync
        self.delivery = function(self.delivery, event, self.now, self.randbelow)

    @rule(which=st.sampled_from(["main", "sync"]), fate=st.integers(0, 5), member=st.integers(0, 4))
    def act(self, which: str, fate: int, member: int) -> None:
        """Do what is due, if anything; an attempt may end in any way."""
        match step(self.copy(which), self.now):
            case Step.SEAL:
                self.feed(which, Sealed(HASHES[which]))
            case Step.EXPIRE:
                self.feed(which, Expired())
            case Step.SEND:
                self.feed(which, AttemptStarted(bytes([member])))
                self.attempt(which, fate)
            case None:
                pass

    def attempt(self, which: str, fate: int) -> None:
        if fate <= 2:  # it arrives; the answer is on its way, at once or later, or lost
            self.swarms[which].add(HASHES[which])
            self.answers[which].append(StoreAnswered(1 + fate, 5, HASHES[which]))
        if fate == 0:
            self.answer(which)
        elif fate == 3:
            self.feed(which, StoreAnswered(0, 5, HASHES[which]))
        elif fate == 4:
            self.feed(which, AttemptFailed("network.unreachable", Retry.ELSEWHERE))

    @rule(which=st.sampled_from(["main", "sync"]))
    def answer(self, which: str) -> None:
        if self.answers[which]:
            self.feed(which, self.answers[which].pop())
            self.confirmed.add(which)

    @rule(which=st.sampled_from(["main", "sync"]), retry=st.sampled_from([Retry.LATER, Retry.ELSEWHERE]))
    def send_in_vain(self, which: str, retry: Retry) -> None:
        """Attempts that reach nobody, each as soon as it is due."""
        for _ in range(3):
            at = wakeup(self.copy(which), self.now)
            if at is None or at >= self.copy(which).expires_ms:
                return
            self.now = max(self.now, at)
            self.act(which, fate=5, member=1)
            self.time_out(which, retry)

    @rule(which=st.sampled_from(["main", "sync"]), retry=st.sampled_from([Retry.LATER, Retry.ELSEWHERE]))
    def time_out(self, which: str, retry: Retry) -> None:
        if self.copy(which).state is CopyState.SENDING:
            self.feed(which, AttemptFailed("network.timeout", retry))

    @rule(which=st.sampled_from(["main", "sync"]))
    def refuse(self, which: str) -> None:
        if self.copy(which).state is CopyState.SENDING:
            self.feed(which, AttemptFailed("network.refused", Retry.NEVER))
            self.refused.add(which)

    @rule(ms=st.sampled_from([50, 100, 1_000, 5_000, 60_000, 300_000, LIFE]))
    def wait(self, ms: int) -> None:
        self.now += ms

    @rule(lose=st.booleans())
    def die(self, lose: bool) -> None:
        """Kill -9: only what is on disk comes back, and answers that were under way are lost or come to nobody."""
        assert self.delivery.sync is not None
        self.delivery = Delivery(from_disk(to_disk(self.delivery.main)), from_disk(to_disk(self.delivery.sync)))
        for which in ("main", "sync"):
            self.feed(which, Restarted())
            if lose:
                self.answers[which].clear()

    @rule()
    def road(self) -> None:
        for which in ("main", "sync"):
            self.feed(which, RoadOpened())

    @rule()
    def read(self) -> None:
        if HASHES["main"] in self.swarms["main"]:
            self.feed("main", ReadReceipt())
            self.receipt = True

    @rule(sure=st.integers(0, 9))
    def cancel(self, sure: int) -> None:
        if sure == 0:  # seldom, because it ends most of what can happen
            self.feed("main", Cancelled())
            self.cancelled = True

    @rule()
    def revive(self) -> None:
        self.feed("main", Revived())
        self.refused.discard("main")

    @invariant()
    def nothing_is_said_stored_without_an_answer(self) -> None:
        for which in ("main", "sync"):
            copy = self.copy(which)
            if copy.state in (CopyState.STORED, CopyState.READ):
                assert HASHES[which] in self.swarms[which]
                assert which in self.confirmed or (which == "main" and self.receipt)
            if copy.state is CopyState.STORED:
                assert 1 <= copy.stored_on <= copy.swarm_size

    @invariant()
    def nothing_is_lost(self) -> None:
        for which in ("main", "sync"):
            copy = self.copy(which)
            assert copy.hash in (None, HASHES[which])
            if copy.state in WAITING:
                assert wakeup(copy, self.now) is not None
            if copy.state is CopyState.FAILED:
                causes = {
                    FailReason.EXPIRED: self.now >= copy.expires_ms,
                    FailReason.REFUSED: which in self.refused,
                    FailReason.CANCELLED: self.cancelled,
                }
                assert copy.reason is not None
                assert causes[copy.reason]
            else:
                assert copy.reason is None

    @invariant()
    def the_mirror_never_goes_first(self) -> None:
        if self.swarms["sync"]:
            assert self.swarms["main"]

    def teardown(self) -> None:
        """With a swarm that answers, everything that was not given up arrives within the longest pause."""
        if not hasattr(self, "delivery") or self.now >= LIFE - 600_000:
            return
        self.die(lose=True)
        for _ in range(20):
            copies = [self.copy("main"), self.copy("sync")]
            at = next_wakeup([copy for copy in copies if copy.state is not CopyState.HELD], self.now)
            if at is None:
                break
            assert at - self.now <= 300_000
            self.now = at
            for which in ("main", "sync"):
                self.act(which, fate=0, member=0)
        assert self.copy("main").state in (CopyState.STORED, CopyState.READ, CopyState.FAILED)
        if self.copy("main").state is not CopyState.FAILED:
            assert self.delivery.synced or self.copy("sync").state is CopyState.FAILED


TestOutbox = Outbox.TestCase

EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.sampled_from(
        [Released(), ReadReceipt(), Expired(), Cancelled(), Revived(), Restarted(), RoadOpened(), Sealed("m" * 43)]
    ),
    st.builds(AttemptStarted, st.binary(min_size=1, max_size=1)),
    st.builds(StoreAnswered, st.integers(0, 5), st.just(5), st.sampled_from(["m" * 43, "x" * 43])),
    st.builds(AttemptFailed, st.just("network"), st.sampled_from(Retry)),
)


@given(st.lists(st.tuples(EVENTS, st.integers(0, 1_000_000)), max_size=60), st.booleans())
def test_any_event_in_any_order_follows_the_table_or_is_refused(steps: list[tuple[Event, int]], held: bool) -> None:
    copy = new_copy(LIFE, held=held)
    now = 0
    for event, pause in steps:
        now += pause
        try:
            after = advance(copy, event, now, chance(now))
        except OutOfOrder:
            assert type(event) not in TRANSITIONS[copy.state]
            continue
        assert after.state in TRANSITIONS[copy.state][type(event)]
        copy = after
        assert (copy.state is CopyState.FAILED) == (copy.reason is not None)
        assert from_disk(to_disk(copy)) == copy
