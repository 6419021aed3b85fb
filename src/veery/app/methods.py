"""What can be asked of a running engine, by name: one set of functions for the CLI, the control socket and later doors.

Parameters and results are plain JSON values. Account IDs are 66 hex characters; times are milliseconds. A method that
is wrong in its parameters raises `ParametersWrong`; whatever the engine raises goes through unchanged.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any, Final, TypeAlias

from veery.client.client import Client
from veery.client.views import conversation_view
from veery.errors import ClientError, NotFound
from veery.protocol.account import AccountId
from veery.store.message_values import Message, Position

Json: TypeAlias = Any
Params: TypeAlias = Mapping[str, Any]
Method: TypeAlias = Callable[[Client, Params], Awaitable[Json]]
Stream: TypeAlias = Callable[[Client, Params], AsyncGenerator[Json, None]]

_PAGE_MAX: Final = 100  # a page of the largest messages must fit into a line of the socket


class ParametersWrong(ClientError):
    """A method was called with parameters that it does not take."""

    default_kind = "app.parameters"


class NoSuchMethod(ClientError):
    """There is no method of this name."""

    default_kind = "app.method"
    default_remedy = "The running Veery may be of another version; restart it"


# -- parameters ------------------------------------------------------------------------------------------------


def _text(params: Params, name: str) -> str:
    value = params.get(name)
    if not isinstance(value, str):
        raise ParametersWrong(f"`{name}` must be text")
    return value


def _number(params: Params, name: str, default: int | None = None) -> int:
    value = params.get(name, default)
    if type(value) is not int:
        raise ParametersWrong(f"`{name}` must be an integer")
    return value


def _flag(params: Params, name: str) -> bool:
    value = params.get(name, False)
    if not isinstance(value, bool):
        raise ParametersWrong(f"`{name}` must be true or false")
    return value


async def _conversation(client: Client, params: Params, name: str = "conversation") -> str:
    """The conversation that a person named: an Account ID, or a contact's name or the beginning of the ID."""
    return await find_conversation(client, _text(params, name))


async def find_conversation(client: Client, named: str) -> str:
    """The Account ID for what a person typed: an ID whole, or what one contact alone is called or begins with.

    Raises NotFound (nobody, or several), AccountIdWrong.
    """
    typed = named.strip()
    if len(typed) == 66:
        return AccountId.parse_user(typed).hex
    known = [*await client.conversations.list(hidden=True), *await client.requests.list()]
    by_name = {each.id for each in known if typed.casefold() in (each.nickname.casefold(), each.name.casefold())}
    by_id = {each.id for each in known if len(typed) >= 4 and each.id.startswith(typed.lower())}
    found = by_name or by_id
    if len(found) == 1:
        return found.pop()
    if found:
        raise NotFound(f"`{typed}` fits {len(found)} contacts", remedy="Use the Account ID, or more of its beginning")
    raise NotFound(
        f"no contact is called `{typed}`",
        remedy="Use the whole Account ID (66 characters, beginning with 05); `veery conversations` lists contacts",
    )


async def hello(client: Client, params: Params) -> Json:
    """Says that the engine listens; see `wire`."""
    return {"account_id": client.account.hex}


# -- the account -----------------------------------------------------------------------------------------------


async def account(client: Client, params: Params) -> Json:
    """Account ID and name."""
    own = await client.profile.get()
    return {"account_id": client.account.hex, "name": own.name}


async def set_name(client: Client, params: Params) -> Json:
    """Change the name that others see."""
    await client.profile.set_name(_text(params, "name"))
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


# -- messages --------------------------------------------------------------------------------------------------


async def send(client: Client, params: Params) -> Json:
    """Queue a text; with `wait`, give its fate once it is stored."""
    to = await find_conversation(client, _text(params, "to"))
    quote = _number(params, "quote") if params.get("quote") is not None else None
    message = await client.sending.send_text(to, _text(params, "text"), quote=quote)
    if _flag(params, "wait"):
        return await wait_stored(client, {"id": message})
    return await _sent(client, await client.sending.get(message))


async def wait_stored(client: Client, params: Params) -> Json:
    """Wait until a message is stored. Raises SendFailed."""
    return await _sent(client, await client.sending.wait_stored(_number(params, "id")))


async def _sent(client: Client, message: Message) -> Json:
    delivery = message.delivery
    return {
        "id": message.id,
        "conversation": message.conversation,
        "hash": await client.sending.stored_hash(message.id),
        "state": delivery.state.value,
        "stored_on": delivery.stored_on,
        "swarm_size": delivery.swarm_size,
        "protocol": message.level,
        "sent_at": message.timestamp_ms,
    }


