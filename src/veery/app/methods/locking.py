"""Locking after a time without use."""

from __future__ import annotations

from veery.app.methods.parameters import Json, Params, number_of
from veery.client.client import Client


async def lock_after(client: Client, params: Params) -> Json:
    """After how many minutes without use the engine locks; null: never."""
    return {"minutes": await client.locking.after()}


async def set_lock_after(client: Client, params: Params) -> Json:
    """Lock after so many minutes without use; null or absent: never."""
    await client.locking.set_after(None if params.get("minutes") is None else number_of(params, "minutes"))
    return await lock_after(client, {})
