"""How well a conversation is protected, and what the user demands of it."""

from __future__ import annotations

from veery.app.methods.parameters import Json, Params, conversation_of, flag_of
from veery.client.client import Client
from veery.client.levels.service import Security
from veery.policy.downgrade import Floor
from veery.protocol.constants import SECOND_MS
from veery.protocol.devices import AccountRecord


async def contact_security(client: Client, params: Params) -> Json:
    """What is known about the protection of a conversation. Times are network time, ms."""
    conversation = await conversation_of(client, params)
    client.levels.opened(conversation)
    return _view(await client.levels.security(conversation))


async def require_v2(client: Client, params: Params) -> Json:
    """Send nothing but v2 to a contact (`required`), or what the contact's keys allow."""
    conversation = await conversation_of(client, params)
    await client.levels.require_v2(conversation, flag_of(params, "required"))
    return _view(await client.levels.security(conversation))


def _view(security: Security) -> Json:
    known, outlook = security.known, security.outlook
    keys = known.keys
    return {
        "conversation": security.conversation,
        "protocol": None if known.shown is None else known.shown.label,
        "next": {
            "protocol": None if outlook.level is None else outlook.level.label,
            "mark": outlook.mark.value,
            "reason": outlook.reason,
        },
        "first_seen_at": keys.seen_first_ms,
        "last_seen_at": keys.seen_last_ms,
        "fetched_at": keys.cache.fetched_ms,
        "denied_at": keys.cache.nak_ms,
        "record": None if keys.record is None else _record(keys.record),
        "withdrawn_at": None if keys.withdrawn_s is None else keys.withdrawn_s * SECOND_MS,
        "require_v2": keys.floor is Floor.REQUIRE_V2,
        "long_term_allowed": keys.long_term_allowed,
        "echo": None if known.echo is None else known.echo.value,
        "echo_at": known.echo_ms,
        "waiting": security.waiting,
        "own_record": None if security.own.record is None else _record(security.own.record),
        "own_record_given_at": known.gossip.attached_ms,
    }


def _record(record: AccountRecord) -> Json:
    """fingerprint: hash of the record, 16 hex characters, the same on both sides."""
    signed_at = None if record.signed_s is None else record.signed_s * SECOND_MS
    return {"fingerprint": record.echo.hex(), "signed_at": signed_at}
