"""Names that stand for accounts."""

from __future__ import annotations

from veery.app.methods.parameters import Json, Params, text_of
from veery.client.client import Client


async def resolve_name(client: Client, params: Params) -> Json:
    """Whom a name stands for, by three nodes that agree."""
    found = await client.naming.resolve(text_of(params, "name"))
    return {"name": found.name, "account_id": found.account.hex, "fingerprint": found.account.fingerprint}
