"""Every row of the table of 03.9, column of the newest library, as the road carries it out over nodes in memory.

Each test makes the event happen in the network itself (a hop refuses, a node is down), asks, and looks at what was
blamed: strikes by node, failures by path, nodes that left the pool.
"""

from __future__ import annotations

import pytest

from tests.network.memory_nodes import MemoryNetwork, MemoryNode
from tests.unit.network.keeping import INFO
from tests.unit.network.roads import Opened, opened
from veery.errors import NetworkError, PeerRefused
from veery.network.faults import NoAnswer, NodeRefused, SwarmMoved
from veery.network.road import MemberAnswer
from veery.network.time_keeper import TimeCorrected
from veery.protocol.storage_rpc.requests import Info, Retrieve


class Scene:
    """A road, an account, and a member of its swarm that is on no path."""

    def __init__(self, made: Opened) -> None:
        self.made = made
        self.network: MemoryNetwork = made.network
        self.account = made.free_account()
        self.member = made.free_member(self.account)
        self.before = {path.path_id: path for path in made.ready}

    def hop(self, place: int) -> list[MemoryNode]:
        """The nodes at this place of all paths, guards are 0."""
        return [self.network.nodes[path.hops[place].ed25519] for path in self.made.ready]

    def refuse_at(self, place: int, code: int, text: str) -> None:
        """The nodes at this place answer in clear; `{key}` is their own key."""
        for node in self.hop(place):
            node.refuses = (code, text.format(key=node.key.hex()))

    async def ask(self) -> MemberAnswer:
        """A retrieve at the member."""
        work = self.made.road.call(self.account, [Retrieve(self.account)], member=self.member.key)
        return (await self.made.run(work))[0]

    async def ask_once(self) -> None:
        """One onion request to the member without any repetition, whatever comes of it."""
        await self.made.run(self.made.road._ask(self.member.node, INFO, 10.0))

    @property
    def failures(self) -> list[int]:
        """Failures of the paths that stood at the beginning and still do."""
        return [path.failures for path in self.made.ready if path.path_id in self.before]

    @property
    def pool(self) -> set[bytes]:
        return {node.ed25519 for node in self.made.road._pool.nodes}

    def nothing_was_blamed(self) -> bool:
        same = {path.path_id for path in self.made.ready} == self.before.keys()
        return same and not self.made.strikes() and self.pool == set(self.network.nodes) and not sum(self.failures)


# -- the guard -----------------------------------------------------------------------------------------------------


async def test_connection_refused_drops_the_path_and_strikes_all_its_nodes() -> None:
    async with opened() as made:
        scene = Scene(made)
        lost = made.ready[0]
        for node in scene.hop(0):
            node.down = True
        await scene.ask_once()
        gone = [path for path in scene.before.values() if path.path_id not in {p.path_id for p in made.ready}]
        assert len(gone) == 1
        assert made.strikes() == {node.ed25519: 1 for node in gone[0].hops}
        assert lost in scene.before.values()


async def test_lost_guard_is_answered_over_another_path() -> None:
    async with opened() as made:
        scene = Scene(made)
        scene.hop(0)[0].down = True
        answers = [(await scene.ask()).status for _ in range(6)]
        assert answers == [200] * 6


async def test_timeout_blames_nobody() -> None:
    async with opened() as made:
        scene = Scene(made)
        scene.member.loses = True
        await scene.ask_once()
        assert scene.nothing_was_blamed()


async def test_silence_again_and_again_replaces_the_path() -> None:
    """A guard that takes everything and answers nothing is named by nobody; it must not hold us for ever."""
    async with opened() as made:
        scene = Scene(made)
        for node in scene.hop(0):
            node.silent = True
        for _ in range(20):
            try:
                await scene.ask()
            except NoAnswer:
                await made.settle(1)
        assert not scene.before.keys() & {path.path_id for path in made.ready}
        assert len(made.ready) == 2


