"""Walking the road: each part from this machine to a stored message, and the first one that does not hold.

The steps follow the way of a message: clock, seeds, node pool, guard, path, swarm, and at last a test message that is
stored in the own swarm, fetched back from another member, and deleted. It lies in a private namespace that nothing else
uses, so no device of the account ever takes it for a message. The walk ends at the first step that fails, except that a
wrong clock, which is corrected for, does not end it. Where the network's time is not known yet, the clock is looked at
as soon as there is a path to ask over.

What a road can be asked for beyond the `Road` interface is in `RoadProbes`; a step that a road cannot probe is told
from what the road shows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from veery.client.core import Core
from veery.client.swarm_answers import swarm_result
from veery.errors import ClientError, NetworkError, ProtocolError, RegistryError, Retry
from veery.network.road import MemberAnswer
from veery.network.signed_calls import call_signed
from veery.protocol.constants import (
    DAY_MS,
    DOCTOR_MESSAGE_SIZE,
    DOCTOR_TTL_MS,
    HOUR_MS,
    MINUTE_MS,
    NAMESPACE_DOCTOR,
    SECOND_MS,
    SIGNATURE_SLACK_MS,
)
from veery.protocol.storage_rpc import (
    Delete,
    Retrieve,
    Store,
    message_hash,
    owner_signer,
    read_retrieve,
    sign_request,
)

_READY: Final = "ready"
_OK: Final = 200
_CLOCK_WRONG: Final = "client.doctor.clock"


@runtime_checkable
class RoadProbes(Protocol):
    """What a road may offer for finding faults; each gives a sentence, or raises NetworkError or RegistryError."""

    async def probe_seeds(self) -> str:
        """Ask the seeds for the node list, whatever is kept."""
        ...

    async def probe_guard(self) -> str:
        """Connect to a guard directly, as the next request would."""
        ...


@runtime_checkable
class ClockProbe(Protocol):
    """What a road may offer for comparing the machine's clock with the network's time."""

    async def probe_clock(self) -> None:
        """Ask nodes for their time. Raises ClockWrong when none tells it."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the walk. detail: what was found; remedy: what to do when it is not ok, may be empty."""

    name: str
    ok: bool
    detail: str
    duration_s: float
    remedy: str = ""
    kind: str = ""


class RoadEnds(ClientError):
    """A step of the walk did not hold."""

    default_kind = "client.doctor"
    default_retry = Retry.LATER


@dataclass(slots=True)
class _Test:
    """The message that is stored and fetched."""

    data: bytes = field(repr=False)
    stored_by: bytes = b""


Walk = tuple[tuple[str, Callable[[], Awaitable[str]]], ...]


