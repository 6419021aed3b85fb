"""Strangers and contacts."""

from __future__ import annotations

from veery.app.methods.parameters import Json, Params, changed, flag_of, text_of
from veery.client.client import Client
from veery.client.views import conversation_view


async def requests(client: Client, params: Params) -> Json:
    """Message requests that wait."""
    return [conversation_view(each, client.account.hex) for each in await client.requests.list()]


async def accept(client: Client, params: Params) -> Json:
    """Accept who wrote."""
    return await changed(client, params, client.requests.accept)


async def decline(client: Client, params: Params) -> Json:
    """Hide a request."""
    return await changed(client, params, client.requests.decline)


async def block(client: Client, params: Params) -> Json:
    """Block a contact, or who sent a request."""
    return await changed(client, params, client.requests.block)


async def unblock(client: Client, params: Params) -> Json:
    """Take messages of a contact again."""
    return await changed(client, params, client.requests.unblock)


async def set_nickname(client: Client, params: Params) -> Json:
    """Call a contact something else on this device."""
    nickname = text_of(params, "nickname")
    return await changed(client, params, lambda found: client.conversations.set_nickname(found, nickname))


async def trust_downloads(client: Client, params: Params) -> Json:
    """Fetch files of a contact as they come. trusted: or wait until they are asked for."""
    trusted = flag_of(params, "trusted")
    return await changed(client, params, lambda found: client.conversations.trust_downloads(found, trusted))
