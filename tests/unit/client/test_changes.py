"""Reacting to messages, taking them back, and what is left of them on both sides."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conversations.engines import Device, account_of, exchange, make_device
from tests.conversations.memory_swarm import Fate
from tests.unit.client.mail import deliver, kinds
from veery.client.faults import ContactBlocked, ReactionRefused, UnsendRefused
from veery.errors import NetworkError, NotFound
from veery.protocol.constants import MINUTE_MS, REACTIONS_A_MINUTE, SECOND_MS
from veery.protocol.content import AttachmentPointer, Content, DataMessage, Preview, decode
from veery.store.message_values import Deleted, DeliveryState, Message

CAROL = account_of(3)


async def friends(alice: Device, bob: Device) -> tuple[int, int]:
    """Let both write once; gives Alice's and Bob's number of Alice's message."""
    sent = await alice.client.sending.send_text(bob.id, "hello")
    await exchange(alice, bob)
    await bob.client.sending.send_text(alice.id, "hello back")
    await exchange(alice, bob)
    (received,) = [each for each in await bob.messages(alice.id) if each.body == "hello"]
    return sent, received.id


async def reactions(device: Device, message: int) -> list[tuple[str, str]]:
    view = await device.client.conversations.view(message)
    return [(each["emoji"], each["sender"]) for each in view["reactions"]]


async def held(device: Device, message: int) -> Message:
    found = await device.read(lambda tables: tables.messages.get(message))
    assert found is not None
    return found


async def test_a_reaction_reaches_the_other_side_and_the_own_devices(
    alice: Device, bob: Device, tmp_path: Path
) -> None:
    bobs_phone = await make_device(tmp_path, bob.swarm, bob.clock, "bob", 2, device=1)
    sent, received = await friends(alice, bob)
    await exchange(bobs_phone)
    assert await bob.client.reacting.react(received, "👍")
    assert not await bob.client.reacting.react(received, "👍")
    assert await bob.client.reacting.react(received, "🎉")
    await exchange(alice, bob, bobs_phone)
    expected = [("👍", bob.id), ("🎉", bob.id)]
    assert sorted(await reactions(alice, sent)) == sorted(expected)
    assert sorted(await reactions(bob, received)) == sorted(expected)
    (there,) = [each for each in await bobs_phone.messages(alice.id) if each.body == "hello"]
    assert sorted(await reactions(bobs_phone, there.id)) == sorted(expected)
    assert await bob.client.reacting.react(received, "👍", remove=True)
    assert not await bob.client.reacting.react(received, "👍", remove=True)
    await exchange(alice, bob, bobs_phone)
    for device, message in ((alice, sent), (bob, received), (bobs_phone, there.id)):
        assert await reactions(device, message) == [("🎉", bob.id)]
    assert sorted(await alice.texts(bob.id)) == ["", "hello", "hello back"]  # and the notice of the acceptance
    assert (await kinds(alice)).count("reaction") == 3
    await bobs_phone.client.close()


async def test_reactions_that_are_refused(alice: Device, bob: Device) -> None:
    _, received = await friends(alice, bob)
    for emoji in ("", "  ", "ok", "👍 👍", "👍" * 33):
        with pytest.raises(ReactionRefused):
            await bob.client.reacting.react(received, emoji)
    with pytest.raises(NotFound):
        await bob.client.reacting.react(99, "👍")
    await bob.client.conversations.delete_message(received)
    with pytest.raises(ReactionRefused):
        await bob.client.reacting.react(received, "👍")
    await bob.client.requests.block(alice.id)
    (own,) = [each for each in await bob.messages(alice.id) if each.outgoing]
    with pytest.raises(ContactBlocked):
        await bob.client.reacting.react(own.id, "👍")
    assert await reactions(bob, own.id) == []


async def test_a_client_reacts_twenty_times_a_minute(alice: Device, bob: Device) -> None:
    _, received = await friends(alice, bob)
    for number in range(REACTIONS_A_MINUTE):
        await bob.client.reacting.react(received, "👍", remove=bool(number % 2))
    with pytest.raises(ReactionRefused) as refused:
        await bob.client.reacting.react(received, "👍")
    assert refused.value.kind == "client.reaction.too_many"
    assert await reactions(bob, received) == []
    bob.clock.move(MINUTE_MS / SECOND_MS)
    assert await bob.client.reacting.react(received, "👍")


async def test_unsending_leaves_a_placeholder_on_every_device_and_nothing_in_the_swarm(
    alice: Device, bob: Device, tmp_path: Path
) -> None:
    phone = await make_device(tmp_path, alice.swarm, alice.clock, "alice", 1, device=1)
    sent, received = await friends(alice, bob)
    await exchange(phone)
    (there,) = [each for each in await phone.messages(bob.id) if each.body == "hello"]
    copy = (await held(alice, sent)).storage_hash
    assert copy in alice.swarm.members[0].hashes(alice.account.account_id.raw)
    await bob.client.reacting.react(received, "👍")
    await alice.client.deleting.unsend(sent)
    await exchange(alice, bob, phone)
    assert all(copy not in each.hashes(alice.account.account_id.raw) for each in alice.swarm.members)
    for device, message in ((alice, sent), (bob, received), (phone, there.id)):
        found = await held(device, message)
        assert (found.deleted, found.body, found.content) == (Deleted.EVERYWHERE, "", b"")
        assert await reactions(device, message) == []
        (event,) = [each for each in await device.events() if each["event"] == "deleted"]
        assert (event["id"], event["by"]) == (message, alice.id)
    await alice.client.deleting.unsend(sent)  # again: nothing more happens
    assert (await kinds(alice)).count("deleted") == 1
    await phone.client.close()


