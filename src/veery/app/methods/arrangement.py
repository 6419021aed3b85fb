"""What is settled about conversations: their place in the list, notifications, and how their messages disappear."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from veery.app.methods.parameters import Json, ParametersWrong, Params, changed, conversation_of, number_of, text_of
from veery.client.client import Client
from veery.client.conversations import FOR_GOOD_MS
from veery.client.groups.standing import GROUP_PREFIX
from veery.client.views import conversation_view
from veery.protocol.expiry_rules import DisappearingMode, default_timer
from veery.protocol.fingerprint import fingerprint_of

FOLLOW: Final = "follow"
_OF_GROUPS: Final = (DisappearingMode.OFF.value, DisappearingMode.AFTER_SEND.value)  # set by admins


async def pin(client: Client, params: Params) -> Json:
    """Let a conversation stand above the others."""
    return await changed(client, params, client.conversations.pin)


async def unpin(client: Client, params: Params) -> Json:
    """Let it stand among the others again."""
    return await changed(client, params, client.conversations.unpin)


async def mark_unread(client: Client, params: Params) -> Json:
    """Mark it as one to come back to."""
    return await changed(client, params, client.conversations.mark_unread)


async def mute(client: Client, params: Params) -> Json:
    """Do not notify of its messages. until: local time, ms; without it for good."""
    until = number_of(params, "until", FOR_GOOD_MS)
    return await changed(client, params, lambda found: client.conversations.mute(found, until))


async def unmute(client: Client, params: Params) -> Json:
    """Notify of its messages again."""
    return await changed(client, params, client.conversations.unmute)


async def hide(client: Client, params: Params) -> Json:
    """Keep it out of the list until a message comes."""
    return await changed(client, params, client.conversations.hide)


async def show(client: Client, params: Params) -> Json:
    """Put it back into the list."""
    return await changed(client, params, client.conversations.show)


async def clear(client: Client, params: Params) -> Json:
    """Remove its messages from this device. removed: how many."""
    return await _emptied(client, params, client.conversations.clear)


async def remove(client: Client, params: Params) -> Json:
    """Remove its messages from this device, and it from the list. removed: how many messages."""
    return await _emptied(client, params, client.conversations.remove)


async def forget(client: Client, params: Params) -> Json:
    """Remove a contact with everything that belongs to it."""
    conversation = await conversation_of(client, params)
    held = await client.conversations.get(conversation)
    await client.conversations.forget(conversation)
    named = {"title": held.title, "fingerprint": fingerprint_of(conversation)}
    return {"id": conversation, **named, "name": held.name, "nickname": held.nickname, "forgotten": True}


async def disappear(client: Client, params: Params) -> Json:
    """Let messages disappear. mode: off, after_read, after_send or follow; seconds: null for the usual time."""
    conversation = await conversation_of(client, params)
    mode = text_of(params, "mode")
    seconds = None if params.get("seconds") is None else number_of(params, "seconds")
    if conversation.startswith(GROUP_PREFIX) and mode in _OF_GROUPS:
        usual = default_timer(DisappearingMode(mode))
        await client.groups.set_timer(conversation, usual if seconds is None else seconds)
    elif mode == FOLLOW:
        await client.timers.follow(conversation)
    elif mode in (each.value for each in DisappearingMode):
        await client.timers.set(conversation, DisappearingMode(mode), seconds)
    else:
        raise ParametersWrong("`mode` must be off, after_read, after_send or follow")
    return conversation_view(await client.conversations.get(conversation), client.account.hex)


async def _emptied(client: Client, params: Params, change: Callable[[str], Awaitable[int]]) -> Json:
    conversation = await conversation_of(client, params)
    removed = await change(conversation)
    view = conversation_view(await client.conversations.get(conversation), client.account.hex)
    return {**view, "removed": removed}
