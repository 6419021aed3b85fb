"""Files between engines: a swarm in memory, and the handlers of a real file server behind the roads."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.conversations.engines import Device, make_device
from tests.conversations.memory_swarm import Fate, MemorySwarm
from veery.client.attachments import Attached, AttachmentGone, AttachmentRefused, PictureRefused, prepare
from veery.client.attachments.uploading import PAUSES_S
from veery.errors import NetworkError, NotFound
from veery.fileserver.server import FileServerService
from veery.fileserver.settings import FileServerSettings
from veery.protocol.onion import ServerDestination, ServerReply, ServerRequest
from veery.runtime.clock import ManualClock
from veery.store.database import FILES_NAME
from veery.store.message_values import AttachmentState, DeliveryState

NOTE = Attached(b"the content of a note " * 100, "text/plain", "note.txt")
VOICE = Attached(b"OggS" + bytes(3_000), "audio/ogg", "voice.ogg", voice=True)


class World:
    """Alice, Bob, a swarm, and a file server."""

    def __init__(self, alice: Device, bob: Device, server: FileServerService) -> None:
        self.alice, self.bob, self.server = alice, bob, server
        self.asked: list[str] = []
        self.codes: list[int] = []  # what the server answers next in place of what it would
        for device in (alice, bob):
            self.connect(device)

    def connect(self, device: Device) -> None:
        device.road.server = self.answer

    async def answer(self, to: ServerDestination, request: ServerRequest) -> ServerReply:
        self.asked.append(f"{request.method} {request.path}")
        if self.codes:
            return ServerReply(self.codes.pop(0))
        return await self.server._endpoints.handle(request, "memory")

    async def send(self, *files: Attached, text: str = "") -> int:
        return await self.alice.client.sending.send(self.bob.id, text, files=files)

    async def deliver(self) -> None:
        await self.alice.client.attachments.uploads.run_due()
        await self.alice.client.pump.run_due()
        await self.bob.client.receiving.fetch()

    async def received(self) -> list[dict[str, Any]]:
        return await self.bob.client.attachments.list(self.alice.id)


def below(place: Path) -> list[Path]:
    return [each for each in place.rglob("*") if each.is_file()]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = ManualClock()
    swarm = MemorySwarm(clock)
    async with FileServerService(FileServerSettings(port=0), tmp_path / "server", clock=clock) as server:
        alice = await make_device(tmp_path, swarm, clock, "alice", 1)
        bob = await make_device(tmp_path, swarm, clock, "bob", 2)
        yield World(alice, bob, server)
        for device in (alice, bob):
            await device.client.close()


async def test_files_arrive_as_they_were_sent(world: World, tmp_path: Path) -> None:
    message = await world.send(NOTE, VOICE, text="look")
    assert (await world.alice.client.sending.get(message)).delivery.state is DeliveryState.QUEUED
    assert world.asked == []
    await world.deliver()
    assert (await world.alice.client.sending.get(message)).delivery.state is DeliveryState.STORED
    assert await world.bob.texts(world.alice.id) == ["look"]
    voice, note = await world.received()
    assert (note["name"], note["content_type"], note["size"], note["flags"]) == ("note.txt", "text/plain", 2_200, 0)
    assert (voice["flags"], voice["content_type"], voice["state"]) == (1, "audio/ogg", "remote")
    assert await world.bob.client.attachments.content(note["id"]) == ("note.txt", NOTE.data)
    asked = len(world.asked)
    saved = await world.bob.client.attachments.save(note["id"], tmp_path)
    again = await world.bob.client.attachments.save(note["id"], tmp_path)
    assert (saved.name, again.name) == ("note.txt", "note (2).txt")
    assert saved.read_bytes() == again.read_bytes() == NOTE.data
    assert len(world.asked) == asked  # it is here by then
    assert (await world.received())[1]["state"] == "stored"


async def test_nothing_of_a_file_is_readable_on_the_server_or_on_the_disk(world: World, tmp_path: Path) -> None:
    await world.send(NOTE)
    await world.deliver()
    await world.bob.client.attachments.content((await world.received())[0]["id"])
    files = below(tmp_path)
    assert sum(each.parent.name == FILES_NAME for each in files) == 2
    for file in files:
        data = file.read_bytes()
        assert b"content of a note" not in data, file
        assert b"note.txt" not in data, file


async def test_the_newest_scheme_goes_only_to_those_who_surely_read_it(world: World) -> None:
    await world.send(NOTE)
    await world.deliver()
    kind = await world.bob.read(lambda tables: tables.attachments.get(1))
    assert kind is not None
    assert not kind.pointer.url.endswith("d")
    assert kind.pointer.digest
    await world.alice.client.sending.send(world.alice.id, files=[NOTE])
    await world.alice.client.attachments.uploads.run_due()
    sent = await world.alice.read(lambda tables: tables.attachments.get(2))
    assert sent is not None
    assert sent.pointer.url.endswith("&d")


async def test_a_failing_server_is_asked_again_later(world: World) -> None:
    message = await world.send(NOTE)
    world.codes = [503, 507]
    uploads = world.alice.client.attachments.uploads
    moment = await uploads.run_due()
    assert moment is not None
    await uploads.run_due()
    assert len(world.asked) == 1
    for pause_s in PAUSES_S[:2]:
        await world.alice.clock.advance(pause_s)
        await uploads.run_due()
    await world.deliver()
    assert (await world.alice.client.sending.get(message)).delivery.state is DeliveryState.STORED
    assert len(await world.received()) == 1


async def test_a_refusal_fails_the_message_and_retry_tries_again(world: World) -> None:
    message = await world.send(NOTE, VOICE)
    world.codes = [413]
    await world.deliver()
    held = await world.alice.client.sending.get(message)
    assert (held.delivery.state, held.delivery.reason) == (DeliveryState.FAILED, "files.server_refused")
    await world.alice.client.sending.retry(message)
    await world.deliver()
    assert (await world.alice.client.sending.get(message)).delivery.state is DeliveryState.STORED
    assert len(await world.received()) == 2


async def test_a_dropped_message_leaves_no_file(world: World, tmp_path: Path) -> None:
    message = await world.send(NOTE)
    await world.alice.client.sending.drop(message)
    await world.alice.client.storage.sweep()
    assert not [each for each in below(tmp_path) if each.parent.name == FILES_NAME]
    await world.deliver()
    assert world.asked == []


@pytest.mark.parametrize("writes", range(1, 17))
async def test_a_kill_at_any_write_neither_loses_nor_doubles(world: World, writes: int) -> None:
    await world.alice.kill_during(lambda client: client.sending.send(world.bob.id, "first", files=[NOTE]), writes)
    world.connect(world.alice)

    async def work(client: Any) -> None:
        await client.attachments.uploads.run_due()
        await client.pump.run_due()

    await world.alice.kill_during(work, writes)
    world.connect(world.alice)
    acknowledged = await world.alice.texts(world.bob.id)
    await world.deliver()
    assert acknowledged in ([], ["first"])
    assert await world.bob.texts(world.alice.id) == acknowledged
    assert [each["name"] for each in await world.received()] == ["note.txt"] * len(acknowledged)


async def test_an_expired_file_says_so_for_good(world: World) -> None:
    await world.send(NOTE)
    await world.deliver()
    attachment = (await world.received())[0]["id"]
    world.codes = [404]
    with pytest.raises(AttachmentGone) as caught:
        await world.bob.client.attachments.content(attachment)
    assert caught.value.kind == "client.attachment.expired"
    assert (await world.received())[0]["state"] == "failed"
    assert [each["reason"] for each in await world.bob.events() if each["event"] == "attachment"] == [
        "client.attachment.expired"
    ]


async def test_a_wanted_file_comes_in_the_background_and_is_tried_three_times(world: World) -> None:
    await world.send(NOTE)
    await world.deliver()
    attachment, downloads = (await world.received())[0]["id"], world.bob.client.attachments.downloads
    await world.bob.client.attachments.want(attachment)
    world.codes = [500, 500, 500]
    for pause_s in (0, 30, 1_800):
        await world.bob.clock.advance(pause_s)
        await downloads.run_due()
    assert (await world.received())[0]["state"] == "failed"
    await world.bob.client.attachments.want(attachment)
    await downloads.run_due()
    assert (await world.received())[0]["state"] == "stored"


async def test_a_lost_road_keeps_the_file_wanted(world: World) -> None:
    await world.send(NOTE)
    await world.deliver()
    attachment = (await world.received())[0]["id"]
    world.bob.weather = lambda: Fate.LOST
    with pytest.raises(NetworkError):
        await world.bob.client.attachments.content(attachment)
    assert (await world.received())[0]["state"] == "remote"


async def test_an_altered_blob_is_given_up(world: World) -> None:
    await world.send(NOTE)
    await world.deliver()
    attachment = (await world.received())[0]["id"]

    async def altered(to: ServerDestination, request: ServerRequest) -> ServerReply:
        reply = await world.server._endpoints.handle(request, "memory")
        return ServerReply(200, reply.headers, reply.body[:-1] + bytes([reply.body[-1] ^ 1]))

    world.bob.road.server = altered
    with pytest.raises(AttachmentGone, match="altered"):
        await world.bob.client.attachments.content(attachment)
    assert (await world.bob.read(lambda tables: tables.attachments.in_state(AttachmentState.FAILED, 5)))[0].id == 1


# -- profile pictures ----------------------------------------------------------------------------------------------


async def pictured(world: World, tmp_path: Path) -> None:
    await world.alice.client.pictures.set_own(photo("JPEG", tmp_path, "me.jpg"))
    await world.alice.client.sending.send_text(world.bob.id, "hello")
    await world.deliver()


async def test_a_picture_travels_with_the_next_message(world: World, tmp_path: Path) -> None:
    await pictured(world, tmp_path)
    data = await world.bob.client.pictures.of(world.alice.id)
    assert b"SECRET" not in data
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (40, 40)
    asked = len(world.asked)
    assert await world.bob.client.pictures.of(world.alice.id) == data
    assert len(world.asked) == asked
    await world.alice.client.pictures.remove_own()
    await world.alice.client.sending.send_text(world.bob.id, "no face")
    await world.deliver()
    with pytest.raises(NotFound):
        await world.bob.client.pictures.of(world.alice.id)
    with pytest.raises(NotFound):
        await world.alice.client.pictures.own()


async def test_a_picture_is_kept_alive_and_comes_back_when_it_was_lost(world: World, tmp_path: Path) -> None:
    await pictured(world, tmp_path)
    pictures, clock = world.alice.client.pictures, world.alice.clock
    before = (await world.alice.read(lambda tables: tables.accounts.get())).picture_url
    uploads = sum(each == "POST /file" for each in world.asked)
    for _ in range(20):
        await clock.advance(86_400)
        await pictures.renew()
    assert sum("/extend" in each for each in world.asked) == 20
    assert (await world.alice.read(lambda tables: tables.accounts.get())).picture_url == before
    world.codes = [404] * 13
    for _ in range(13):
        await clock.advance(86_400)
        await pictures.renew()
    assert sum(each == "POST /file" for each in world.asked) == uploads + 1
    assert (await world.alice.read(lambda tables: tables.accounts.get())).picture_url != before


async def test_a_picture_that_is_none_is_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(b"not a picture")
    with pytest.raises(PictureRefused):
        await world.alice.client.pictures.set_own(tmp_path / "x.jpg")
    assert world.asked == []


# -- preparing -----------------------------------------------------------------------------------------------------


def photo(kind: str, tmp_path: Path, name: str) -> Path:
    """A picture 60 by 40 with a place, a comment and an orientation that turns it."""
    image = Image.new("RGB", (60, 40), "red")
    exif = image.getexif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010F] = "SECRET MAKER"
    exif.get_ifd(0x8825)[1] = "SECRETNORTH"
    path = tmp_path / name
    options: dict[str, Any] = {"exif": exif}
    if kind == "GIF":
        options = {"comment": b"SECRET COMMENT"}
    elif kind == "JPEG":
        options["comment"] = b"SECRET COMMENT"
    image.save(path, kind, **options)
    assert b"SECRET" in path.read_bytes()
    return path


@pytest.mark.parametrize(("kind", "name"), [("JPEG", "a.jpg"), ("PNG", "a.png"), ("WEBP", "a.webp"), ("GIF", "a.gif")])
def test_pictures_lose_everything_but_their_pixels(kind: str, name: str, tmp_path: Path) -> None:
    made = prepare(photo(kind, tmp_path, name))
    assert b"SECRET" not in made.data
    with Image.open(io.BytesIO(made.data)) as image:
        assert not dict(image.getexif())
        assert image.format == kind
        assert image.size == (made.width, made.height) == ((60, 40) if kind == "GIF" else (40, 60))
        assert image.convert("RGB").getpixel((20, 20))[0] > 240  # type: ignore[index]
    assert made.name.startswith("image.")


def test_animations_keep_frames_and_times(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "green", "blue")]
    path = tmp_path / "moving.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[100, 200, 300], comment=b"SECRET")
    made = prepare(path)
    assert b"SECRET" not in made.data
    with Image.open(io.BytesIO(made.data)) as image:
        assert image.n_frames == 3  # type: ignore[attr-defined]


def test_large_pictures_are_made_smaller(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Image.new("L", (8_192, 16)).save(path)
    assert prepare(path).width == 4_096


def test_what_cannot_be_cleaned_is_not_sent(tmp_path: Path) -> None:
    for name, content in (("a.heic", b"ftypheic" * 10), ("a.svg", b"<svg/>"), ("b.jpg", b"no picture"), ("c.png", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(AttachmentRefused):
            prepare(tmp_path / name)


def test_bombs_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(path)
    assert path.stat().st_size < 100_000
    with pytest.raises(PictureRefused) as caught:
        prepare(path)
    assert caught.value.kind == "client.attachment.picture.bomb"


def test_files_that_cannot_go(tmp_path: Path) -> None:
    with (tmp_path / "big").open("wb") as file:
        file.truncate(10_000_001)
    (tmp_path / "empty").touch()
    (tmp_path / "text.txt").write_text("x")
    for name, kind in (("big", ".too_large"), ("empty", ".empty"), (".", ".unreadable")):
        with pytest.raises(AttachmentRefused) as caught:
            prepare(tmp_path / name)
        assert caught.value.kind == f"client.attachment{kind}"
    with pytest.raises(AttachmentRefused):
        prepare(tmp_path / "text.txt", voice=True)
