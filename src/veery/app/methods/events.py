"""Events, durable and of the moment."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from veery.app.methods.messages import PAGE_MAX
from veery.app.methods.parameters import Json, Params, number_of, text_of
from veery.client.client import Client


async def events(client: Client, params: Params) -> Json:
    """A page of durable events after a number; does not wait."""
    limit = max(1, min(number_of(params, "limit", PAGE_MAX), PAGE_MAX))
    return await client.events.page(number_of(params, "after", 0), limit)


async def ack(client: Client, params: Params) -> Json:
    """A consumer has dealt with everything up to a number."""
    return {"seq": await client.events.ack(text_of(params, "name"), number_of(params, "seq"))}


async def acknowledged(client: Client, params: Params) -> Json:
    """Up to which number a consumer has dealt with events."""
    return {"seq": await client.events.acknowledged(text_of(params, "name"))}


async def follow(client: Client, params: Params) -> AsyncGenerator[Json, None]:
    """Every event after a number, then what happens."""
    async for event in client.events(number_of(params, "after", 0)):
        yield event
