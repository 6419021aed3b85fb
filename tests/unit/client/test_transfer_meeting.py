"""Meeting in a swarm: what guessers, forgers and a bad network get out of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from spake2 import SPAKE2_Symmetric

from tests.conversations.memory_swarm import Fate, MemoryRoad, MemorySwarm
from tests.unit.client.test_transfer import ID, SECRET, backup
from tests.unit.store.samples import PASSPHRASE
from veery.client.transfer import (
    CodeNotTheSame,
    Offered,
    ServerSender,
    TransferBroken,
    TransferCode,
    TransferFault,
    receive_by_server,
)
from veery.client.transfer.meeting import RUN_SIZE, RUNS_MAX, Frame, Meeting, MeetingPlace
from veery.client.transfer.server_sender import Kept
from veery.client.transfer.session import SPAKE_SIZE, Session, agree
from veery.errors import Misuse
from veery.protocol.attachments import FileServer, http_id
from veery.protocol.crypto import XCHACHA_NONCE_SIZE, blake2b, ed25519_from_seed, xchacha_encrypt
from veery.protocol.onion import ServerDestination, ServerReply, ServerRequest
from veery.runtime.clock import SystemClock
from veery.runtime.randomness import Randomness, random_bytes
from veery.secret import Secret

CODE = TransferCode.parse("482193-anchor-mustard")
WRONG = TransferCode.parse("482193-anchor-mystery")
CLOCK, RANDOM = SystemClock(), Randomness()
SERVER = FileServer(ed25519_from_seed(bytes(32))[0], "files.example")
LOOK_S = 0.01


class World:
    """A swarm and a file server, both in memory."""

    def __init__(self) -> None:
        self.swarm = MemorySwarm(CLOCK)
        self.files: dict[str, bytes] = {}
        self.fates: list[Fate] = []
        self.ttl: set[str] = set()

    def road(self) -> MemoryRoad:
        road = MemoryRoad(self.swarm, lambda: self.fates.pop() if self.fates else Fate.ARRIVES)
        road.server = self._serve
        return road

    def place(self) -> MeetingPlace:
        assert CODE.nameplate is not None
        return MeetingPlace(self.road(), CODE.nameplate, CLOCK, RANDOM)

    async def _serve(self, server: ServerDestination, request: ServerRequest) -> ServerReply:
        if request.method == "POST":
            assert request.body is not None
            name = http_id(request.body).text
            self.files[name] = request.body
            self.ttl.add(str(request.headers["X-FS-TTL"]))
            return ServerReply(200, {}, msgspec.json.encode({"id": name}))
        found = self.files.get(request.endpoint.removeprefix("/file/"))
        return ServerReply(404, {}, b"") if found is None else ServerReply(200, {}, found)


@pytest.fixture
def world() -> World:
    return World()


@asynccontextmanager
async def offering(world: World, target: Path) -> AsyncIterator[tuple[Offered, asyncio.Task[None]]]:
    offered = Offered(target, SECRET, ID, CODE, Secret(bytes(32)))
    sender = ServerSender(world.road(), SERVER, offered, lambda *_: None, CLOCK, RANDOM, look_s=LOOK_S)
    running = asyncio.create_task(sender.run())
    try:
        yield offered, running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def receive(world: World, directory: Path, code: TransferCode = CODE) -> int:
    summary = await receive_by_server(world.road(), SERVER, code, directory, PASSPHRASE, lambda *_: None, look_s=LOOK_S)
    return summary.rows["messages"]


def _exchange(code: TransferCode) -> SPAKE2_Symmetric:
    return SPAKE2_Symmetric(code.text.encode(), idSymmetric=b"veery transfer 1")


async def test_a_profile_moves_and_nothing_stays_in_the_swarm(tmp_path: Path, world: World) -> None:
    async with offering(world, await backup(tmp_path, 1_000)) as (_, running):
        assert await receive(world, tmp_path / "new") == 1_000
        await running
    assert not await world.place().look()
    assert world.ttl == {"86400"}
    assert not list((tmp_path / "new").glob("*.part"))


async def test_guesses_that_come_together_count_together(tmp_path: Path, world: World) -> None:
    """Whoever sends all proofs at once gets no more than three: the right one after them is refused."""
    async with offering(world, await backup(tmp_path)) as (offered, running):
        place = world.place()
        guesses = [f"482193-anchor-{word}" for word in ("abbey", "zoom", "mystery", "mustard")]
        exchanges = [_exchange(TransferCode.parse(each)) for each in guesses]
        runs = [random_bytes(RUN_SIZE) for _ in guesses]
        for run, exchange in zip(runs, exchanges, strict=True):
            await place.post(Frame(run, 1, 0, exchange.start()))
        answers: dict[bytes, bytes] = {}
        while len(answers) < len(runs):
            answers |= {each.run: each.data for each in await place.look() if each.side == 0}
            await asyncio.sleep(0)
        # Nothing but greetings was said so far: there is nothing to check a guess with.
        assert all(len(each) == SPAKE_SIZE for each in answers.values())
        for run, exchange in zip(runs, exchanges, strict=True):
            key = blake2b(32, b"new device", key=exchange.finish(answers[run]))
            await place.post(Frame(run, 1, 1, xchacha_encrypt(key, bytes(XCHACHA_NONCE_SIZE), b"")))
        with pytest.raises(CodeNotTheSame):
            await running
        assert offered.guesses == 3
        assert all(each.number <= 1 for each in await place.look() if each.side == 0)  # no offer was made
    assert not world.files


async def test_three_wrong_codes_end_the_offer(tmp_path: Path, world: World) -> None:
    async with offering(world, await backup(tmp_path)) as (_, running):
        for _ in range(3):
            with pytest.raises(CodeNotTheSame):
                await receive(world, tmp_path / "new", WRONG)
        with pytest.raises(CodeNotTheSame):
            await running
    assert not (tmp_path / "new" / "store.json").exists()


async def test_a_wrong_proof_is_kept_before_its_guesser_is_told(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a kill in between does not give the guess back."""
    happened: list[str] = []

    class Noting(Kept):
        async def guessed(self, guesses: int) -> None:
            happened.append(f"kept {guesses}")

    refuse = Session.refuse

    async def refused(session: Session) -> None:
        happened.append("told")
        await refuse(session)

    monkeypatch.setattr(Session, "refuse", refused)
    offered = Offered(await backup(tmp_path), SECRET, ID, CODE, Secret(bytes(32)), guesses=1)
    sender = ServerSender(world.road(), SERVER, offered, lambda *_: None, CLOCK, RANDOM, kept=Noting(), look_s=LOOK_S)
    running = asyncio.create_task(sender.run())
    for _ in range(2):
        with pytest.raises(CodeNotTheSame):
            await receive(world, tmp_path / "new", WRONG)
    with pytest.raises(CodeNotTheSame):
        await running
    assert happened == ["kept 2", "told", "kept 3", "told"]


