"""Greetings and frames through the swarm of an account that stands for the nameplate of a code.

    nameplate (6 digits) -> Ed25519 seed -> Account ID -> its swarm, namespace 30002

Whoever knows the nameplate has the key of that account, and can read, add and delete what lies there: a million
nameplates are soon tried. So the place is open, and all that it is trusted with is to pass things on: what is said
there is a SPAKE2 greeting or sealed. Messages live for ten minutes and are deleted at the end. Nothing in them, and
nothing about the account, says whose profile moves. Both sides reach the swarm by onion requests.

Several runs can be under way in one place: every attempt of a new device has a random id, and its first frame, with
number 0, is its greeting.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec

from veery.client.swarm_answers import swarm_result
from veery.client.transfer.session import SPAKE_SIZE, TransferBroken, TransferFault
from veery.errors import NetworkError, PeerRefused, ProtocolError
from veery.network.road import MemberAnswer, Road
from veery.network.signed_calls import call_signed
from veery.protocol.account import AccountId
from veery.protocol.constants import NAMESPACE_TRANSFER, TRANSFER_TTL_MS
from veery.protocol.crypto import blake2b, ed25519_from_seed
from veery.protocol.storage_rpc import (
    DeleteAll,
    Retrieve,
    Store,
    StoredMessage,
    message_hash,
    owner_signer,
    read_retrieve,
    sign_request,
)
from veery.runtime.clock import Clock, sleep
from veery.runtime.randomness import Randomness
from veery.secret import Secret

log: Final = logging.getLogger(__name__)

T = TypeVar("T")
RUN_SIZE: Final = 16  # bytes
RUNS_MAX: Final = 30  # attempts that an old device answers in all; honest people need a few
LOOK_S: Final = 1.5  # between two looks
GREETING_S: Final = 120.0  # for the old device to answer
SILENT_S: Final = 300.0  # for anything else, and for a swarm that does not answer
_OLD, _NEW = 0, 1
_FRAMES_MAX: Final = {_OLD: 16, _NEW: 1_024}  # that wait to be read in one run; an old device is told little
_FRAME_BYTES_MAX: Final = 16 * 1024
_PAUSES_S: Final = (1.0, 3.0, 10.0, 30.0)
_LEAVE_S: Final = 10.0
_SEED_PERSON: Final = b"VeeryMeeting"
_OK: Final = 200


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """One message in the place. side: 0 of the old device, 1 of the new one."""

    run: bytes
    side: int
    number: int
    data: bytes


class MeetingPlace:
    """The namespace of the account of a nameplate."""

    def __init__(self, road: Road, nameplate: str, clock: Clock, random: Randomness) -> None:
        public, secret = ed25519_from_seed(blake2b(32, nameplate.encode(), person=_SEED_PERSON))
        self._account = AccountId.from_ed25519(public).raw
        self._signer = owner_signer(self._account, Secret(secret))
        self._road = road
        self._clock = clock
        self._random = random
        self._member: bytes | None = None
        self._cursors: dict[bytes, str] = {}
        self._seen: set[str] = set()

    async def post(self, frame: Frame) -> None:
        """Leave a frame; tried several times. Raises TransferBroken."""
        data = msgspec.msgpack.encode(frame)
        fault: Exception | None = None
        for pause in (*_PAUSES_S, None):
            try:
                await self._post(data)
                return
            except (NetworkError, ProtocolError) as error:
                fault = error
            if pause is not None:
                await sleep(self._clock, pause)
        raise TransferBroken("the network does not take what is for the other device") from fault

    async def look(self) -> list[Frame]:
        """The frames that were not seen yet. Raises NetworkError, ProtocolError."""
        member = self._member or await self._choose()
        try:
            answer = await self._retrieve(member)
        except (NetworkError, ProtocolError):
            self._member = None
            raise
        found = []
        for message in answer:
            self._cursors[member] = message.hash
            right = message.hash == message_hash(self._account, NAMESPACE_TRANSFER, message.data)
            if right and message.hash not in self._seen and (frame := _frame(message.data)) is not None:
                found.append(frame)
            self._seen.add(message.hash)
        return found

    async def leave(self) -> None:
        """Delete what lies there, as far as the network lets us."""

        def request(now_ms: int) -> DeleteAll:
            return sign_request(DeleteAll(self._account, now_ms, NAMESPACE_TRANSFER), self._signer)

        with suppress(NetworkError, ProtocolError, TimeoutError):
            async with asyncio.timeout(_LEAVE_S):
                await call_signed(self._road, self._account, lambda now_ms: [request(now_ms)])

    async def _post(self, data: bytes) -> None:
        def request(now_ms: int) -> Store:
            new = Store(self._account, NAMESPACE_TRANSFER, data, now_ms, now_ms + TRANSFER_TTL_MS)
            return sign_request(new, self._signer)

        (answer,) = await call_signed(self._road, self._account, lambda now_ms: [request(now_ms)])
        _check(answer)
        if not swarm_result(request(self._road.now_ms()), answer, await self._road.members(self._account)).proved:
            raise PeerRefused("no member of the swarm proves that it has stored anything", code=_OK)

    async def _retrieve(self, member: bytes) -> tuple[StoredMessage, ...]:
        cursor = self._cursors.get(member)

        def request(now_ms: int) -> Retrieve:
            wanted = Retrieve(self._account, NAMESPACE_TRANSFER, last_hash=cursor, timestamp=now_ms)
            return sign_request(wanted, self._signer)

        (answer,) = await call_signed(self._road, self._account, lambda now_ms: [request(now_ms)], member=member)
        _check(answer)
        return read_retrieve(answer.body).messages

    async def _choose(self) -> bytes:
        members = await self._road.members(self._account)
        if not members:
            raise PeerRefused("no node of the swarm is known", code=_OK)
        self._member = members[self._random.randbelow(len(members))].ed25519
        return self._member


class MeetingPipe:
    """A `Pipe` of one run."""

    def __init__(self, place: MeetingPlace, run: bytes, side: int) -> None:
        self.run = run
        self._place = place
        self._side = side
        self._sent = 0
        self._read = 0
        self._frames: dict[int, bytes] = {}
        self._came = asyncio.Event()

    def take(self, frame: Frame) -> None:
        """A frame of the other side has come, in whatever order."""
        if self._read <= frame.number < self._read + _FRAMES_MAX[self._side]:
            self._frames.setdefault(frame.number, frame.data)
            self._came.set()

    async def greet(self, ours: bytes) -> bytes:
        """See `Pipe`. The new device begins."""
        if self._side == _NEW:
            await self.send(ours)
        theirs = await self._next(GREETING_S)
        if theirs is None:
            raise TransferBroken(
                "no device answers to this code",
                remedy="Check the digits of the code, and that the other device still shows it",
            )
        if len(theirs) != SPAKE_SIZE:
            raise TransferFault("what is said under this code is no transfer")
        if self._side == _OLD:
            await self.send(ours)
        return theirs

    async def send(self, frame: bytes) -> None:
        """See `Pipe`."""
        number, self._sent = self._sent, self._sent + 1
        await self._place.post(Frame(self.run, self._side, number, frame))

    async def receive(self, idle_s: float) -> bytes:
        """See `Pipe`; a swarm is slower than a connection, so it is waited for longer."""
        found = await self._next(max(idle_s, SILENT_S))
        if found is None:
            raise TransferBroken("the other device has fallen silent")
        return found

    async def _next(self, idle_s: float) -> bytes | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(idle_s):
                while self._read not in self._frames:
                    self._came.clear()
                    await self._came.wait()
            self._read += 1
            return self._frames.pop(self._read - 1)
        return None


class Meeting:
    """The runs of one side in a place. begun: on an old device, called with the pipe of every new run."""

    def __init__(
        self,
        place: MeetingPlace,
        clock: Clock,
        *,
        begun: Callable[[MeetingPipe], None] | None = None,
        look_s: float = LOOK_S,
    ) -> None:
        self._place = place
        self._clock = clock
        self._begun = begun
        self._side = _NEW if begun is None else _OLD
        self._look_s = look_s
        self._pipes: dict[bytes, MeetingPipe] = {}
        self._over: set[bytes] = set()

    def begin(self, run: bytes) -> MeetingPipe:
        """The pipe of a run."""
        pipe = self._pipes[run] = MeetingPipe(self._place, run, self._side)
        return pipe

    async def listen(self) -> None:
        """Pass on what comes, until cancelled. Raises TransferBroken when the network does not answer for long."""
        heard = self._clock.monotonic()
        while True:
            try:
                frames = await self._place.look()
                # Runs that this side has answered before a restart are over: their proofs are for keys that it lost.
                self._over |= {each.run for each in frames if each.side == self._side} - self._pipes.keys()
                for frame in frames:
                    self._take(frame)
                heard = self._clock.monotonic()
            except (NetworkError, ProtocolError) as error:
                log.info("Looking for the other device failed: %s", error)
                if self._clock.monotonic() - heard > SILENT_S:
                    raise TransferBroken("the network does not answer") from error
            await sleep(self._clock, self._look_s)

    def _take(self, frame: Frame) -> None:
        if frame.side == self._side or frame.run in self._over:
            return
        pipe = self._pipes.get(frame.run)
        if pipe is None and self._begun is not None and frame.number == 0 and len(self._pipes) <= RUNS_MAX:
            pipe = self.begin(frame.run)
            self._begun(pipe)
        if pipe is not None:
            pipe.take(frame)

    @property
    def crowded(self) -> bool:
        """Whether more runs were begun than people begin."""
        return len(self._pipes) > RUNS_MAX


async def beside(work: Coroutine[Any, Any, T], listening: Coroutine[Any, Any, None]) -> T:
    """The result of `work`, which `listening` serves: what that raises ends both."""
    tasks = asyncio.ensure_future(work), asyncio.ensure_future(listening)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not tasks[0].done():
            await tasks[1]
        return await tasks[0]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _frame(data: bytes) -> Frame | None:
    """A frame, or None for what somebody else has left."""
    try:
        frame = msgspec.msgpack.decode(data, type=Frame)
    except (msgspec.MsgspecError, RecursionError):
        return None
    if len(frame.run) != RUN_SIZE or len(frame.data) > _FRAME_BYTES_MAX:
        return None
    return frame if frame.side in (_OLD, _NEW) and frame.number >= 0 else None


def _check(answer: MemberAnswer) -> None:
    if answer.status != _OK:
        raise PeerRefused(f"a member of the swarm refuses with code {answer.status}", code=answer.status)