class Doctor:
    """Finds where the road ends."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._signer = owner_signer(core.own.raw, core.account.ed25519_secret)

    async def run(self) -> tuple[Step, ...]:
        """All steps up to the first that fails."""
        return tuple([step async for step in self.steps()])

    async def steps(self) -> AsyncIterator[Step]:
        """The steps one by one, as they end; the last one is the first that fails, if any does."""
        test = _Test(self._core.random.random_bytes(DOCTOR_MESSAGE_SIZE))
        clock: Walk = (("clock", self._clock),)
        late = self._core.road.status().clock_offset_ms is None and isinstance(self._core.road, ClockProbe)
        walk: Walk = (
            *(() if late else clock),
            ("seeds", self._seeds),
            ("node pool", self._pool),
            ("guard", self._guard),
            ("path", self._path),
            *(clock if late else ()),
            ("swarm", self._swarm),
            ("store", lambda: self._store(test)),
            ("retrieve", lambda: self._retrieve(test)),
            ("delete", lambda: self._delete(test)),
        )
        for name, action in walk:
            step = await self._take(name, action)
            yield step
            if not step.ok and step.kind != _CLOCK_WRONG:
                return

    async def _take(self, name: str, action: Callable[[], Awaitable[str]]) -> Step:
        clock = self._core.clock
        began = clock.monotonic()
        try:
            detail = await action()
        except (NetworkError, RegistryError, ProtocolError, ClientError) as error:
            return Step(
                name, False, error.message, clock.monotonic() - began, error.remedy or _REMEDIES[name], error.kind
            )
        return Step(name, True, detail, clock.monotonic() - began)

    # -- the steps ---------------------------------------------------------------------------------------------

    async def _clock(self) -> str:
        """An offset is corrected for; one that nodes would refuse is a fault of its own."""
        road = self._core.road
        if road.status().clock_offset_ms is None and isinstance(road, ClockProbe):
            await road.probe_clock()
        offset_ms = road.status().clock_offset_ms
        if offset_ms is None:
            return "not compared with the network's time yet"
        told = f"this machine's clock is {_span(abs(offset_ms))} {'behind' if offset_ms > 0 else 'ahead'}"
        if abs(offset_ms) > SIGNATURE_SLACK_MS:
            raise RoadEnds(told, kind=_CLOCK_WRONG)
        return f"{told}; corrected for"

    async def _seeds(self) -> str:
        road = self._core.road
        return await road.probe_seeds() if isinstance(road, RoadProbes) else "not asked: nodes are known already"

    async def _pool(self) -> str:
        road = self._core.road
        if not road.status().pool:
            await road.members(self._core.own.raw)
        status = road.status()
        if not status.pool:
            raise RoadEnds("no service node is known")
        return f"{status.pool} nodes of the network {status.network}, height {status.height}"

    async def _guard(self) -> str:
        road = self._core.road
        if isinstance(road, RoadProbes):
            return await road.probe_guard()
        guards = {path.hops[0].ed25519 for path in road.status().paths if path.hops}
        return f"{len(guards)} in use"

    async def _path(self) -> str:
        road = self._core.road
        if not any(path.state == _READY for path in road.status().paths):
            await road.new_paths()
        ready = [path for path in road.status().paths if path.state == _READY]
        if not ready:
            raise RoadEnds("no path is ready")
        return f"{len(ready)} ready, of {len(ready[0].hops)} hops"

    async def _swarm(self) -> str:
        members = await self._core.road.members(self._core.own.raw, refresh=True)
        if not members:
            raise RoadEnds("no node of the own swarm is known")
        return f"{len(members)} nodes hold this account"

    async def _store(self, test: _Test) -> str:
        own = self._core.own.raw

        def request(now_ms: int) -> Store:
            new = Store(own, NAMESPACE_DOCTOR, test.data, now_ms, now_ms + DOCTOR_TTL_MS)
            return sign_request(new, self._signer)

        (answer,) = await call_signed(self._core.road, own, lambda now_ms: [request(now_ms)])
        _checked(answer)
        members = await self._core.road.members(own)
        result = swarm_result(request(self._core.road.now_ms()), answer, members)
        if not result.proved:
            raise RoadEnds("no member proves that it has stored the test message")
        test.stored_by = answer.member.ed25519
        return f"a test message lies on {len(result.proved)} of {result.size} nodes"

    async def _retrieve(self, test: _Test) -> str:
        own = self._core.own.raw
        members = await self._core.road.members(own)
        others = [member.ed25519 for member in members if member.ed25519 != test.stored_by]
        asked = others[self._core.random.randbelow(len(others))] if others else test.stored_by

        def request(now_ms: int) -> Retrieve:
            return sign_request(Retrieve(own, NAMESPACE_DOCTOR, timestamp=now_ms), self._signer)

        (answer,) = await call_signed(self._core.road, own, lambda now_ms: [request(now_ms)], member=asked)
        _checked(answer)
        if test.data not in [message.data for message in read_retrieve(answer.body).messages]:
            raise RoadEnds("another member of the swarm does not have the test message")
        return "another member gives it back" if others else "it comes back"

    async def _delete(self, test: _Test) -> str:
        own = self._core.own.raw
        hash_ = message_hash(own, NAMESPACE_DOCTOR, test.data)
        request = sign_request(Delete(own, (hash_,)), self._signer)
        (answer,) = await self._core.road.call(own, [request])
        _checked(answer)
        result = swarm_result(request, answer, await self._core.road.members(own))
        return f"it is deleted from {len(result.proved)} of {result.size} nodes"


_CONNECTION: Final = "Check this machine's connection and its proxy, if one is set"
_REMEDIES: Final = {
    "clock": "Set the clock of this machine; until then Veery corrects for it",
    "seeds": "Check the connection and the network file; other seeds can be named in it",
    "node pool": _CONNECTION,
    "guard": _CONNECTION,
    "path": "Build new paths with `veery path --new`; if that fails again, check the connection",
    "swarm": "Try again in a minute: the swarm may be changing",
    "store": "Try again in a minute; if it stays, the clock or the swarm is at fault",
    "retrieve": "Try again in a minute: the members of the swarm may not agree yet",
    "delete": "Nothing: the test message goes away by itself within a minute",
}


_UNITS: Final = ((2 * DAY_MS, DAY_MS, "days"), (2 * HOUR_MS, HOUR_MS, "hours"), (2 * MINUTE_MS, MINUTE_MS, "minutes"))


def _span(time_ms: int) -> str:
    """A time in words, in the largest unit of which there are two."""
    for least, unit, name in _UNITS:
        if time_ms >= least:
            return f"{time_ms // unit} {name}"
    return f"{time_ms // SECOND_MS} s" if time_ms >= SECOND_MS else f"{time_ms} ms"


def _checked(answer: MemberAnswer) -> None:
    if answer.status != _OK:
        raise RoadEnds(f"a member of the swarm refuses with code {answer.status}")