async def fetch(client: Client, params: Params) -> Json:
    """Poll the own swarm now."""
    return asdict(await client.receiving.fetch())


async def messages(client: Client, params: Params) -> Json:
    """A page of a conversation, newest first. before: id of a message to go back from."""
    conversation = await _conversation(client, params)
    before = None
    if params.get("before") is not None:
        held = await client.sending.get(_number(params, "before"))
        before = Position(held.timestamp_ms, held.id)
    limit = max(1, min(_number(params, "limit", 50), _PAGE_MAX))
    return await client.conversations.shown(conversation, limit, before=before)


async def conversations(client: Client, params: Params) -> Json:
    """All conversations but requests."""
    found = await client.conversations.list(hidden=_flag(params, "hidden"))
    return [conversation_view(each, client.account.hex) for each in found if not each.is_request]


async def mark_read(client: Client, params: Params) -> Json:
    """Mark a conversation as read."""
    return {"read": await client.conversations.mark_read(await _conversation(client, params))}


# -- strangers and contacts ------------------------------------------------------------------------------------


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
    nickname = _text(params, "nickname")
    return await _changed(client, params, lambda found: client.conversations.set_nickname(found, nickname))


async def _changed(client: Client, params: Params, change: Callable[[str], Awaitable[None]]) -> Json:
    conversation = await _conversation(client, params)
    await change(conversation)
    return conversation_view(await client.conversations.get(conversation), client.account.hex)


# -- the outbox and the road -----------------------------------------------------------------------------------


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
    message = _number(params, "id")
    await client.sending.retry(message)
    return await _sent(client, await client.sending.get(message))


async def drop(client: Client, params: Params) -> Json:
    """Give up a message that is not sent yet, and remove it here."""
    message = _number(params, "id")
    await client.sending.drop(message)
    return {"id": message}


async def path(client: Client, params: Params) -> Json:
    """The standing paths; with `new`, after building new ones."""
    if _flag(params, "new"):
        await client.road.new_paths()
    state = client.road.status()
    return {
        "network": state.network,
        "pool": state.pool,
        "height": state.height,
        "diversity": state.diversity,
        "clock_offset_ms": state.clock_offset_ms,
        "proxy": state.proxy,
        "paths": [
            {
                "state": each.state,
                "age_s": round(each.age_s, 1),
                "in_flight": each.in_flight,
                "failures": each.failures,
                "hops": [
                    {"ed25519": hop.ed25519.hex(), "ip": hop.ip, "https_port": hop.https_port} for hop in each.hops
                ],
            }
            for each in state.paths
        ],
    }


# -- events ----------------------------------------------------------------------------------------------------


async def events(client: Client, params: Params) -> Json:
    """A page of durable events after a number; does not wait."""
    limit = max(1, min(_number(params, "limit", _PAGE_MAX), _PAGE_MAX))
    return await client.events.page(_number(params, "after", 0), limit)


async def ack(client: Client, params: Params) -> Json:
    """A consumer has dealt with everything up to a number."""
    return {"seq": await client.events.ack(_text(params, "name"), _number(params, "seq"))}


async def acknowledged(client: Client, params: Params) -> Json:
    """Up to which number a consumer has dealt with events."""
    return {"seq": await client.events.acknowledged(_text(params, "name"))}


async def follow(client: Client, params: Params) -> AsyncGenerator[Json, None]:
    """Every event after a number, then what happens."""
    async for event in client.events(_number(params, "after", 0)):
        yield event


async def doctor(client: Client, params: Params) -> AsyncGenerator[Json, None]:
    """The steps of the doctor's walk as they end."""
    async for step in client.doctor.steps():
        yield asdict(step)


METHODS: Final[Mapping[str, Method]] = {
    each.__name__: each
    for each in (
        hello,
        account,
        set_name,
        status,
        send,
        wait_stored,
        fetch,
        messages,
        conversations,
        mark_read,
        requests,
        accept,
        decline,
        block,
        unblock,
        set_nickname,
        outbox,
        retry,
        drop,
        path,
        events,
        ack,
        acknowledged,
    )
}
STREAMS: Final[Mapping[str, Stream]] = {each.__name__: each for each in (follow, doctor)}

HELLO: Final = hello.__name__
# Not made twice by being made again: a session repeats these when the process that it asked has ended.
REPEATABLE: Final = frozenset({*METHODS, *STREAMS} - {"send", "drop"})
# They wait for something outside: a process that ends does not wait for them.
LASTING: Final = frozenset({"wait_stored", "fetch", "path", *STREAMS})
# Streams of numbered events, which go on after the last number.
CURSOR: Final = frozenset({"follow"})
