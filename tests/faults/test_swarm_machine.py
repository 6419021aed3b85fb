"""Members of a swarm under random requests and faults: nothing acknowledged is lost, and all agree in the end.

The rules that the machine holds the members to:

- a message whose store was answered with 200 is at every listed member in the end, as long as one that had it lives;
- a deleted or expired message is nowhere, except where a member that was *not listed* when it was deleted or shortened
  had it: nobody could tell that member, and what it hands to members that joined later is new to them;
- all listed members hold the same messages with the same expiry.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from nacl.signing import SigningKey

from tests.faults.memory_swarm import Member, Swarm
from tests.network import by_hand as hand
from tests.network.by_hand import Someone

T = TypeVar("T")
MINUTE = 60_000
LIVES = [2 * MINUTE, 60 * MINUTE, 24 * 60 * MINUTE]
SPACES = [0, 2]
PEOPLE = [Someone(SigningKey(bytes([at]) * 32)) for at in (1, 2)]
places = st.integers(0, 6)


@dataclass(slots=True)
class Known:
    """What the world knows of one message: until when it must be there, and until when it may be."""

    who: Someone
    namespace: int
    sure: int
    maybe: int


class SwarmMachine(RuleBasedStateMachine):
    """Members 1 to 3 at the beginning, up to 6."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.directory = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
        self.swarm = Swarm(self.directory)
        self.live: dict[str, Known] = {}
        self.undone: dict[str, Known] = {}  # deleted, while some member could not be told
        self.joined = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def relist(self, listed: dict[int, int]) -> None:
        async def see() -> None:
            self.swarm.relist(listed)

        self.run(see())

    @initialize()
    def begin(self) -> None:
        self.joined = 3
        members = [self.swarm.add(number) for number in (1, 2, 3)]
        self.relist({member.number: 0 for member in members})
        for member in members:
            self.run(member.start())

    def teardown(self) -> None:
        try:
            if self.joined:
                self.run(self.end())
        finally:
            for number in self.swarm.up:
                self.run(self.swarm.members[number].kill())
            self.runner.close()
            shutil.rmtree(self.directory)

    # -- requests ----------------------------------------------------------------------------------------------

    def serving(self) -> list[Member]:
        """Members that take requests: they run and see themselves in the list."""
        members = [self.swarm.members[number] for number in self.swarm.up]
        return [member for member in members if member.view.holds(PEOPLE[0].account)]

    def member(self, place: int) -> Member | None:
        serving = self.serving()
        return serving[place % len(serving)] if serving else None

    @rule(
        place=places,
        who=st.sampled_from(PEOPLE),
        space=st.sampled_from(SPACES),
        data=st.binary(max_size=1),
        life=st.sampled_from(LIVES),
    )
    def store(self, place: int, who: Someone, space: int, data: bytes, life: int) -> None:
        member = self.member(place)
        if member is None:
            return
        name = hand.message_hash(who.account, space, data)
        if name in self.undone and not self.all_reachable():
            return  # whether the deletion or the new store came last, only its owner knows
        self.undone.pop(name, None)
        self.swarm.advance(1)  # a message that is stored again is younger than its deletion
        params = hand.store(who, data, space, at=self.swarm.now_ms, ttl=life)
        code, body = self.run(member.ask_as_client("store", params))
        assert code == 200, body
        assert body["hash"] == name
        expiry, known = self.swarm.now_ms + life, self.live.get(name)
        if known is None:
            self.live[name] = Known(who, space, expiry, expiry)
        elif (
            known.sure == 0
        ):  # a copy that outlived a deletion keeps its time, and who remembers the deletion refuses it
            known.maybe = max(expiry, known.maybe)
        else:
            self.live[name] = Known(who, space, max(expiry, known.sure), max(expiry, known.maybe))

    @precondition(lambda self: self.live)
    @rule(place=places, which=st.integers(0, 100), everywhere=st.booleans())
    def delete(self, place: int, which: int, everywhere: bool) -> None:
        member = self.member(place)
        if member is None:
            return
        name = sorted(self.live)[which % len(self.live)]
        who, space = self.live[name].who, self.live[name].namespace
        if everywhere and self.all_reachable():
            names = [each for each, known in self.live.items() if (known.who, known.namespace) == (who, space)]
            code, body = self.run(member.ask_as_client("delete_all", hand.delete_all(who, space, at=self.swarm.now_ms)))
        else:
            names = [name]
            code, body = self.run(member.ask_as_client("delete", hand.delete(who, names)))
        assert code == 200, body
        missed = any("failed" in result for result in body["swarm"].values())
        for each in names:
            known = self.live.pop(each)
            if missed:
                self.undone[each] = Known(known.who, known.namespace, 0, known.maybe)
            if known.sure == 0 or self.strangers(member):
                self.live[each] = Known(known.who, known.namespace, 0, known.maybe)

    @precondition(lambda self: self.live)
    @rule(
        place=places, which=st.integers(0, 100), life=st.sampled_from(LIVES), how=st.sampled_from(["extend", "shorten"])
    )
    def expire(self, place: int, which: int, life: int, how: str) -> None:
        member = self.member(place)
        if member is None:
            return
        name = sorted(self.live)[which % len(self.live)]
        known = self.live[name]
        if how == "shorten" and not self.all_reachable():
            return  # a longer life that somebody still has is handed on: by the rules, and not to be foreseen
        expiry = self.swarm.now_ms + life
        code, body = self.run(member.ask_as_client("expire", hand.expire(known.who, [name], expiry, how)))
        assert code == 200, body
        if how == "extend":
            known.maybe = max(known.maybe, expiry)
            if all(name in result.get("updated", ()) for result in body["swarm"].values()):
                known.sure = known.sure and max(known.sure, expiry)
        else:
            known.sure = min(known.sure, expiry)
            known.maybe = known.maybe if self.strangers(member) else min(known.maybe, expiry)

    def all_reachable(self) -> bool:
        listed = set(self.swarm.listed)
        fresh = all(member.view.height == self.swarm.height for member in self.swarm.members.values() if member.running)
        idle = all(not self.swarm.members[number].owes() for number in self.swarm.up)
        return listed <= set(self.swarm.up) and not self.swarm.cut and not self.swarm.mute and fresh and idle

    def strangers(self, asked: Member) -> bool:
        """Whether there are members that the asked one does not know of: what they have stays as it is."""
        known = {node.ed25519 for node in asked.view.others()} | {asked.keys.ed25519}
        return any(member.keys.ed25519 not in known for member in self.swarm.members.values())

    # -- faults ------------------------------------------------------------------------------------------------

    @rule(place=places)
    def kill(self, place: int) -> None:
        up = self.swarm.up
        if up:
            self.run(self.swarm.members[up[place % len(up)]].kill())

    @rule(place=places)
    def restart(self, place: int) -> None:
        down = [number for number, member in self.swarm.members.items() if not member.running]
        if down:
            number = down[place % len(down)]
            self.run(self.swarm.members[number].start())
            if number not in self.swarm.listed:
                self.relist({**self.swarm.listed, number: 0})

    @rule(place=places)
    def unlist(self, place: int) -> None:
        """A member that was silent for too long is dropped from the list."""
        silent = [number for number in self.swarm.listed if number not in self.swarm.up]
        if silent:
            number = silent[place % len(silent)]
            self.relist({each: 0 for each in self.swarm.listed if each != number})

    @precondition(lambda self: self.joined < 6)
    @rule()
    def join(self) -> None:
        self.joined += 1
        # Who was not told of a deletion yet may hand the message to a member that knows nothing of it.
        self.live |= {name: known for name, known in self.undone.items() if name not in self.live}
        member = self.swarm.add(self.joined)
        self.relist({**self.swarm.listed, member.number: 0})
        self.run(member.start())

    @rule(place=places)
    def leave(self, place: int) -> None:
        """A member goes for good with its disk, if another that stays has all that it has, and it owes nothing.

        What it alone knows that others missed goes with it: those learn it when they ask for everything again.
        """
        numbers = [number for number in self.swarm.up if number in self.swarm.listed]
        if len(numbers) < 2:
            return
        number = numbers[place % len(numbers)]
        if self.swarm.members[number].owes():
            return
        others = [self.swarm.members[each] for each in numbers if each != number]
        has = {
            name: message.expiry for name, message in self.swarm.members[number].holds().items() if name in self.live
        }
        if not any(has.items() <= _expiries(other).items() and self.sees_all(other) for other in others):
            return
        self.run(self.swarm.members[number].kill())
        self.swarm.cut.discard(number)
        self.swarm.mute.discard(number)
        del self.swarm.members[number], self.swarm.listed[number]
        self.relist(self.swarm.listed)

    def sees_all(self, member: Member) -> bool:
        return member.view.height == self.swarm.height and not self.swarm.cut

    @rule(place=places)
    def cut_off(self, place: int) -> None:
        up = self.swarm.up
        if up:
            self.swarm.cut ^= {up[place % len(up)]}

    @rule(place=places)
    def lose_answers(self, place: int) -> None:
        up = self.swarm.up
        if up:
            self.swarm.mute ^= {up[place % len(up)]}

    @rule(seconds=st.sampled_from([1, 16, 61]))
    def let_time_pass(self, seconds: int) -> None:
        self.swarm.advance(seconds * 1000)
        self.run(self.swarm.turn())
        if self.all_reachable():
            self.undone.clear()
        self.sweep()

    def sweep(self) -> None:
        """Expired messages go, here and in the world."""
        for number in self.swarm.up:
            self.run(self.swarm.members[number].sweep())
        for name in [name for name, known in self.live.items() if known.maybe <= self.swarm.now_ms]:
            del self.live[name]

    # -- what must hold ----------------------------------------------------------------------------------------

    async def end(self) -> None:
        """Everybody comes back, and after a while all have the same."""
        self.swarm.cut.clear()
        self.swarm.mute.clear()
        for member in self.swarm.members.values():
            if not member.running:
                await member.start()
        self.swarm.relist(dict.fromkeys(self.swarm.members, 0))
        await self.swarm.settle()
        for member in self.swarm.members.values():
            await member.sweep()
        now = self.swarm.now_ms
        sure = {name for name, known in self.live.items() if known.sure > now}
        exact = {
            name: known.sure for name, known in self.live.items() if known.sure == known.maybe and known.sure > now
        }
        for member in self.swarm.members.values():
            holds = _expiries(member)
            assert not sure - holds.keys(), f"{member.number} lost {sure - holds.keys()}"
            assert not holds.keys() - {name for name, known in self.live.items() if known.maybe > now}, "came back"
            assert exact.items() <= holds.items(), (member.number, "dated otherwise")


def _expiries(member: Member) -> dict[str, int]:
    return {name: message.expiry for name, message in member.holds().items()}


def machine(examples: int, steps: int) -> None:
    run = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    )
    run_state_machine_as_test(SwarmMachine, settings=run)


def test_members_under_random_faults() -> None:
    machine(examples=150, steps=30)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_members_under_random_faults_for_long() -> None:
    machine(examples=3_000, steps=60)
