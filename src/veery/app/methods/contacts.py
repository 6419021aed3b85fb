"""Strangers and contacts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from veery.app.methods.parameters import Json, Params, conversation_of, text_of
from veery.client.client import Client
from veery.client.views import conversation_view


async def requests(client: Client, params: Params) -> Json:
    """Message requests that wait."""
    return [conversation_view(each, client.account.hex) for each in await client.requests.list()]


async def accept(client: Client, params: Params) -> Json:
    """Accept who wrote."""
    return await _changed(client, params, client.requests.accept)


async def decline(client: Client, params: Params) -> Json:
    """Hide a request."""
    return await _changed(client, params, client.requests.decline)


async def block(client: Client, params: Params) -> Json:
    """Block a contact, or who sent a request."""
    return await _changed(client, params, client.requests.block)


async def unblock(client: Client, params: Params) -> Json:
    """Take messages of a contact again."""
    return await _changed(client, params, client.requests.unblock)


async def set_nickname(client: Client, params: Params) -> Json:
    """Call a contact something else on this device."""
    nickname = text_of(params, "nickname")
    return await _changed(client, params, lambda found: client.conversations.set_nickname(found, nickname))


async def _changed(client: Client, params: Params, change: Callable[[str], Awaitable[None]]) -> Json:
    conversation = await conversation_of(client, params)
    await change(conversation)
    return conversation_view(await client.conversations.get(conversation), client.account.hex)