async def test_a_note_to_self_goes_from_all_devices(alice: Device, tmp_path: Path) -> None:
    phone = await make_device(tmp_path, alice.swarm, alice.clock, "alice", 1, device=1)
    note = await alice.client.sending.send_text(alice.id, "buy milk")
    await exchange(alice, phone)
    assert await phone.texts(alice.id) == ["buy milk"]
    await alice.client.deleting.unsend(note)
    await exchange(alice, phone)
    assert await alice.messages(alice.id) == []
    assert await phone.messages(alice.id) == []
    await phone.client.close()


async def test_what_was_never_sent_is_taken_back_without_the_network(alice: Device, bob: Device) -> None:
    message = await alice.client.sending.send_text(bob.id, "too soon")
    alice.weather = lambda: Fate.LOST
    await alice.client.deleting.unsend(message)
    assert (await held(alice, message)).deleted is Deleted.EVERYWHERE
    assert (await held(alice, message)).delivery.state is DeliveryState.FAILED
    assert await alice.client.outbox.listed() == ()


async def test_without_the_own_swarm_nothing_is_taken_back(alice: Device, bob: Device) -> None:
    sent, received = await friends(alice, bob)
    alice.weather = lambda: Fate.LOST
    with pytest.raises(NetworkError):
        await alice.client.deleting.unsend(sent)
    alice.weather = lambda: Fate.ARRIVES
    await exchange(alice, bob)
    assert (await held(alice, sent)).body == (await held(bob, received)).body == "hello"


async def test_only_own_messages_are_taken_back(alice: Device, bob: Device) -> None:
    sent, received = await friends(alice, bob)
    with pytest.raises(UnsendRefused):
        await bob.client.deleting.unsend(received)
    await alice.client.conversations.delete_message(sent)
    with pytest.raises(UnsendRefused):
        await alice.client.deleting.unsend(sent)
    with pytest.raises(NotFound):
        await alice.client.deleting.unsend(99)
    await exchange(alice, bob)
    assert (await held(bob, received)).body == "hello"


async def test_deleting_media_leaves_the_text_and_what_is_unknown(bob: Device) -> None:
    pointer = AttachmentPointer(url="http://f/file/1", key=b"k" * 64, size=5)
    preview = Preview("https://a.example", "A", pointer)
    data = DataMessage(body="https://a.example", attachments=(pointer,), preview=(preview,))
    await deliver(CAROL, bob, data, other_fields=bytes.fromhex("f2010568656c6c6f"))
    (message,) = await bob.messages(CAROL.account_id.hex)
    await bob.client.deleting.delete_media(message.id)
    view = await bob.client.conversations.view(message.id)
    assert (view["text"], view["attachments"], view["preview"]["image"]) == ("https://a.example", [], None)
    left: Content = decode((await held(bob, message.id)).content)
    assert left.other_fields == bytes.fromhex("f2010568656c6c6f")
    assert b"k" * 64 not in (await held(bob, message.id)).content
    await deliver(CAROL, bob, DataMessage(attachments=(pointer,)))
    (_, bare) = await bob.messages(CAROL.account_id.hex)
    await bob.client.deleting.delete_media(bare.id)
    assert (await held(bob, bare.id)).deleted is Deleted.HERE
    with pytest.raises(NotFound):
        await bob.client.deleting.delete_media(99)


async def test_replies_show_what_they_answer_as_it_stands_here(alice: Device, bob: Device) -> None:
    sent, received = await friends(alice, bob)
    await bob.client.sending.send_text(alice.id, f"as @{alice.id} says", quote=received)
    await exchange(alice, bob)
    answer = (await alice.messages(bob.id))[-1]
    view = await alice.client.conversations.view(answer.id)
    assert view["quote"] == {
        "sender": alice.id,
        "own": True,
        "sent_at": (await held(alice, sent)).timestamp_ms,
        "id": sent,
        "text": "hello",
    }
    of_key = alice.client.account.fingerprint
    assert view["mentions"] == [{"id": alice.id, "title": None, "fingerprint": of_key, "own": True}]
    there = await bob.client.conversations.view((await bob.messages(alice.id))[-1].id)
    assert there["mentions"] == [{"id": alice.id, "title": "alice", "fingerprint": of_key, "own": False}]
    assert not there["quote"]["own"]
    await alice.client.deleting.unsend(sent)
    assert (await alice.client.conversations.view(answer.id))["quote"]["text"] is None
