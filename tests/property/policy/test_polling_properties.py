"""Polling a swarm whose members lag, keep back, lose cursors, are rebuilt and fail: everything comes exactly once."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.policy.networks import chance
from veery.policy.poll_schedule import Activity, PollRules
from veery.policy.polling import Cursor, Page, Poll, PolledItem, Poller

NAMESPACES = {2: -8, 0: -2}
MEMBERS = [bytes([n]) * 32 for n in range(5)]
PAGE = 3
START = 1_700_000_000_000


class Member:
    """A node's database: messages in its own order. What is on its way to it comes later."""

    def __init__(self) -> None:
        self.stored: dict[int, list[PolledItem]] = {namespace: [] for namespace in NAMESPACES}
        self.coming: list[tuple[int, PolledItem]] = []
        self.fails = False
        self.dead = False
        self.empty = False  # it lies: nothing here

    def arrive(self) -> None:
        for namespace, item in self.coming:
            if all(each.hash != item.hash for each in self.stored[namespace]):
                self.stored[namespace].append(item)
        self.coming.clear()

    def page(self, namespace: int, last_hash: str | None) -> Page:
        if self.empty:
            return Page([])
        hashes = [item.hash for item in self.stored[namespace]]
        begin = hashes.index(last_hash) + 1 if last_hash in hashes else 0
        return Page(self.stored[namespace][begin : begin + PAGE], more=begin + PAGE < len(hashes))


class Polling(RuleBasedStateMachine):
    """A client that dies at any point, with what it keeps on disk: seen hashes, messages, cursors."""

    @initialize(seed=st.integers(0, 2**32), count=st.integers(1, 5))
    def start(self, seed: int, count: int) -> None:
        self.seed = seed
        self.members = {key: Member() for key in MEMBERS[:count]}
        self.now = 0
        self.made = 0
        self.kept: Counter[str] = Counter()
        self.cursors: dict[tuple[bytes, int], str] = {}
        self.poll: Poll | None = None
        self.boot()

    def boot(self) -> None:
        cursors = [Cursor(member, namespace, last) for (member, namespace), last in self.cursors.items()]
        self.poller = Poller(NAMESPACES, chance(self.seed), PollRules(pages=5), cursors)
        self.poller.schedule.set_members(self.members)
        self.poll = None

    @rule(
        namespace=st.sampled_from(sorted(NAMESPACES)),
        on=st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=5),
        age=st.integers(0, 600_000),
    )
    def store(self, namespace: int, on: list[tuple[int, bool]], age: int) -> None:
        self.made += 1
        item = PolledItem(f"{namespace}/{self.made}", START + self.now - age)
        for index, lags in on:
            member = list(self.members.values())[index % len(self.members)]
            member.coming.append((namespace, item))
            if not lags:
                member.arrive()

    @rule(index=st.integers(0, 4), what=st.sampled_from(["arrive", "fails", "empty", "works", "rebuilt", "dead"]))
    def change(self, index: int, what: str) -> None:
        member = list(self.members.values())[index % len(self.members)]
        if what == "arrive":
            member.arrive()
        elif what == "rebuilt":  # its database was lost and filled again in another order: it knows no cursor any more
            for namespace, stored in member.stored.items():
                rest = [item for item in reversed(stored) if item.hash not in self.cursors.values()]
                member.stored[namespace] = rest
        elif what == "works":
            member.fails = member.empty = False
        elif what == "dead":
            member.dead = sum(each.dead for each in self.members.values()) < len(self.members) - 1
        else:
            setattr(member, what, True)

    @rule(namespace=st.sampled_from(sorted(NAMESPACES)), index=st.integers(0, 4), place=st.integers(0, 20))
    def expire(self, namespace: int, index: int, place: int) -> None:
        """A message that was fetched goes; a cursor may point at it."""
        stored = list(self.members.values())[index % len(self.members)].stored[namespace]
        if stored and self.kept[stored[place % len(stored)].hash]:
            del stored[place % len(stored)]

    @rule(ms=st.sampled_from([0, 1_000, 5_000, 60_000, 600_000]))
    def wait(self, ms: int) -> None:
        self.now += ms

    @rule()
    def send(self) -> None:
        if self.poll is None:
            self.poll = self.poller.poll_to_send(self.now)

    @rule(dies=st.booleans())
    def answer(self, dies: bool) -> None:
        poll, self.poll = self.poll, None
        if poll is None:
            return
        member = self.members[poll.member]
        if member.fails or member.dead:
            self.poller.failed(poll, self.now)
            return
        pages = {ask.namespace: member.page(ask.namespace, ask.last_hash) for ask in poll.asks}
        polled = self.poller.receive(poll, pages, self.kept.keys(), self.now, START + self.now)
        if dies:  # before the transaction
            self.boot()
            return
        self.kept.update(each.item.hash for each in polled.fetched)
        self.cursors.update({(each.member, each.namespace): each.last_hash for each in polled.cursors})

    @rule()
    def die(self) -> None:
        self.boot()

    @rule()
    def resume(self) -> None:
        self.poller.schedule.resumed(self.now)

    @rule(activity=st.sampled_from(Activity))
    def activity(self, activity: Activity) -> None:
        self.poller.schedule.set_activity(activity)

    @invariant()
    def nothing_comes_twice(self) -> None:
        if hasattr(self, "kept"):
            assert all(count == 1 for count in self.kept.values())

    @invariant()
    def the_next_poll_has_a_time(self) -> None:
        if hasattr(self, "poller") and self.poll is None:
            timer = self.poller.schedule.get_timer()
            assert timer is not None
            assert timer <= self.now + 300_000

    def teardown(self) -> None:
        """Members that live are polled in turn, whatever happened; what any of them has arrives."""
        if not hasattr(self, "members"):
            return
        for member in self.members.values():
            member.fails = False
        self.answer(dies=False)
        for _ in range(40 + self.made * 2):
            timer = self.poller.schedule.get_timer()
            assert timer is not None
            self.now = max(self.now, timer)
            self.send()
            self.answer(dies=False)
        honest = [each for each in self.members.values() if not each.dead and not each.empty]
        there = {item.hash for each in honest for stored in each.stored.values() for item in stored}
        assert there <= self.kept.keys()
        self.nothing_comes_twice()


TestPolling = Polling.TestCase
