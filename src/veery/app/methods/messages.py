"""Sending, fetching and looking at messages."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from veery.app.methods.files import prepared
from veery.app.methods.parameters import (
    Json,
    Params,
    answered_in_time,
    conversation_of,
    find_conversation,
    flag_of,
    number_of,
    text_of,
)
from veery.client.client import Client
from veery.client.views import conversation_view, hash_of, protocol_of
from veery.store.message_values import Message, Position

PAGE_MAX: Final = 100  # a page of the largest messages must fit into a line of the socket


async def send(client: Client, params: Params) -> Json:
    """Queue a text, files (absolute paths), or both; with `wait`, give its fate once it is stored."""
    to = await find_conversation(client, text_of(params, "to"))
    quote = number_of(params, "quote") if params.get("quote") is not None else None
    files = await prepared(client, params)
    text = text_of(params, "text") if params.get("text") is not None or not files else ""
    message = await client.sending.send(to, text, files=files, quote=quote)
    if flag_of(params, "wait"):
        return await wait_stored(client, {"id": message})
    return await sent_fields(client, await client.sending.get(message))


async def wait_stored(client: Client, params: Params) -> Json:
    """Wait until a message is stored. Raises SendFailed."""
    return await sent_fields(client, await client.sending.wait_stored(number_of(params, "id")))


async def sent_fields(client: Client, message: Message) -> Json:
    """What is told of an own message."""
    delivery = message.delivery
    return {
        "id": message.id,
        "conversation": message.conversation,
        "hash": hash_of(message),
        "state": delivery.state.value,
        "stored_on": delivery.stored_on,
        "swarm_size": delivery.swarm_size,
        "protocol": protocol_of(message),
        "mark": await client.read(lambda tables: tables.held.mark(message.id)),
        "sent_at": message.timestamp_ms,
    }


async def fetch(client: Client, params: Params) -> Json:
    """Poll the own swarm now, and those of groups. Raises NetworkError, also when nobody answers for long."""
    async with answered_in_time():
        found = await client.receiving.fetch()
        return asdict(found + await client.groups.fetch())


async def messages(client: Client, params: Params) -> Json:
    """A page of a conversation, newest first. before: id of a message to go back from."""
    conversation = await conversation_of(client, params)
    before = None
    if params.get("before") is not None:
        held = await client.sending.get(number_of(params, "before"))
        before = Position(held.timestamp_ms, held.id)
    limit = max(1, min(number_of(params, "limit", 50), PAGE_MAX))
    client.levels.opened(conversation)
    return await client.conversations.shown(conversation, limit, before=before)


async def conversations(client: Client, params: Params) -> Json:
    """All conversations but requests."""
    found = await client.conversations.list(hidden=flag_of(params, "hidden"))
    return [conversation_view(each, client.account.hex) for each in found if not each.is_request]


async def mark_read(client: Client, params: Params) -> Json:
    """Mark a conversation as read."""
    return {"read": await client.conversations.mark_read(await conversation_of(client, params))}