# -- named nodes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Next node not found", "Next node is currently unreachable"])
async def test_named_hop_is_removed_and_the_path_fails_once(text: str) -> None:
    async with opened() as made:
        scene = Scene(made)
        lasts = {path.path_id: path.hops[2].ed25519 for path in made.ready}
        for node, last in zip(scene.hop(1), scene.hop(2), strict=True):
            node.refuses = (502, f"{text}: {last.key.hex()}")
        await scene.ask_once()
        removed = set(scene.network.nodes) - scene.pool
        assert len(removed) == 1 and removed <= set(lasts.values())
        assert sorted(scene.failures) == [0, 1]


@pytest.mark.parametrize("text", ["Next node not found", "Next node is currently unreachable"])
async def test_named_destination_is_removed_and_no_path_fails(text: str) -> None:
    async with opened() as made:
        scene = Scene(made)
        for node in scene.hop(2):
            node.refuses = (502, f"{text}: {scene.member.key.hex()}")
        await scene.ask_once()
        assert set(scene.network.nodes) - scene.pool == {scene.member.key}
        assert scene.failures == [0, 0]
        members = await made.run(made.road.members(scene.account))
        assert scene.member.key not in {node.ed25519 for node in members}


async def test_named_stranger_is_kept() -> None:
    """A relay cannot make us drop nodes that are neither on the path nor the destination (03.13, trap 8)."""
    async with opened() as made:
        scene = Scene(made)
        stranger = next(key for key in scene.network.nodes if key not in made.hops and key != scene.member.key)
        scene.refuse_at(2, 502, f"Next node not found: {stranger.hex()}")
        for _ in range(2):
            await scene.ask_once()
        assert stranger in scene.pool
        assert sum(scene.failures) == 2


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_node_that_is_not_ready_is_struck(place: int) -> None:
    async with opened() as made:
        scene = Scene(made)
        scene.refuse_at(place, 503, "Snode not ready: {key}")
        await scene.ask_once()
        (struck,) = made.strikes()
        assert struck in {node.key for node in scene.hop(place)}
        assert scene.failures == [0, 0]


async def test_destination_that_is_not_ready_is_struck() -> None:
    async with opened() as made:
        scene = Scene(made)
        scene.member.refuses = (503, f"Snode not ready: {scene.member.key.hex()}")
        await scene.ask_once()
        assert made.strikes() == {scene.member.key: 1}


@pytest.mark.parametrize("text", ["Service node is not ready: syncing\n", "Server busy, try again later"])
async def test_guard_that_is_busy_is_struck(text: str) -> None:
    async with opened() as made:
        scene = Scene(made)
        scene.refuse_at(0, 503, text)
        await scene.ask_once()
        (struck,) = made.strikes()
        assert struck in {node.key for node in scene.hop(0)}
        assert scene.failures == [0, 0]


# -- failures of the path ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "text"), [(504, "Request time out"), (500, "Invalid response from snode")])
async def test_path_failure(code: int, text: str) -> None:
    async with opened() as made:
        scene = Scene(made)
        scene.refuse_at(1, code, text)
        await scene.ask_once()
        assert sorted(scene.failures) == [0, 1]
        assert made.strikes() == {}


async def test_three_path_failures_retire_the_path_and_strike_its_nodes() -> None:
    async with opened() as made:
        scene = Scene(made)
        scene.refuse_at(1, 504, "Request time out")
        asked = 0
        while len(scene.failures) == 2 and asked < 10:
            await scene.ask_once()
            asked += 1
        (retired,) = [path for path in scene.before.values() if path.path_id not in {p.path_id for p in made.ready}]
        assert made.strikes() == {node.ed25519: 1 for node in retired.hops}
        for node in scene.network.nodes.values():
            node.refuses = None
        await made.settle(10)
        assert len(made.ready) == 2
        for path in made.ready:
            if path.path_id not in scene.before:
                assert not {node.ed25519 for node in path.hops} & {node.ed25519 for node in retired.hops}