async def test_an_offer_whose_guesses_are_spent_does_not_go_on(tmp_path: Path, world: World) -> None:
    offered = Offered(await backup(tmp_path), SECRET, ID, CODE, Secret(bytes(32)), guesses=3)
    with pytest.raises(CodeNotTheSame):
        await ServerSender(world.road(), SERVER, offered, lambda *_: None, CLOCK, RANDOM, look_s=LOOK_S).run()


async def test_what_waits_for_an_old_device_is_little(world: World) -> None:
    """Whoever knows the nameplate can leave frames for it, in every run."""
    for begun, most in ((lambda _: None, 16), (None, 1_024)):
        pipe = Meeting(world.place(), CLOCK, begun=begun).begin(bytes(RUN_SIZE))
        for number in range(2_000):
            pipe.take(Frame(bytes(RUN_SIZE), 0, number, b""))
        assert len(pipe._frames) == most


async def test_runs_of_before_a_restart_are_no_guesses(tmp_path: Path, world: World) -> None:
    target = await backup(tmp_path)
    place, run = world.place(), random_bytes(RUN_SIZE)
    for frame in (Frame(run, 1, 0, _exchange(CODE).start()), Frame(run, 0, 0, _exchange(CODE).start())):
        await place.post(frame)
    await place.post(Frame(run, 1, 1, bytes(16)))  # a proof for a key that the old device had before it was killed
    async with offering(world, target) as (offered, running):
        assert await receive(world, tmp_path / "new") == 3
        await running
        assert offered.guesses == 0


