"""The own account, and how it stands."""

from __future__ import annotations

from veery.app.methods.parameters import Json, Params, text_of
from veery.app.methods.road import path
from veery.client.client import Client


async def hello(client: Client, params: Params) -> Json:
    """Says that the engine listens; see `wire`."""
    return {"account_id": client.account.hex}


async def account(client: Client, params: Params) -> Json:
    """Account ID, its fingerprint, and name."""
    own = await client.profile.get()
    return {"account_id": client.account.hex, "fingerprint": client.account.fingerprint, "name": own.name}


async def set_name(client: Client, params: Params) -> Json:
    """Change the name that others see."""
    await client.profile.set_name(text_of(params, "name"))
    return await account(client, params)


async def status(client: Client, params: Params) -> Json:
    """How the account stands: name, unread messages, what waits, and the road."""
    return {
        **await account(client, params),
        "unread": await client.conversations.unread(),
        "requests": len(await client.requests.list()),
        "waiting": len(await client.outbox.waiting()),
        "road": await path(client, {}),
    }