async def test_three_strikes_drop_a_node() -> None:
    async with opened() as made:
        scene = Scene(made)
        scene.member.refuses = (503, f"Snode not ready: {scene.member.key.hex()}")
        for _ in range(3):
            await made.settle(1)
            await scene.ask_once()
        assert set(scene.network.nodes) - scene.pool == {scene.member.key}


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (400, "Invalid ciphertext"),
        (400, "onion request max path length exceeded"),
        (503, "Next hop congested"),
        (500, "what"),
        (418, ""),
        (302, "elsewhere"),
    ],
)
async def test_any_other_answer_of_the_path_blames_nobody(code: int, text: str) -> None:
    async with opened() as made:
        scene = Scene(made)
        scene.refuse_at(1, code, text)
        await scene.ask_once()
        assert scene.nothing_was_blamed()
        with pytest.raises(NoAnswer):
            await scene.ask()


async def test_fault_of_one_path_is_answered_over_the_other() -> None:
    async with opened() as made:
        scene = Scene(made)
        scene.hop(1)[0].refuses = (500, "what")
        assert [(await scene.ask()).status for _ in range(6)] == [200] * 6


# -- time ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [406, 425])
async def test_refused_time_on_one_path_asks_three_nodes(code: int) -> None:
    async with opened() as made:
        scene = Scene(made)
        scene.hop(1)[0].refuses = (code, "clock")
        for node in scene.network.nodes.values():
            node.clock_error_ms = 600_000
        scene.network.answered.clear()
        with pytest.raises(TimeCorrected):
            for _ in range(20):
                await scene.ask()
        assert scene.network.methods().count("info") in (1, 2, 3)  # some of the questions go over the same path
        assert made.strikes() == {} and sum(scene.failures) == 0


@pytest.mark.parametrize("code", [406, 425])
async def test_refused_time_on_all_paths_is_no_reason_to_doubt_the_clock(code: int) -> None:
    async with opened() as made:
        scene = Scene(made)
        scene.refuse_at(1, code, "clock")
        with pytest.raises(NoAnswer):
            await scene.ask()
        assert made.strikes() == {} and sum(scene.failures) == 0


async def test_refused_time_at_the_destination_asks_three_nodes_and_fails_the_call() -> None:
    async with opened() as made:
        scene = Scene(made)
        for node in scene.network.nodes.values():
            node.clock_error_ms = 600_000
        scene.member.storage = lambda node, body: (406, "clock") if b"retrieve" in body else None
        scene.network.answered.clear()
        with pytest.raises(TimeCorrected):
            await scene.ask()
        assert scene.network.methods().count("info") == 3
        assert scene.nothing_was_blamed()


# -- the destination -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "body"), [(401, "no"), (400, "invalid request: x"), (403, "ttl"), (404, {"swarm": {}}), (410, "gone")]
)
async def test_codes_that_are_the_callers_business_come_back(code: int, body: object) -> None:
    async with opened() as made:
        scene = Scene(made)
        scene.member.storage = lambda node, request: (code, body)
        scene.network.answered.clear()
        answer = await scene.ask()
        assert (answer.status, answer.body) == (code, body)
        assert len(scene.network.answered) == 1
        assert scene.nothing_was_blamed()


@pytest.mark.parametrize("code", [500, 503, 429])
async def test_other_codes_of_a_destination_blame_nobody_and_are_told(code: int) -> None:
    async with opened() as made:
        scene = Scene(made)
        scene.member.storage = lambda node, request: (code, "trouble")
        with pytest.raises(NodeRefused) as caught:
            await scene.ask()
        assert caught.value.code == code
        assert isinstance(caught.value, PeerRefused)
        assert scene.nothing_was_blamed()


async def test_other_codes_of_a_destination_are_asked_elsewhere_if_nobody_was_chosen() -> None:
    async with opened() as made:
        scene = Scene(made)
        members = scene.network.members(scene.account)
        for member in members[:2]:
            member.storage = lambda node, request: (500, "trouble")
        for _ in range(10):
            (answer,) = await made.run(made.road.call(scene.account, [Retrieve(scene.account)]))
            assert answer.status == 200
            assert answer.member.ed25519 in {member.key for member in members[2:]}


async def test_unparsable_chain_data_removes_the_destination() -> None:
    async with opened() as made:
        scene = Scene(made)
        scene.member.storage = lambda node, request: (502, "oxend returned unparsable data")
        await scene.ask_once()
        assert set(scene.network.nodes) - scene.pool == {scene.member.key}