async def test_a_crowd_ends_the_offer(tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("veery.client.transfer.server_sender._WATCH_S", 0.01)
    async with offering(world, await backup(tmp_path)) as (_, running):
        place = world.place()
        for _ in range(RUNS_MAX + 1):
            await place.post(Frame(random_bytes(RUN_SIZE), 1, 0, SPAKE2_Symmetric(b"x").start()))
        with pytest.raises(TransferFault, match="somebody else"):
            await running


async def test_what_others_leave_in_the_place_harms_nothing(tmp_path: Path, world: World) -> None:
    place = world.place()
    run = random_bytes(RUN_SIZE)
    for frame in (
        Frame(b"short", 1, 0, b""),
        Frame(run, 7, 0, b""),
        Frame(run, 1, -1, b""),
        Frame(run, 1, 0, b"no greeting"),
        Frame(random_bytes(RUN_SIZE), 1, 0, bytes(SPAKE_SIZE)),
        Frame(random_bytes(RUN_SIZE), 1, 0, b"S" + bytes(SPAKE_SIZE - 1)),
        Frame(random_bytes(RUN_SIZE), 1, 0, b"S" + b"\xff" * (SPAKE_SIZE - 1)),
        Frame(random_bytes(RUN_SIZE), 1, 5, b"in the middle"),
        Frame(random_bytes(RUN_SIZE), 1, 0, bytes(60_000)),
    ):
        await place.post(frame)
    async with offering(world, await backup(tmp_path)) as (_, running):
        assert await receive(world, tmp_path / "new") == 3
        await running


async def test_a_network_that_loses_and_repeats(tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("meeting", "pieces"):
        monkeypatch.setattr(f"veery.client.transfer.{module}._PAUSES_S", (0.0, 0.0, 0.0, 0.0))
    async with offering(world, await backup(tmp_path, 1_000)) as (_, running):
        # Four failures in all: nobody, whoever comes to meet them, fails in each of the five attempts there are.
        failing = [Fate.LOST, Fate.ANSWER_LOST]
        world.fates = [Fate.ARRIVES, *failing, Fate.REPEATS, Fate.ARRIVES, Fate.REPEATS, *failing, Fate.REPEATS]
        assert await receive(world, tmp_path / "new") == 1_000
        await running


async def test_a_piece_that_was_changed_is_refused(tmp_path: Path, world: World) -> None:
    async with offering(world, await backup(tmp_path)) as (offered, running):
        upload = world._serve

        async def changed(server: ServerDestination, request: ServerRequest) -> ServerReply:
            reply = await upload(server, request)
            if request.method == "GET":
                return ServerReply(reply.code, reply.headers, reply.body[:-1] + bytes([reply.body[-1] ^ 1]))
            return reply

        road = world.road()
        road.server = changed
        with pytest.raises(TransferBroken):
            await receive_by_server(road, SERVER, CODE, tmp_path / "new", PASSPHRASE, lambda *_: None, look_s=LOOK_S)
        assert not running.done()  # the new device may try again
        assert offered.guesses == 0
        assert await receive(world, tmp_path / "new") == 3
        await running


async def test_codes_are_for_one_way(tmp_path: Path, world: World) -> None:
    local = TransferCode.parse("4821-anchor-mustard")
    with pytest.raises(Misuse):
        await receive(world, tmp_path / "new", local)
    with pytest.raises(Misuse):
        offered = Offered(await backup(tmp_path), SECRET, ID, local, Secret(bytes(32)))
        ServerSender(world.road(), SERVER, offered, lambda *_: None, CLOCK, RANDOM)


async def test_nobody_at_the_code(tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("veery.client.transfer.meeting.GREETING_S", 0.05)
    with pytest.raises(TransferBroken, match="no device answers"):
        await receive(world, tmp_path / "new")


async def test_the_old_device_says_nothing_before_the_proof(world: World) -> None:
    """A guesser who ends after the greeting has nothing to hold a guess against."""
    old, new = Meeting(world.place(), CLOCK, begun=lambda _: None, look_s=LOOK_S), world.place()
    run = random_bytes(RUN_SIZE)
    listening = asyncio.create_task(old.listen())
    agreeing = asyncio.create_task(agree(old.begin(run), CODE, old_device=True))
    await new.post(Frame(run, 1, 0, _exchange(CODE).start()))
    found: list[Frame] = []
    for _ in range(20):
        found += [each for each in await new.look() if each.side == 0]
        await asyncio.sleep(LOOK_S)
    assert [each.number for each in found] == [0]
    for task in (listening, agreeing):
        task.cancel()
    await asyncio.gather(listening, agreeing, return_exceptions=True)
