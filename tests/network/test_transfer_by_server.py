"""A profile moves between two engines that share no network: by a swarm and the file server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

import pytest

from veery.client import profile as profiles
from veery.client.attachments.preparing import Attached
from veery.client.attachments.servers import server_of
from veery.client.client import Client
from veery.client.profile import Profile
from veery.client.transfer import CodeNotTheSame, TransferCode, receive_by_server
from veery.client.transfer.meeting import MeetingPlace
from veery.client.transfer.service import BACKUP_NAME, OfferStep
from veery.lab.network import LabNetwork
from veery.network.client_road import OnionRoad
from veery.policy.device_membership import Membership
from veery.protocol.account import Account
from veery.registry.network_file import NetworkFile
from veery.runtime.clock import SystemClock
from veery.runtime.randomness import Randomness, random_bytes
from veery.store.backup import Summary
from veery.store.keys import KeyFile

pytestmark = [pytest.mark.network, pytest.mark.timeout(180)]
LOOK_S = 0.2
PICTURE = b"what is in the file " * 150_000  # about 3 MB, so several pieces


class CutOff(Exception):
    """The device goes away here."""


class Devices:
    """The old device and the new one, and the road of the new one."""

    def __init__(self, directory: Path, lab: LabNetwork, road: OnionRoad) -> None:
        self.directory = directory
        self.network = NetworkFile.load(lab.network_file)
        self.text = lab.network_file.read_text()
        self.road = road
        self.account = Account.create(random_bytes)
        self.old: Client
        self.moved: list[int] = []

    async def begin(self) -> None:
        key = KeyFile(self.directory / "old.key")
        made = await profiles.create(self.directory / "old", self.account, "Ann", self.text, key)
        self.old = await Client.open(made)
        own = self.account.account_id.hex
        await self.old.sending.send_text(own, "the first note")
        await self.old.sending.send(own, files=[Attached(PICTURE, "application/octet-stream", "notes.bin")])

    async def reopen(self) -> None:
        await self.old.close()
        self.old = await Client.open(Profile(self.directory / "old", KeyFile(self.directory / "old.key")))

    async def receive(self, code: str, *, name: str = "new", cut_off_at: int | None = None) -> Summary:
        def moved(done: int, total: int) -> None:
            self.moved.append(done)
            if cut_off_at is not None and done >= cut_off_at:
                raise CutOff

        return await receive_by_server(
            self.road,
            server_of(self.network),
            TransferCode.parse(code),
            self.directory / name,
            KeyFile(self.directory / f"{name}.key"),
            moved,
            look_s=LOOK_S,
        )


@asynccontextmanager
async def devices(directory: Path) -> AsyncIterator[Devices]:
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(LabNetwork(directory / "lab", 7))
        road = await stack.enter_async_context(await OnionRoad.open(NetworkFile.load(lab.network_file)))
        found = Devices(directory, lab, road)
        await found.begin()
        yield found
        await found.old.close()


async def offered(steps: AsyncIterator[OfferStep]) -> OfferStep:
    async for step in steps:
        if step.event == "offered":
            return step
    raise AssertionError("the offer ended")


async def test_a_profile_moves_and_joins_nothing(tmp_path: Path) -> None:
    async with devices(tmp_path) as both:
        async with aclosing(both.old.transfer.send(look_s=LOOK_S)) as steps:
            offer = await offered(steps)
            assert offer.code is not None
            rest, summary = await asyncio.gather(_all(steps), both.receive(offer.code))
        assert rest[-1].event == "arrived"
        assert max(step.done for step in rest) == offer.total
        assert (summary.rows["messages"], summary.files) == (2, 1)
        assert not (tmp_path / "old" / BACKUP_NAME).exists()
        assert await both.old.read(lambda tables: tables.moving.get()) is None
        # Nothing stays where they met.
        nameplate = TransferCode.parse(offer.code).nameplate
        assert nameplate is not None
        assert not await MeetingPlace(both.road, nameplate, SystemClock(), Randomness()).look()
        # The new device is another one: it asks nobody, and is in no group until a person links it.
        async with Client.open(Profile(tmp_path / "new", KeyFile(tmp_path / "new.key"))) as new:
            assert new.account == both.account.account_id
            view = await new.devices.view(fetch=True)
            assert view.membership in (Membership.NO_GROUP, Membership.GROUPS_VISIBLE)
            assert (view.fields["group"], view.fields["own_request"]) == (None, None)
            page = await new.read(lambda tables: tables.messages.page(new.account.hex, 10))
            assert {message.body for message in page} == {"the first note", ""}


async def test_three_wrong_codes_end_the_offer(tmp_path: Path) -> None:
    async with devices(tmp_path) as both:
        async with aclosing(both.old.transfer.send(look_s=LOOK_S)) as steps:
            offer = await offered(steps)
            assert offer.code is not None
            digits = offer.code.partition("-")[0]
            words = offer.code.partition("-")[2]
            rest = asyncio.ensure_future(_all(steps))
            for _ in range(3):
                with pytest.raises(CodeNotTheSame):
                    await both.receive(f"{digits}-abbey-abbey" if words != "abbey-abbey" else f"{digits}-zoom-zoom")
            with pytest.raises(CodeNotTheSame):
                await rest
        assert await both.old.read(lambda tables: tables.moving.get()) is None
        assert not (tmp_path / "new" / "store.json").exists()


async def test_both_sides_go_on_where_they_were_cut_off(tmp_path: Path) -> None:
    async with devices(tmp_path) as both:
        async with aclosing(both.old.transfer.send(look_s=LOOK_S)) as steps:
            first = await offered(steps)
            assert first.code is not None
            rest = asyncio.ensure_future(_all(steps))
            with pytest.raises(CutOff):
                await both.receive(first.code, cut_off_at=1)
            got = both.moved[-1]
            assert 0 < got < first.total
            rest.cancel()
            await asyncio.gather(rest, return_exceptions=True)
        await both.reopen()
        async with aclosing(both.old.transfer.send(look_s=LOOK_S)) as steps:
            again = await offered(steps)
            assert (again.code, again.resumed, again.total) == (first.code, True, first.total)
            both.moved.clear()
            _, summary = await asyncio.gather(_all(steps), both.receive(first.code))
        assert both.moved[0] > got
        assert summary.rows["messages"] == 2


async def _all(steps: AsyncIterator[OfferStep]) -> list[OfferStep]:
    return [step async for step in steps]