async def test_answer_that_does_not_decrypt_blames_nobody() -> None:
    async with opened() as made:
        scene = Scene(made)
        for node in scene.hop(0):
            node.onion_answer = b"bm90aGluZw=="
        await scene.ask_once()
        assert scene.nothing_was_blamed()
        with pytest.raises(NoAnswer):
            await scene.ask()


async def test_empty_answer_blames_nobody() -> None:
    async with opened() as made:
        scene = Scene(made)
        for node in scene.hop(0):
            node.onion_answer = b""
        await scene.ask_once()
        assert scene.nothing_was_blamed()


# -- 421 -----------------------------------------------------------------------------------------------------------


def moved_to(network: MemoryNetwork, nodes: list[MemoryNode]) -> dict[str, object]:
    """The body of a 421 that names these nodes."""
    body = network.swarm_body(bytes(33))
    made = dict(body)
    entry = {"ip": "10.9.9.9", "port": "1", "port_https": 1, "port_omq": 1}
    made["snodes"] = [
        {**entry, **{f"pubkey_{kind}": node.key.hex() for kind in ("legacy", "ed25519", "x25519")}} for node in nodes
    ]
    return made


async def test_wrong_swarm_is_followed_once_at_a_member_that_is_named() -> None:
    async with opened() as made:
        scene = Scene(made)
        heirs = [node for node in scene.network.nodes.values() if node.node.swarm_id != scene.member.node.swarm_id][:3]
        for old in scene.network.members(scene.account):
            old.storage = lambda node, body: (421, moved_to(scene.network, heirs))
        for heir in heirs:
            heir.storage = lambda node, body: (200, {"messages": [], "more": False, "t": 1, "hf": [19, 4]})
        scene.network.answered.clear()
        (answer,) = await made.run(made.road.call(scene.account, [Retrieve(scene.account)]))
        assert answer.member.ed25519 in {heir.key for heir in heirs}
        assert len(scene.network.answered) == 2
        known = scene.network.nodes[answer.member.ed25519].node
        assert answer.member == known  # reached as the pool says, not as the answer says
        members = await made.run(made.road.members(scene.account))
        assert {node.ed25519 for node in members} == {heir.key for heir in heirs}
        assert scene.nothing_was_blamed()


async def test_wrong_swarm_inside_of_a_batch() -> None:
    async with opened() as made:
        scene = Scene(made)
        heir = next(node for node in scene.network.nodes.values() if node not in scene.network.members(scene.account))
        for old in scene.network.members(scene.account):
            part = {"code": 421, "body": moved_to(scene.network, [heir])}
            old.storage = lambda node, body, part=part: (200, {"results": [part, part]})
        fine = {"code": 200, "body": {"messages": [], "more": False, "t": 1, "hf": [19, 4]}}
        heir.storage = lambda node, body: (200, {"results": [fine, fine]})
        answers = await made.run(made.road.call(scene.account, [Retrieve(scene.account), Retrieve(scene.account, 5)]))
        assert [(answer.member.ed25519, answer.status) for answer in answers] == [(heir.key, 200)] * 2


async def test_wrong_swarm_is_not_followed_twice() -> None:
    async with opened() as made:
        scene = Scene(made)
        nodes = list(scene.network.nodes.values())
        for node in nodes:
            node.storage = lambda peer, body: (421, moved_to(scene.network, nodes)) if b"retrieve" in body else None
        scene.network.answered.clear()
        with pytest.raises(SwarmMoved) as caught:
            await made.run(made.road.call(scene.account, [Retrieve(scene.account)]))
        assert caught.value.code == 421
        assert scene.network.methods() == ["retrieve", "retrieve"]


async def strangers(scene: Scene) -> None:
    """Every member answers 421 with nodes that nobody knows."""
    unknown = [node for node in MemoryNetwork(40).nodes.values() if node.key not in scene.network.nodes]
    for old in scene.network.members(scene.account):
        old.storage = lambda node, body: (421, moved_to(scene.network, unknown)) if b"retrieve" in body else None


