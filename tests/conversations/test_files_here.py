"""What becomes of files on a device: small pictures beside them, and which are fetched without being asked for."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image

from tests.conversations.backups import backed_up, restored
from tests.conversations.engines import FILE_SERVER_KEY, Device, make_device, store_of
from tests.conversations.memory_swarm import MemorySwarm
from tests.conversations.test_attachments import NOTE, World
from veery.client.attachments import Attached, AttachmentTrimmed, prepare
from veery.client.config.profile import with_profile
from veery.client.downloads import fetched_by_itself
from veery.client.views import conversation_view
from veery.errors import NotFound
from veery.fileserver.server import FileServerService
from veery.fileserver.settings import FileServerSettings
from veery.protocol.attachments import FileServer
from veery.protocol.config import user_profile
from veery.protocol.constants import DAY_MS
from veery.protocol.content import DataExtraction, decode
from veery.protocol.onion import ServerDestination, ServerReply, ServerRequest
from veery.runtime.clock import ManualClock
from veery.secret import Secret
from veery.store.conversations import CONTACT, Conversation
from veery.store.database import FILES_NAME
from veery.store.message_values import NewAttachment


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


def picture(tmp_path: Path) -> Attached:
    """A picture of 900 by 600 pixels, cleaned."""
    path = tmp_path / "view.jpg"
    Image.effect_noise((900, 600), 80).convert("RGB").save(path, quality=95)
    return prepare(path)


def local_files(device: Device) -> int:
    """How many files a device holds."""
    return len(list((store_of(device.client).directory / FILES_NAME).iterdir()))


# -- thumbnails ----------------------------------------------------------------------------------------------------


async def test_pictures_have_thumbnails_on_both_sides(world: World, tmp_path: Path) -> None:
    await world.send(picture(tmp_path), NOTE)
    await world.deliver()
    note, image = await world.received()
    assert (image["thumbnail"], image["state"]) == (False, "remote")
    with pytest.raises(NotFound):
        await world.bob.client.attachments.thumbnail(image["id"])
    await world.bob.client.attachments.content(image["id"])
    await world.bob.client.attachments.content(note["id"])
    note, image = await world.received()
    assert (note["thumbnail"], image["thumbnail"]) == (False, True)
    sent = (await world.alice.client.attachments.list(world.bob.id))[-1]
    for device, id_ in ((world.bob, image["id"]), (world.alice, sent["id"])):
        name, data = await device.client.attachments.thumbnail(id_)
        assert name == "image-small.webp"
        with Image.open(io.BytesIO(data)) as small:
            assert (small.format, small.size) == ("WEBP", (200, 133))
    saved = await world.bob.client.attachments.save(image["id"], tmp_path, thumbnail=True)
    assert saved.name == "image-small.webp"


async def test_thumbnails_outlive_a_trim_and_go_with_the_message(world: World, tmp_path: Path) -> None:
    await world.send(picture(tmp_path))
    await world.deliver()
    bob = world.bob.client
    (image,) = await world.received()
    await bob.attachments.content(image["id"])
    shares = {each.kind: each for each in (await bob.storage.show()).shares}
    assert (shares["image"].count, shares["thumbnail"].count) == (1, 1)
    assert 0 < shares["thumbnail"].size < shares["image"].size
    assert (await bob.storage.show()).files == local_files(world.bob) == 2
    await bob.storage.set_rule(None, DAY_MS, None)
    await world.bob.clock.advance(2 * 86_400)
    assert len((await bob.storage.trim()).files) == 1
    assert local_files(world.bob) == 1
    (image,) = await world.received()
    assert (image["state"], image["thumbnail"]) == ("trimmed", True)
    day = datetime.fromtimestamp(world.bob.clock.now_ms() / 1_000).astimezone().date().isoformat()
    for again in (bob.attachments.content(image["id"]), bob.attachments.save(image["id"], tmp_path)):
        with pytest.raises(AttachmentTrimmed, match=f"rule of yours took this file off this device on {day}.*again"):
            await again
    (listed,) = await bob.attachments.list()
    assert listed["trimmed_at"] == world.bob.clock.now_ms()
    await bob.attachments.thumbnail(image["id"])
    await bob.conversations.delete_message(image["message"])
    await bob.storage.sweep()
    assert local_files(world.bob) == 0


async def test_deleting_the_media_of_a_message_takes_its_thumbnail(world: World, tmp_path: Path) -> None:
    await world.send(picture(tmp_path), text="look")
    await world.deliver()
    (image,) = await world.received()
    await world.bob.client.attachments.content(image["id"])
    await world.bob.client.deleting.delete_media(image["message"])
    await world.bob.client.storage.sweep()
    assert local_files(world.bob) == 0
    assert await world.bob.texts(world.alice.id) == ["look"]


async def test_what_only_says_that_it_is_a_picture_has_no_thumbnail(world: World) -> None:
    await world.send(Attached(b"no picture at all", "image/png", "x.png"))
    await world.deliver()
    (image,) = await world.received()
    assert (await world.bob.client.attachments.content(image["id"]))[1] == b"no picture at all"
    assert [(each["state"], each["thumbnail"]) for each in await world.received()] == [("stored", False)]


async def test_names_like_paths_stay_where_they_are_saved(world: World, tmp_path: Path) -> None:
    names = ("../../evil.txt", "/etc/evil.txt", "..\\\\evil.txt", "..", "a\0b.txt")
    await world.send(*(Attached(b"x", "text/plain", name) for name in names))
    await world.deliver()
    place = tmp_path / "saved" / "here"
    place.mkdir(parents=True)
    saved = [await world.bob.client.attachments.save(each["id"], place) for each in await world.received()]
    assert {each.parent for each in saved} == {place}
    assert len(list(place.iterdir())) == len(names)


async def test_a_backup_brings_thumbnails_along(world: World, tmp_path: Path) -> None:
    await world.send(picture(tmp_path))
    await world.deliver()
    (image,) = await world.received()
    await world.bob.client.attachments.content(image["id"])
    before = await world.bob.client.attachments.thumbnail(image["id"])
    again = await restored(world.bob, await backed_up(world.bob, tmp_path), tmp_path)
    assert await again.client.attachments.thumbnail(image["id"]) == before
    assert local_files(again) == 2
    await again.client.close()


@pytest.mark.parametrize("writes", range(1, 7))
async def test_a_kill_during_a_download_leaves_one_file_and_one_thumbnail(
    world: World, tmp_path: Path, writes: int
) -> None:
    sent = picture(tmp_path)
    await world.send(sent)
    await world.deliver()
    (image,) = await world.received()
    await world.bob.client.attachments.want(image["id"])
    await world.bob.kill_during(lambda client: client.attachments.downloads.run_due(), writes)
    world.connect(world.bob)
    await world.bob.client.attachments.downloads.run_due()
    (image,) = await world.received()
    assert (image["state"], image["thumbnail"]) == ("stored", True)
    await world.bob.restart()
    assert local_files(world.bob) == 2
    assert (await world.bob.client.attachments.content(image["id"]))[1] == sent.data


# -- fetched without being asked for -------------------------------------------------------------------------------


async def test_files_of_contacts_wait_unless_they_are_trusted(world: World) -> None:
    bob = world.bob.client
    await world.send(NOTE)
    await world.deliver()
    await bob.requests.accept(world.alice.id)
    assert not conversation_view(await bob.conversations.get(world.alice.id), world.bob.id)["downloads"]
    await bob.conversations.trust_downloads(world.alice.id, True)
    assert conversation_view(await bob.conversations.get(world.alice.id), world.bob.id)["downloads"]
    await world.send(NOTE)
    await world.deliver()
    await bob.attachments.downloads.run_due()
    assert [each["state"] for each in await world.received()] == ["stored", "remote"]
    await bob.conversations.trust_downloads(world.alice.id, False)
    await world.send(NOTE)
    await world.deliver()
    assert (await world.received())[0]["state"] == "remote"
    changes = [each["change"] for each in await world.bob.events() if each["event"] == "conversation"]
    assert [each for each in changes if "trusted" in each] == ["trusted", "untrusted"]


async def test_the_setting_stops_all_of_it_and_requests_never_fetch(world: World) -> None:
    bob = world.bob.client
    await world.send(NOTE)
    await world.deliver()
    await bob.conversations.trust_downloads(world.alice.id, True)
    await world.send(NOTE)
    await world.deliver()
    assert {each["state"] for each in await world.received()} == {"remote"}  # still a request
    await bob.requests.accept(world.alice.id)
    await bob.settings.set("auto-downloads", "off")
    await world.send(NOTE)
    await world.deliver()
    assert {each["state"] for each in await world.received()} == {"remote"}


async def test_groups_and_own_devices_need_no_trust(world: World) -> None:
    url = f"http://127.0.0.1:2/file/{'a' * 44}#p={FILE_SERVER_KEY}"
    pointer = NewAttachment(url, size=5, key=Secret(bytes(64)), digest=bytes(32))

    async def fetched(kind: str, pointer: NewAttachment = pointer, *, own: bool = False) -> bool:
        held = Conversation(world.alice.id, kind, 0, approved=True, approved_me=True)
        return await world.bob.read(lambda tables: fetched_by_itself(tables, held, pointer, own=own))

    assert await fetched("group")
    assert await fetched(CONTACT, own=True)
    assert not await fetched(CONTACT)
    for other in (
        replace(pointer, size=10_000_001),
        replace(pointer, key=None),
        replace(pointer, url="http://127.0.0.1:2/file/"),
        replace(pointer, url=url.replace(FILE_SERVER_KEY, "00" * 32)),
        replace(pointer, url=url.replace("127.0.0.1:2", "127.0.0.1:3")),
        replace(pointer, url=url.replace("127.0.0.1:2", "elsewhere.example").partition("#")[0]),
    ):
        assert not await fetched("group", other)


async def test_other_file_servers_are_asked_only_by_hand(world: World) -> None:
    await world.bob.client.conversations.trust_downloads(await make_friends(world), True)
    await world.send(Attached(b"x", "text/plain", "x"))
    real = world.alice.client.attachments.servers.own

    async def elsewhere() -> FileServer:
        return replace(await real(), host="elsewhere.example")

    world.alice.client.attachments.servers.own = elsewhere  # type: ignore[method-assign]
    await world.deliver()
    assert (await world.received())[0]["state"] == "remote"


async def make_friends(world: World) -> str:
    """Alice is accepted by Bob; gives her Account ID."""
    await world.alice.client.sending.send_text(world.bob.id, "hello")
    await world.deliver()
    await world.bob.client.requests.accept(world.alice.id)
    return world.alice.id


async def test_failures_are_counted_over_restarts(world: World) -> None:
    await make_friends(world)
    await world.bob.client.conversations.trust_downloads(world.alice.id, True)
    await world.send(NOTE)
    await world.deliver()
    world.codes = [500, 503]
    for pause_s in (0, 29, 1):
        await world.bob.clock.advance(pause_s)
        await world.bob.restart()
        world.connect(world.bob)
        await world.bob.client.attachments.downloads.run_due()
    assert world.codes == []
    gets = sum(each.startswith("GET") for each in world.asked)
    assert gets == 2  # not after 29 s
    await world.bob.clock.advance(1_799)
    await world.bob.client.attachments.downloads.run_due()
    assert sum(each.startswith("GET") for each in world.asked) == gets
    await world.bob.clock.advance(1)
    world.codes = [500]
    await world.bob.client.attachments.downloads.run_due()
    assert (await world.received())[0]["state"] == "failed"


async def test_a_file_that_the_server_has_no_more_is_never_asked_for_again(world: World) -> None:
    await world.send(NOTE)
    await world.deliver()
    (note,) = await world.received()
    await world.bob.client.attachments.want(note["id"])
    world.codes = [404]
    await world.bob.client.attachments.downloads.run_due()
    held = await world.bob.read(lambda tables: tables.attachments.get(note["id"]))
    assert held is not None
    assert (held.pointer.state.value, held.pointer.key, held.pointer.digest) == ("failed", None, None)
    asked = len(world.asked)
    await world.bob.client.attachments.want(note["id"])
    await world.bob.client.attachments.downloads.run_due()
    assert len(world.asked) == asked


async def test_three_files_at_a_time(world: World) -> None:
    await world.send(*[Attached(bytes([each]) * 50, "text/plain", f"{each}.txt") for each in range(1, 9)])
    await world.deliver()
    for each in await world.received():
        await world.bob.client.attachments.want(each["id"])
    under_way, most = 0, 0

    async def slow(to: ServerDestination, request: ServerRequest) -> ServerReply:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        reply = await world.server._endpoints.handle(request, "memory")
        under_way -= 1
        return reply

    world.bob.road.server = slow
    await world.bob.client.attachments.downloads.run_due()
    assert {each["state"] for each in await world.received()} == {"stored"}
    assert 1 <= most <= 3


# -- telling that a file was saved ---------------------------------------------------------------------------------


async def test_a_contact_is_told_of_saved_files_only_if_that_is_switched_on(world: World, tmp_path: Path) -> None:
    await make_friends(world)
    await world.send(NOTE)
    await world.deliver()
    (note,) = await world.received()
    bob = world.bob.client
    await bob.pump.run_due()

    async def told() -> int:
        copies = await world.bob.read(lambda tables: tables.outbox.due(2**60, 100))
        return sum(isinstance(decode(each.content).kind, DataExtraction) for each in copies)

    await bob.attachments.save(note["id"], tmp_path)
    assert await told() == 0
    await bob.settings.set("tell-saved", "on")
    await bob.attachments.save(note["id"], tmp_path)
    assert await told() == 1


# -- upkeep of the own picture -------------------------------------------------------------------------------------


async def test_upkeep_has_a_time_of_its_own(world: World, tmp_path: Path) -> None:
    path = tmp_path / "me.png"
    Image.new("RGB", (700, 700), "blue").save(path)
    alice, clock = world.alice.client, world.alice.clock
    await alice.pictures.set_own(path)
    first = await world.alice.read(lambda tables: tables.accounts.get())
    document = with_profile({}, first)
    assert (document[b"t"], document.get(b"T"), document.get(b"P")) == (first.profile_s, None, None)
    await clock.advance(7_000)
    await alice.pictures.renew()
    assert not any("/extend" in each for each in world.asked)
    await clock.advance(86_400)
    await alice.pictures.renew()
    second = await world.alice.read(lambda tables: tables.accounts.get())
    assert (second.profile_s, second.picture_url) == (first.profile_s, first.picture_url)
    assert second.picture_again_s >= first.profile_s + 86_400
    document = with_profile(document, second)
    assert (document[b"t"], document[b"T"]) == (first.profile_s, second.picture_again_s)
    assert (document[b"P"], document[b"Q"]) == (document[b"p"], document[b"q"])
    world.codes = [404] * 13
    for _ in range(13):
        await clock.advance(86_400)
        await alice.pictures.renew()
    third = await world.alice.read(lambda tables: tables.accounts.get())
    assert third.picture_url != first.picture_url
    assert (third.profile_s, third.picture_again_s > second.picture_again_s) == (first.profile_s, True)
    document = with_profile(document, third)
    assert document[b"P"] != document[b"p"]
    assert user_profile.read(document).updated_s == third.updated_s == third.picture_again_s
    await alice.sending.send_text(world.bob.id, "hello")
    await world.deliver()
    seen = await world.bob.client.conversations.get(world.alice.id)
    assert (seen.picture_url, seen.profile_s) == (third.picture_url, third.picture_again_s)
    await alice.pictures.set_own(path)
    fourth = await world.alice.read(lambda tables: tables.accounts.get())
    assert fourth.profile_s > third.picture_again_s
    document = with_profile(document, fourth)
    found = user_profile.read(document).picture
    assert found is not None
    assert found.url == fourth.picture_url
