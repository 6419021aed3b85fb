"""Pictures of groups over a swarm in memory, with the handlers of a real file server behind the roads (08.8, 09.6)."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image

from tests.conversations.engines import Device
from tests.conversations.group_devices import exchange, group_of, people
from tests.conversations.memory_swarm import Fate, MemorySwarm, calm
from veery.client.attachments import AttachmentGone, PictureRefused
from veery.client.groups.faults import NotAdmin
from veery.errors import NetworkError, NotFound
from veery.fileserver.server import FileServerService
from veery.fileserver.settings import FileServerSettings
from veery.protocol.account import AccountId
from veery.protocol.groups.info import GroupInfo
from veery.protocol.onion import ServerDestination, ServerReply, ServerRequest
from veery.runtime.clock import ManualClock


@dataclass
class World:
    """Three people and a file server. codes: what it answers next; asked: what it was asked."""

    people: list[Device]
    server: FileServerService
    asked: list[str] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    blobs: list[bytes] = field(default_factory=list)
    replaced: bytes | None = None

    async def answer(self, to: ServerDestination, request: ServerRequest) -> ServerReply:
        self.asked.append(f"{request.method} {request.path}")
        if request.method == "POST" and request.path == "/file":
            self.blobs.append(request.body or b"")
        if self.codes:
            return ServerReply(self.codes.pop(0))
        if self.replaced is not None and request.method == "GET":
            return ServerReply(200, body=self.replaced)
        return await self.server._endpoints.handle(request, "memory")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = ManualClock()
    async with FileServerService(FileServerSettings(port=0), tmp_path / "server", clock=clock) as server:
        made = World(await people(tmp_path, MemorySwarm(clock), clock, 3), server)
        for each in made.people:
            each.road.server = made.answer
        yield made
        for each in made.people:
            await each.client.close()


def photo(directory: Path, colour: str, name: str = "hills.jpg") -> Path:
    path = directory / name
    picture = Image.new("RGB", (1_200, 800), colour)
    exif = Image.Exif()
    exif[0x010F] = "SECRET CAMERA"
    picture.save(path, exif=exif)
    return path


def shape(data: bytes) -> tuple[tuple[int, int], tuple[int, ...]]:
    """Size, and the colour of the middle rounded to tens."""
    with Image.open(io.BytesIO(data)) as image:
        middle = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
        assert isinstance(middle, tuple)
        return image.size, tuple(round(each / 10) for each in middle)


RED, BLUE = ((600, 600), (25, 0, 0)), ((600, 600), (0, 0, 25))


async def info(device: Device, group: str) -> GroupInfo:
    return await device.read(device.client.groups.room(AccountId.from_hex(group)).info)


async def test_members_see_what_admins_show(world: World, tmp_path: Path) -> None:
    alice, bob, carol = world.people
    group = await group_of(*world.people)
    with pytest.raises(NotAdmin):
        await bob.client.groups.set_picture(group, photo(tmp_path, "red"))
    assert world.asked == []  # nothing of it has left
    made = await alice.client.groups.set_picture(group, photo(tmp_path, "red"))
    assert (made.width, made.height) == (600, 600)
    await exchange(*world.people)
    for each in world.people:
        data = await each.client.groups.picture(group)
        assert shape(data) == RED
        assert b"SECRET" not in data
        assert (await each.client.groups.show(group))["picture"] is True
    assert shape(await carol.client.pictures.of(group)) == RED
    notices = [each.body for each in await carol.messages(group) if each.kind == "group_update"]
    assert "changed the picture of the group" in notices
    await alice.client.groups.remove_picture(group)
    await exchange(*world.people)
    for each in world.people:
        with pytest.raises(NotFound, match="no picture"):
            await each.client.groups.picture(group)
        assert (await each.client.groups.show(group))["picture"] is False
        assert await each.read(lambda tables: tables.pictures.get(AccountId.from_hex(group))) is None


async def test_every_upload_has_a_key_of_its_own(world: World, tmp_path: Path) -> None:
    alice, bob, _ = world.people
    group = await group_of(alice, bob)
    keys = []
    for _ in range(2):
        await alice.client.groups.set_picture(group, photo(tmp_path, "red"))
        shown = (await info(alice, group)).picture
        assert shown is not None
        keys.append(shown.key.reveal())
    assert keys[0] != keys[1]
    first, second = world.blobs
    assert first != second
    assert b"JFIF" not in first


async def test_two_admins_agree_on_one_picture(world: World, tmp_path: Path) -> None:
    alice, bob, carol = world.people
    group = await group_of(*world.people)
    await alice.client.groups.promote(group, bob.id)
    await exchange(*world.people)
    await alice.client.groups.set_picture(group, photo(tmp_path, "red", "r.jpg"))
    await bob.client.groups.set_picture(group, photo(tmp_path, "blue", "b.jpg"))
    await exchange(*world.people, rounds=4)
    shown = [shape(await each.client.groups.picture(group)) for each in world.people]
    assert shown[0] in (RED, BLUE)
    assert shown == [shown[0]] * 3
    assert carol.id not in {each["id"] for each in (await bob.client.groups.show(group))["list"] if each["admin"]}


async def test_a_picture_is_set_without_a_swarm_and_shown_later(world: World, tmp_path: Path) -> None:
    alice, bob, _ = world.people
    group = await group_of(alice, bob)
    alice.road.unreachable = {bytes.fromhex(group)}
    await alice.client.groups.set_picture(group, photo(tmp_path, "red"))
    assert (await alice.client.groups.show(group))["pending"] is True
    assert shape(await alice.client.groups.picture(group)) == RED
    alice.road.unreachable.clear()
    await exchange(alice, bob)
    assert shape(await bob.client.groups.picture(group)) == RED


async def test_a_picture_that_cannot_be_uploaded_changes_nothing(world: World, tmp_path: Path) -> None:
    alice, bob, _ = world.people
    group = await group_of(alice, bob)
    alice.weather = lambda: Fate.LOST
    with pytest.raises(NetworkError):
        await alice.client.groups.set_picture(group, photo(tmp_path, "red"))
    alice.weather = calm
    shown = await alice.client.groups.show(group)
    assert (shown["picture"], shown["pending"]) == (False, False)
    (tmp_path / "text.jpg").write_bytes(b"no picture")
    with pytest.raises(PictureRefused):
        await alice.client.groups.set_picture(group, tmp_path / "text.jpg")


async def test_what_is_no_picture_is_not_shown(world: World, tmp_path: Path) -> None:
    alice, bob, _ = world.people
    group = await group_of(alice, bob)
    await alice.client.groups.set_picture(group, photo(tmp_path, "red"))
    await exchange(alice, bob)
    world.replaced = world.blobs[0][:-1] + bytes([world.blobs[0][-1] ^ 1])
    with pytest.raises(AttachmentGone):
        await bob.client.groups.picture(group)
    world.replaced = None
    world.codes = [404]
    with pytest.raises(AttachmentGone):
        await bob.client.groups.picture(group)
    assert shape(await bob.client.groups.picture(group)) == RED


async def test_an_admin_keeps_the_picture_alive_and_brings_it_back(world: World, tmp_path: Path) -> None:
    alice, bob, carol = world.people
    group = await group_of(*world.people)
    await alice.client.groups.set_picture(group, photo(tmp_path, "red"))
    await alice.client.groups.promote(group, bob.id)
    await exchange(*world.people)
    before = (await info(carol, group)).picture
    await bob.client.groups.pictures.renew()  # he did not have it, and could not upload it again
    world.asked.clear()
    for _ in range(3):
        await bob.clock.advance(86_400)
        await bob.client.groups.pictures.renew()
        await bob.client.groups.pictures.renew()
        await carol.client.groups.pictures.renew()  # no admin
    assert sum("/extend" in each for each in world.asked) == len(world.asked) == 3
    world.codes = [404] * 13
    for _ in range(13):
        await bob.clock.advance(86_400)
        await bob.client.groups.pictures.renew()
    assert sum(each == "POST /file" for each in world.asked) == 1
    await exchange(*world.people)
    after = (await info(carol, group)).picture
    assert before is not None and after is not None and after.url != before.url
    assert shape(await carol.client.groups.picture(group)) == RED
    notices = [each.body for each in await carol.messages(group) if each.body.endswith("picture of the group")]
    assert len(notices) <= 1  # what was brought back is no news; the first notice may have expired


async def test_a_picture_goes_with_its_group(world: World, tmp_path: Path) -> None:
    alice, bob, carol = world.people
    group = await group_of(*world.people)
    await alice.client.groups.set_picture(group, photo(tmp_path, "red"))
    await exchange(*world.people)
    for each in (bob, carol):
        await each.client.groups.picture(group)
    await alice.client.groups.remove(group, [bob.id])
    await exchange(*world.people)
    await carol.client.groups.leave(group)
    for each in (bob, carol):
        assert await each.read(lambda tables: tables.pictures.get(AccountId.from_hex(group))) is None