@pytest.mark.parametrize("body", [None, {}, "moved", {"snodes": []}, {"snodes": [1], "swarm": "x"}])
async def test_wrong_swarm_without_a_usable_list_refreshes_the_pool(body: object) -> None:
    async with opened() as made:
        scene = Scene(made)
        await made.settle(5)
        for old in scene.network.members(scene.account):
            if body is None:
                await strangers(scene)
            else:
                old.storage = lambda node, request: (421, body) if b"retrieve" in request else None
        scene.network.answered.clear()
        with pytest.raises(SwarmMoved):
            await made.run(made.road.call(scene.account, [Retrieve(scene.account)]))
        assert scene.network.methods().count("active_nodes_bin") == 3
        assert scene.pool == set(scene.network.nodes)


# -- batches -------------------------------------------------------------------------------------------------------


async def test_batch_whose_parts_fail_alike_has_failed_like_that() -> None:
    async with opened() as made:
        scene = Scene(made)
        trouble = {"results": [{"code": 500, "body": "a"}, {"code": 500, "body": "b"}]}
        members = scene.network.members(scene.account)
        for member in members[1:]:
            member.storage = lambda node, body: (200, trouble)
        statuses = set()
        for _ in range(12):
            try:
                answers = await made.run(made.road.call(scene.account, [Info(), Retrieve(scene.account)]))
            except NodeRefused as error:
                assert error.code == 500
            else:
                statuses |= {(answer.member.ed25519, answer.status) for answer in answers}
        assert statuses == {(members[0].key, 200)}


async def test_parts_that_fail_differently_come_back() -> None:
    async with opened() as made:
        scene = Scene(made)
        parts = [{"code": 401, "body": "no"}, {"code": 500, "body": "b"}]
        scene.member.storage = lambda node, body: (200, {"results": parts})
        answers = await made.run(
            made.road.call(scene.account, [Info(), Retrieve(scene.account)], member=scene.member.key)
        )
        assert [(answer.status, answer.body) for answer in answers] == [(401, "no"), (500, "b")]


async def test_batch_that_is_refused_whole() -> None:
    async with opened() as made:
        scene = Scene(made)
        scene.member.storage = lambda node, body: (400, "invalid request: x")
        answers = await made.run(
            made.road.call(scene.account, [Info(), Retrieve(scene.account)], member=scene.member.key)
        )
        assert [(answer.status, answer.body) for answer in answers] == [(400, "invalid request: x")] * 2


@pytest.mark.parametrize("results", [[], [{"code": 200}], [1, 2], "x", [{"code": 200, "body": {}}] * 3])
async def test_batch_in_the_wrong_form(results: object) -> None:
    async with opened() as made:
        scene = Scene(made)
        scene.member.storage = lambda node, body: (200, {"results": results})
        with pytest.raises(NoAnswer):
            await made.run(made.road.call(scene.account, [Info(), Info()], member=scene.member.key))


# -- small networks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [4, 5, 7])
async def test_small_network_on_one_machine_works(count: int) -> None:
    """Fewer nodes than two paths and a destination: paths share nodes, and are built around each destination."""
    network = MemoryNetwork(count, swarms=1, subnets=False)
    async with opened(network) as made:
        account = b"\x05" + bytes(32)
        for member in network.members(account):
            work = made.road.call(account, [Retrieve(account)], member=member.key)
            assert (await made.run(work))[0].status == 200
        assert made.road.status().diversity in ("addresses", "nodes")


async def test_attack_by_forged_complaints_leaves_a_working_network() -> None:
    """Guards that blame whoever comes next cannot empty the pool."""
    async with opened(MemoryNetwork(14)) as made:
        scene = Scene(made)
        network = scene.network
        for _ in range(15):
            for path in made.ready:
                guard = network.nodes[path.hops[0].ed25519]
                guard.refuses = (502, f"Next node not found: {path.hops[1].ed25519.hex()}")
            try:
                await made.run(made.road.call(scene.account, [Retrieve(scene.account)]))
            except NetworkError:
                continue
        assert len(scene.pool) >= 4
        for node in network.nodes.values():
            node.refuses = None
        assert (await made.run(made.road.call(scene.account, [Retrieve(scene.account)])))[0].status == 200
