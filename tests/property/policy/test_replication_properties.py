"""Replication: whatever happens to lists, nodes and requests, every member gets what one living holder has.

The promise and its limits. A *holder* of a message is a member of its swarm that has it; it may crash and come back. As
long as one holder stays, every other member gets the message, however members join, leave, move and crash. When the
message's swarm is another after a change (a new one near it, its own dissolved, or all members replaced at once), a
holder that was up at that moment hands it over; the next change must not come before that is done.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.property.policy.swarm_simulation import Membership, Message, Network, Node
from tests.unit.policy.networks import node
from veery.protocol.constants import DUMP_UNCONFIRMED_MAX

SERVICE = [node(number) for number in range(1, 10)]
RING = 2**64
PLACES = st.integers(0, RING - 1)


class Replication(RuleBasedStateMachine):
    """Lists change at random; a change that would break the promise's condition is left out."""

    @initialize(spread=st.lists(st.integers(0, 2), min_size=9, max_size=9), out=st.sets(st.integers(0, 8), max_size=3))
    def start(self, spread: list[int], out: set[int]) -> None:
        ids = [0, RING // 3, 2 * RING // 3]
        membership: Membership = {}
        for number, (each, place) in enumerate(zip(SERVICE, spread, strict=True)):
            if number not in out:
                membership.setdefault(ids[place], []).append(each)
        self.network = Network(membership, [each.ed25519 for each in SERVICE])
        self.holders: dict[Message, set[bytes]] = {}
        self.made = 0
        self.handing_over = False

    def members(self, membership: Membership, message: Message) -> set[bytes]:
        before, self.network.membership = self.network.membership, membership
        try:
            return {each.key for each in self.network.members(message)}
        finally:
            self.network.membership = before

    def swarm(self, membership: Membership, message: Message) -> int:
        before, self.network.membership = self.network.membership, membership
        try:
            return self.network.swarm_of(message)
        finally:
            self.network.membership = before

    # -- lists -----------------------------------------------------------------------------------------------------

    @precondition(lambda self: not self.handing_over)
    @rule(
        who=st.lists(st.integers(0, 8), min_size=1, max_size=4, unique=True),
        to=st.one_of(st.none(), st.integers(0, 3)),
        fresh=st.integers(1, RING - 2),
    )
    def move(self, who: list[int], to: int | None, fresh: int) -> None:
        """Some nodes leave (None), or go to a swarm that is there, or make a new one."""
        moving = {SERVICE[number].ed25519 for number in who}
        old = self.network.membership
        after = {swarm: [each for each in nodes if each.ed25519 not in moving] for swarm, nodes in old.items()}
        if to is not None:
            target = sorted(old)[to] if to < len(old) else fresh
            after.setdefault(target, []).extend(SERVICE[number] for number in who)
        after = {swarm: nodes for swarm, nodes in after.items() if nodes}
        if not after or not self.allowed(after):
            return
        self.network.change(after)

    @precondition(lambda self: not self.handing_over)
    @rule(swarm=st.integers(0, 5), members=st.sets(st.integers(0, 8), min_size=1, max_size=3))
    def replace_all(self, swarm: int, members: set[int]) -> None:
        """A swarm gets other members, all at once; its old ones go where the new ones were, or elsewhere."""
        old = self.network.membership
        target = sorted(old)[swarm % len(old)]
        coming = [SERVICE[number] for number in sorted(members) if SERVICE[number] not in old[target]]
        elsewhere = next((each for each in sorted(old) if each != target), None)
        if not coming or elsewhere is None:
            return
        after = {each: [n for n in nodes if n not in coming] for each, nodes in old.items()}
        after[elsewhere] = [*after[elsewhere], *old[target]]
        after[target] = coming
        after = {each: nodes for each, nodes in after.items() if nodes}
        if self.allowed(after):
            self.network.change(after)

    def allowed(self, after: Membership) -> bool:
        """Whether every message keeps a holder that does its duty; notes who the holders are then."""
        before = self.network.membership
        active = {each.ed25519 for nodes in after.values() for each in nodes}
        holders: dict[Message, set[bytes]] = {}
        handing_over = False
        for message, known in self.holders.items():
            was, now = self.swarm(before, message), self.swarm(after, message)
            same_members = self.members(before, message) & self.members(after, message)
            if was == now and same_members:
                holders[message] = known & self.members(after, message)
            else:
                handing_over = True
                stayers = {each.ed25519 for each in after.get(was, ())} & self.members(before, message)
                doing = known & (stayers or active)  # those left behind push; if none is, everybody does
                holders[message] = {key for key in doing if self.network.nodes[key].up}
            if not holders[message]:
                return False
        self.holders, self.handing_over = holders, handing_over
        return True

    # -- messages, crashes, requests -------------------------------------------------------------------------------

    @rule(place=PLACES, asked=st.integers(0, 8), missing=st.sets(st.integers(0, 8)))
    def store(self, place: int, asked: int, missing: set[int]) -> None:
        self.made += 1
        message = Message(f"m{self.made}", place)
        running = [each for each in self.network.members(message) if each.up]
        if not running:
            return
        member = running[asked % len(running)]
        self.network.client_stores(message, member, {SERVICE[number].ed25519 for number in missing} - {member.key})
        self.holders[message] = {member.key}

    @rule(
        places=st.lists(st.integers(0, RING - 1), min_size=4, max_size=10), asked=st.integers(0, 8), one=st.booleans()
    )
    def store_many(self, places: list[int], asked: int, one: bool) -> None:
        """So that dumps have several batches; `one`: only the asked member gets them at first."""
        for place in places:
            self.store(place, asked, set(range(9)) if one else set())

    @rule(number=st.integers(0, 8))
    def crash(self, number: int) -> None:
        if not self.handing_over:
            self.network.crash(self.named(number))

    @rule(number=st.integers(0, 8))
    def restart(self, number: int) -> None:
        each = self.named(number)
        if not each.up or self.handing_over:
            self.network.start(each)

    @rule(number=st.integers(0, 8))
    def work(self, number: int) -> None:
        self.network.work(self.named(number))

    @rule()
    def all_work(self) -> None:
        for each in self.network.nodes.values():
            self.network.work(each)

    @rule(index=st.integers(0, 200), arrives=st.booleans(), answered=st.booleans())
    def fate(self, index: int, arrives: bool, answered: bool) -> None:
        flying = self.network.flying
        if flying:
            self.network.decide(flying[index % len(flying)], arrives=arrives, answered=answered)

    @rule(fates=st.lists(st.tuples(st.integers(0, 200), st.booleans(), st.booleans()), min_size=3, max_size=12))
    def busy_network(self, fates: list[tuple[int, bool, bool]]) -> None:
        """All work, and what is under way ends in any order and in any way."""
        self.all_work()
        for index, arrives, answered in fates:
            self.fate(index, arrives, answered)
            self.all_work()

    @rule(ms=st.sampled_from([1_000, 10_000, 15_000, 60_000]))
    def wait(self, ms: int) -> None:
        self.network.now += ms

    @rule()
    def settle(self) -> None:
        self.network.settle()
        self.handing_over = False
        for message in self.holders:
            members = self.network.members(message)
            assert all(message in each.rows for each in members), message
            self.holders[message] = {each.key for each in members}

    def named(self, number: int) -> Node:
        return self.network.nodes[SERVICE[number].ed25519]

    @invariant()
    def batches_stay_few(self) -> None:
        if hasattr(self, "network"):
            windows = [(id(each.dump), each.window) for each in self.network.flying if each.dump is not None]
            assert all(windows.count(each) <= DUMP_UNCONFIRMED_MAX for each in windows)

    @invariant()
    def holders_have_what_they_hold(self) -> None:
        if hasattr(self, "network"):
            for message, keys in self.holders.items():
                assert keys
                assert all(message in self.network.nodes[key].rows for key in keys)

    def teardown(self) -> None:
        if hasattr(self, "network"):
            self.settle()


TestReplication = Replication.TestCase
