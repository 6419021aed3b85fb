"""What is not stored yet."""

from __future__ import annotations

from typing import Final

from veery.app.methods.messages import sent_fields
from veery.app.methods.parameters import Json, Params, flag_of, number_of
from veery.client.client import Client
from veery.client.outbox import Uploading, WaitingCopy
from veery.store.outbox import CopyState

WAITING_FOR_KEYS: Final = "waiting for keys"
UPLOADING: Final = "uploading files"
_STATES: Final = {CopyState.WAITING: "queued", CopyState.SEALED: "sealed", CopyState.FAILED: "failed"}


async def outbox(client: Client, params: Params) -> Json:
    """What is not stored: what waits, and last what was given up. next_attempt_at: local time, ms; null if failed."""
    uploading = [_uploading(each) for each in await client.outbox.uploading()]
    return [*uploading, *(_view(each) for each in await client.outbox.listed())]


async def retry(client: Client, params: Params) -> Json:
    """Send a failed message again; with `copy`, something that no message shows."""
    if params.get("copy") is not None:
        copy = number_of(params, "copy")
        await client.outbox.retry_copy(copy)
        return {"copy": copy, "state": "queued"}
    message = number_of(params, "id")
    await client.sending.retry(message)
    return await sent_fields(client, await client.sending.get(message))


async def drop(client: Client, params: Params) -> Json:
    """Give up a message that is not sent yet, and remove it here; with `copy`, something that no message shows."""
    if params.get("copy") is not None:
        copy = number_of(params, "copy")
        await client.outbox.drop_copy(copy)
        return {"copy": copy}
    message = number_of(params, "id")
    await client.sending.drop(message)
    return {"id": message}


async def send_anyway(client: Client, params: Params) -> Json:
    """Send something that waits for keys with long-term keys: this once, or in its conversation from now on."""
    if params.get("copy") is not None:
        copy = number_of(params, "copy")
        conversation = await client.levels.send_copy_anyway(copy)
        sent: Json = {"copy": copy, "conversation": conversation, "state": "queued"}
    else:
        message = number_of(params, "id")
        conversation = await client.levels.send_anyway(message)
        sent = await sent_fields(client, await client.sending.get(message))
    if flag_of(params, "conversation"):
        await client.levels.allow_long_term(conversation)
    return sent


def _uploading(waiting: Uploading) -> Json:
    return {
        "copy": None,
        "message": waiting.message,
        "destination": waiting.conversation,
        "role": "recipient",
        "state": UPLOADING,
        "attempts": 0,
        "next_attempt_at": None,
        "last_error": None,
        "reason": None,
        "waiting_since": None,
    }


def _view(copy: WaitingCopy) -> Json:
    return {
        "copy": copy.id,
        "message": copy.message,
        "destination": copy.destination,
        "role": copy.role,
        "state": _STATES[copy.state] if copy.held is None else WAITING_FOR_KEYS,
        "attempts": copy.attempts,
        "next_attempt_at": None if copy.failed else copy.next_attempt_ms,
        "last_error": copy.last_error,
        "reason": None if copy.held is None else copy.held.reason,
        "waiting_since": None if copy.held is None else copy.held.since_ms,
    }
