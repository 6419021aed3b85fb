"""What is not stored yet."""

from __future__ import annotations

from veery.app.methods.messages import sent_fields
from veery.app.methods.parameters import Json, Params, number_of
from veery.client.client import Client


async def outbox(client: Client, params: Params) -> Json:
    """What is not stored yet. next_attempt_at: local time, ms."""
    return [
        {
            "message": each.message,
            "role": each.role,
            "state": "sealed" if each.sealed else "queued",
            "attempts": each.attempts,
            "next_attempt_at": each.next_attempt_ms,
            "last_error": each.last_error,
        }
        for each in await client.outbox.waiting()
    ]


async def retry(client: Client, params: Params) -> Json:
    """Send a failed message again."""
    message = number_of(params, "id")
    await client.sending.retry(message)
    return await sent_fields(client, await client.sending.get(message))


async def drop(client: Client, params: Params) -> Json:
    """Give up a message that is not sent yet, and remove it here."""
    message = number_of(params, "id")
    await client.sending.drop(message)
    return {"id": message}
