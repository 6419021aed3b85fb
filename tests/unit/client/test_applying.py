"""What each kind of content does."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.conversations.engines import Device, account_of, exchange
from tests.unit.client.mail import deliver, kinds
from veery.client.arrivals import Arrival
from veery.client.expiring import Expiring
from veery.client.keeping import is_visible
from veery.client.settings import Switch
from veery.client.views import message_view
from veery.protocol.constants import DAY_MS, SECOND_MS
from veery.protocol.content import (
    EXPIRATION_TIMER_UPDATE,
    AttachmentPointer,
    CallMessage,
    CallType,
    Content,
    DataExtraction,
    DataExtractionType,
    DataMessage,
    ExpirationType,
    GroupInvite,
    GroupMemberLeft,
    GroupUpdateMessage,
    Kind,
    MessageRequestResponse,
    Profile,
    Quote,
    Reaction,
    ReactionAction,
    ReceiptMessage,
    TypingAction,
    TypingMessage,
    UnsendRequest,
)
from veery.protocol.content.group_signatures import invite_text
from veery.protocol.crypto import ed25519_from_seed, ed25519_sign
from veery.store.message_values import Deleted, DeliveryState
from veery.store.tables import Tables

CAROL = account_of(3)
CAROL_ID = CAROL.account_id.hex


def switch_on(switch: Switch, tables: Tables) -> None:
    tables.accounts.set_setting(switch.value, "on")


async def conversation(device: Device, id_: str = CAROL_ID) -> Any:
    return await device.client.conversations.get(id_)


async def event_of(device: Device, kind: str) -> dict[str, Any]:
    (found,) = [event for event in await device.events() if event["event"] == kind]
    return found


async def test_the_message_event_has_exactly_these_fields(bob: Device) -> None:
    name = await deliver(CAROL, bob, DataMessage(body="hello"), 1_699_999_999_000)
    event = await event_of(bob, "message")
    assert event == {
        "event": "message",
        "id": 1,
        "conversation": CAROL_ID,
        "sender": CAROL_ID,
        "sender_name": None,
        "text": "hello",
        "sent_at": 1_699_999_999_000,
        "received_at": bob.clock.now_ms(),
        "hash": name,
        "own_hash": name,
        "protocol": "v1",
        "attachments": [],
        "expires": None,
        "direction": "in",
        "request": True,
        "late": False,
        "quote": None,
        "mentions": [],
        "preview": None,
        "invitation": None,
        "disappears": None,
        "notify": False,
        "seq": 1,
    }


async def test_a_request_is_told_with_the_name_that_came_with_it(bob: Device) -> None:
    await deliver(CAROL, bob, DataMessage(body="hello", profile=Profile(display_name="Carol")))
    assert await kinds(bob) == ["message", "conversation"]
    assert (await event_of(bob, "message"))["sender_name"] == "Carol"
    told = await event_of(bob, "conversation")
    assert (told["conversation"], told["title"], told["request"], told["unread"]) == (CAROL_ID, "Carol", True, 1)


def test_what_groups_tell_of_themselves_is_not_read_by_being_written() -> None:
    def seen(kind: Kind) -> bool:
        opened = SimpleNamespace(content=Content(kind))
        return is_visible(cast("Arrival", SimpleNamespace(opened=opened)))

    left = DataMessage(group_update_message=GroupUpdateMessage(GroupMemberLeft()))
    assert [seen(DataMessage(body="hello")), seen(DataMessage(flags=2)), seen(left)] == [True, True, False]
    assert not seen(DataExtraction(DataExtractionType.SCREENSHOT))


async def test_a_stranger_waits_in_the_requests_until_accepted(bob: Device) -> None:
    await deliver(CAROL, bob, DataMessage(body="hello"))
    assert [each.id for each in await bob.client.requests.list()] == [CAROL_ID]
    assert await bob.client.conversations.unread() == 0
    await bob.client.requests.accept(CAROL_ID)
    assert await bob.client.requests.list() == ()
    assert await bob.client.conversations.unread() == 1
    await deliver(CAROL, bob, DataMessage(body="again"))
    assert not [event for event in await bob.events() if event["event"] == "message"][-1]["request"]


async def test_a_blocked_account_is_not_heard(bob: Device) -> None:
    await deliver(CAROL, bob, DataMessage(body="hello"))
    await bob.client.requests.block(CAROL_ID)
    await deliver(CAROL, bob, DataMessage(body="you there?"))
    assert await bob.texts(CAROL_ID) == ["hello"]
    await bob.client.requests.unblock(CAROL_ID)
    await deliver(CAROL, bob, DataMessage(body="good day"))
    assert await bob.texts(CAROL_ID) == ["hello", "good day"]


async def test_the_same_t_of_the_same_author_comes_once(bob: Device) -> None:
    await deliver(CAROL, bob, DataMessage(body="hello"), 7)
    await deliver(CAROL, bob, DataMessage(body="hello again"), 7)
    await deliver(account_of(4), bob, DataMessage(body="somebody else"), 7)
    assert await bob.texts(CAROL_ID) == ["hello"]
    assert await bob.texts(account_of(4).account_id.hex) == ["somebody else"]


async def test_times_that_differ_are_refused(bob: Device) -> None:
    await deliver(CAROL, bob, DataMessage(body="hello"), 7, signed_ms=8)
    assert await kinds(bob) == []


async def test_a_profile_is_taken_over_when_newer(bob: Device) -> None:
    async def say(name: str, seconds: int) -> str:
        profile = Profile(display_name=name, last_profile_update_seconds=seconds)
        await deliver(CAROL, bob, DataMessage(body="hello", profile=profile))
        return str((await conversation(bob)).name)

    assert await say("Carol", 10) == "Carol"
    assert await say("old", 9) == "Carol"
    assert await say("Caroline", 11) == "Caroline"
    changes = [event["change"] for event in await bob.events() if event["event"] == "conversation"]
    assert changes == ["profile", "profile"]


async def test_nothing_visible_makes_no_conversation(bob: Device) -> None:
    profile = Profile(display_name="Carol", last_profile_update_seconds=1)
    await deliver(CAROL, bob, DataMessage(profile=profile))
    assert await bob.client.conversations.list(hidden=True) == ()


async def test_attachments_are_kept_without_showing_their_keys(bob: Device) -> None:
    pointer = AttachmentPointer(
        content_type="image/png", key=bytes(32), size=70, file_name="a.png", width=3, height=4, url="http://f/file/1#d="
    )
    await deliver(CAROL, bob, DataMessage(attachments=(pointer,)))
    (shown,) = (await event_of(bob, "message"))["attachments"]
    assert (shown["name"], shown["size"], shown["content_type"]) == ("a.png", 70, "image/png")
    assert "key" not in shown
    (message,) = await bob.messages(CAROL_ID)
    (kept,) = await bob.read(lambda tables: tables.attachments.of(message.id))
    assert kept.pointer.key is not None
    assert kept.pointer.url == "http://f/file/1#d="


async def test_a_body_is_cut_at_ten_thousand(bob: Device) -> None:
    await deliver(CAROL, bob, DataMessage(body="x" * 10_001))
    assert [len(text) for text in await bob.texts(CAROL_ID)] == [10_000]


async def test_a_quote_is_kept(bob: Device) -> None:
    await deliver(CAROL, bob, DataMessage(body="yes", quote=Quote(id=5, author=bob.id)))
    (message,) = await bob.messages(CAROL_ID)
    view = await bob.read(lambda tables: message_view(tables, message))
    assert view["quote"] == {"sender": bob.id, "own": True, "sent_at": 5, "id": None, "text": None}


async def test_reactions_come_and_go(bob: Device) -> None:
    await deliver(CAROL, bob, DataMessage(body="hello"), 7)
    (message,) = await bob.messages(CAROL_ID)

    async def react(emoji: str, action: ReactionAction, author: str = CAROL_ID, id_: int = 7) -> list[str]:
        reaction = Reaction(id=id_, author=author, emoji=emoji, action=action)
        await deliver(CAROL, bob, DataMessage(reaction=reaction))
        found = await bob.read(lambda tables: tables.reactions.of((message.id,)))
        return [each.emoji for each in found.get(message.id, ())]

    assert await react("👍", ReactionAction.REACT) == ["👍"]
    assert await react("👍", ReactionAction.REACT) == ["👍"]
    assert await react("🎉", ReactionAction.REACT) == ["👍", "🎉"]
    assert await react("👍", ReactionAction.REMOVE) == ["🎉"]
    assert await react("", ReactionAction.REACT) == ["🎉"]
    assert await react("x" * 100, ReactionAction.REACT) == ["🎉"]
    assert await react("👍", ReactionAction.REACT, id_=8) == ["🎉"]
    assert await react("👍", ReactionAction.REACT, author="nobody") == ["🎉"]
    assert await kinds(bob) == ["message", "reaction", "reaction", "reaction"]


async def test_a_reaction_reaches_only_its_own_conversation(bob: Device) -> None:
    dave = account_of(4)
    await deliver(CAROL, bob, DataMessage(body="hello"), 7)
    await deliver(dave, bob, DataMessage(reaction=Reaction(id=7, author=CAROL_ID, emoji="👍")))
    assert "reaction" not in await kinds(bob)


async def test_unsend_leaves_a_placeholder(bob: Device) -> None:
    await deliver(CAROL, bob, DataMessage(body="hello"), 7)
    await deliver(account_of(4), bob, UnsendRequest(timestamp=7, author=CAROL_ID))
    assert await bob.texts(CAROL_ID) == ["hello"]
    await deliver(CAROL, bob, UnsendRequest(timestamp=7, author=CAROL_ID))
    (message,) = await bob.messages(CAROL_ID)
    assert (message.body, message.content, message.deleted) == ("", b"", Deleted.EVERYWHERE)
    assert (await event_of(bob, "deleted"))["id"] == message.id
    await deliver(CAROL, bob, UnsendRequest(timestamp=8, author=CAROL_ID))
    assert (await kinds(bob)).count("deleted") == 1


async def test_unsend_in_note_to_self_removes(bob: Device) -> None:
    await deliver(bob.account, bob, DataMessage(body="note", sync_target=bob.id), 7)
    assert await bob.texts(bob.id) == ["note"]
    await deliver(bob.account, bob, UnsendRequest(timestamp=7, author=bob.id))
    assert await bob.messages(bob.id) == []


async def test_receipts_and_typing_count_only_when_switched_on(alice: Device, bob: Device) -> None:
    message = await alice.client.sending.send_text(bob.id, "hello")
    await exchange(alice, bob)
    (sent,) = await alice.messages(bob.id)
    stream = alice.client.events(after=await alice.client.events.last())
    await deliver(bob.account, alice, ReceiptMessage(timestamp=(sent.timestamp_ms,)))
    now = alice.clock.now_ms() + 5
    await deliver(bob.account, alice, TypingMessage(now, TypingAction.STARTED), now)
    assert (await alice.client.sending.get(message)).delivery.state is DeliveryState.STORED
    for switch in Switch:
        await alice.client._core.write(partial(switch_on, switch))
    await deliver(bob.account, alice, ReceiptMessage(timestamp=(sent.timestamp_ms, 99)), now + 1)
    await deliver(bob.account, alice, TypingMessage(now + 2, TypingAction.STARTED), now + 2)
    await deliver(bob.account, alice, TypingMessage(now, TypingAction.STARTED), now + 3)
    assert (await alice.client.sending.get(message)).delivery.state is DeliveryState.READ
    event = await anext(stream)
    assert (event["event"], event["state"]) == ("state", "read")
    event = await anext(stream)
    assert event == {
        "event": "typing",
        "conversation": bob.id,
        "action": "started",
        "until": alice.clock.now_ms() + 15_000,
    }


async def test_a_response_accepts_whoever_was_written_to(alice: Device, bob: Device) -> None:
    await alice.client.sending.send_text(bob.id, "hello")
    profile = Profile(display_name="Bob", last_profile_update_seconds=5)
    await deliver(bob.account, alice, MessageRequestResponse(profile=profile))
    held = await conversation(alice, bob.id)
    assert (held.approved_me, held.name, held.is_request) == (True, "Bob", False)
    assert (await event_of(alice, "notice"))["notice"] == "request_accepted"
    await deliver(bob.account, alice, MessageRequestResponse())
    assert (await kinds(alice)).count("notice") == 1


async def test_a_response_of_a_stranger_shows_nothing(bob: Device) -> None:
    await deliver(CAROL, bob, MessageRequestResponse())
    assert await kinds(bob) == []
    assert await bob.client.requests.list() == ()
    await deliver(CAROL, bob, MessageRequestResponse(is_approved=False))
    await deliver(bob.account, bob, MessageRequestResponse())
    assert await kinds(bob) == []


async def test_extraction_notices_stand_in_known_conversations(bob: Device) -> None:
    notice = DataExtraction(DataExtractionType.MEDIA_SAVED, 7)
    await deliver(CAROL, bob, notice)
    assert await kinds(bob) == []
    await deliver(CAROL, bob, DataMessage(body="hello"), 7)
    await deliver(CAROL, bob, notice)
    event = await event_of(bob, "notice")
    assert (event["notice"], event["text"]) == ("media_saved", "")


async def test_calls_of_strangers_are_dropped_others_leave_a_notice(bob: Device) -> None:
    offer = CallMessage(CallType.OFFER, "u-1", sdps=("v=0",))
    await deliver(CAROL, bob, offer)
    await deliver(CAROL, bob, DataMessage(body="hello"))
    await deliver(CAROL, bob, offer)
    assert "notice" not in await kinds(bob)
    await bob.client.requests.accept(CAROL_ID)
    stream = bob.client.events(after=await bob.client.events.last())
    await deliver(CAROL, bob, CallMessage(CallType.PRE_OFFER, "u-2"))
    live = await anext(stream)
    assert (live["event"], live["type"], live["uuid"]) == ("call", "pre_offer", "u-2")
    await deliver(CAROL, bob, replace(offer, uuid="u-2"))
    assert (await event_of(bob, "notice"))["notice"] == "missed_call"


async def test_group_invites_with_rights_of_nobody_are_refused(bob: Device) -> None:
    public, secret = ed25519_from_seed(bytes(range(32)))
    invite = GroupInvite(
        group_session_id=(b"\x03" + public).hex(),
        name="g",
        member_auth_data=bytes(100),
        admin_signature=ed25519_sign(secret, invite_text(bob.id, 7)),
    )
    await deliver(CAROL, bob, DataMessage(group_update_message=GroupUpdateMessage(invite)), 7)
    assert await bob.read(lambda tables: tables.inbox.kept(10)) == ()
    assert await bob.client.groups.list() == []


async def test_sync_copies_come_from_own_devices_alone(bob: Device) -> None:
    await deliver(CAROL, bob, DataMessage(body="forged", sync_target=account_of(4).account_id.hex))
    assert await kinds(bob) == []
    await deliver(CAROL, bob, DataMessage(body="hello"), 7)
    await deliver(bob.account, bob, DataMessage(body="answer", sync_target=CAROL_ID), 9)
    incoming, outgoing = await bob.messages(CAROL_ID)
    assert (outgoing.outgoing, outgoing.body, outgoing.delivery.state) == (True, "answer", DeliveryState.STORED)
    assert incoming.read
    assert (await conversation(bob)).approved
    assert [event["direction"] for event in await bob.events() if event["event"] == "message"] == ["in", "out"]


@pytest.mark.parametrize("kind", [DataMessage(body="x", flags=4), DataMessage(attachments=())])
async def test_what_the_rules_refuse_has_no_effect(bob: Device, kind: Kind) -> None:
    await deliver(CAROL, bob, kind)
    assert await kinds(bob) == []


async def test_after_send_takes_the_time_of_the_swarm(bob: Device) -> None:
    common = {"expiration_type": ExpirationType.DELETE_AFTER_SEND, "expiration_timer": 86_400}
    await deliver(CAROL, bob, DataMessage(body="soon gone"), **common)
    (message,) = await bob.messages(CAROL_ID)
    assert message.expiration.expires_ms == message.server_expiry_ms
    assert (await event_of(bob, "message"))["expires"] == message.expiration.expires_ms


async def test_after_read_waits_for_reading_and_shortens_the_copy(bob: Device) -> None:
    common = {"expiration_type": ExpirationType.DELETE_AFTER_READ, "expiration_timer": 3_600}
    name = await deliver(CAROL, bob, DataMessage(body="read me"), **common)
    (message,) = await bob.messages(CAROL_ID)
    assert message.expiration.expires_ms is None
    assert await bob.client.conversations.mark_read(CAROL_ID) == 1
    (message,) = await bob.messages(CAROL_ID)
    assert message.expiration.expires_ms == bob.clock.now_ms() + 3_600 * SECOND_MS
    mine = bob.account.account_id.raw
    expiries = {member.stored[mine, 0][name].expiration for member in bob.swarm.members}
    assert expiries == {message.expiration.expires_ms}
    bob.clock.move(3_601)
    assert await bob.client.conversations.mark_read(CAROL_ID) == 0
    assert await Expiring(bob.client._core).sweep() == 1
    assert await bob.messages(CAROL_ID) == []
    assert (await event_of(bob, "deleted"))["id"] == message.id


async def test_timer_updates_of_own_devices_count_for_own_messages(bob: Device) -> None:
    common = {"expiration_type": ExpirationType.DELETE_AFTER_SEND, "expiration_timer": DAY_MS // SECOND_MS}
    await deliver(CAROL, bob, DataMessage(body="hello"))
    await deliver(CAROL, bob, DataMessage(flags=EXPIRATION_TIMER_UPDATE), **common)
    assert (await conversation(bob)).expiration_timer_s == 0
    await deliver(bob.account, bob, DataMessage(flags=EXPIRATION_TIMER_UPDATE, sync_target=CAROL_ID), **common)
    assert (await conversation(bob)).expiration_timer_s == DAY_MS // SECOND_MS
    assert [message.kind for message in await bob.messages(CAROL_ID)] == ["text", "timer"]
    sent = await bob.client.sending.send_text(CAROL_ID, "hi")
    assert (await bob.client.sending.get(sent)).expiration.timer_s == DAY_MS // SECOND_MS
    await exchange(bob)
    assert (await bob.client.sending.get(sent)).expiration.expires_ms == bob.clock.now_ms() + DAY_MS
    off = DataMessage(flags=EXPIRATION_TIMER_UPDATE, sync_target=CAROL_ID)
    await deliver(bob.account, bob, off, bob.clock.now_ms() + 200)
    assert (await conversation(bob)).expiration_timer_s == 0
