"""What the devices of the account share, and how far it has come."""

from __future__ import annotations

from veery.app.methods.parameters import Json, Params, answered_in_time
from veery.client.client import Client


async def sync_status(client: Client, params: Params) -> Json:
    """Each document: seqno, last push and merge, what waits, and what was set aside."""
    return await client.sync.status()


async def sync_now(client: Client, params: Params) -> Json:
    """Fetch and push now; gives how it stands then. Raises NetworkError, also when nobody answers for long."""
    async with answered_in_time():
        await client.receiving.fetch()
        await client.sync.push()
    return await client.sync.status()


async def sync_flush(client: Client, params: Params) -> Json:
    """Push what was changed since the engine was opened."""
    return {"stored": await client.sync.flush()}
