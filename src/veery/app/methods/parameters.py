"""Reading the parameters of methods: plain JSON values, each checked for its type."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeAlias

from veery.client.client import Client
from veery.client.finding import find_among, is_own_notes, whole_id
from veery.client.views import conversation_view
from veery.errors import ClientError, NotFound, Unreachable

SILENT_S: Final = 45.0  # that a person waits for a network that does not answer
Json: TypeAlias = Any
Params: TypeAlias = Mapping[str, Any]
Method: TypeAlias = Callable[[Client, Params], Awaitable[Json]]
Stream: TypeAlias = Callable[[Client, Params], AsyncGenerator[Json, None]]


class ParametersWrong(ClientError):
    """A method was called with parameters that it does not take."""

    default_kind = "app.parameters"


class NoSuchMethod(ClientError):
    """There is no method of this name."""

    default_kind = "app.method"
    default_remedy = "The running Veery may be of another version; restart it"


def text_of(params: Params, name: str) -> str:
    """A text. Raises ParametersWrong, as the others."""
    value = params.get(name)
    if not isinstance(value, str):
        raise ParametersWrong(f"`{name}` must be text")
    return value


def number_of(params: Params, name: str, default: int | None = None) -> int:
    """An integer; without a default it must be there."""
    value = params.get(name, default)
    if type(value) is not int:
        raise ParametersWrong(f"`{name}` must be an integer")
    return value


def flag_of(params: Params, name: str) -> bool:
    """True or false; false when it is not there."""
    value = params.get(name, False)
    if not isinstance(value, bool):
        raise ParametersWrong(f"`{name}` must be true or false")
    return value


async def conversation_of(client: Client, params: Params, name: str = "conversation") -> str:
    """The conversation that a person named: the ID of an account or a group, its name, or the beginning of the ID."""
    return await find_conversation(client, text_of(params, name))


@asynccontextmanager
async def answered_in_time() -> AsyncIterator[None]:
    """Let a person who waits hear within a while that the network is silent. Raises Unreachable."""
    try:
        async with asyncio.timeout(SILENT_S):
            yield
    except TimeoutError:
        remedy = "What is here is kept and goes out when it answers; `veery doctor` tells what is wrong"
        raise Unreachable(f"the network has not answered for {SILENT_S:.0f} s", remedy=remedy) from None


async def find_conversation(client: Client, named: str) -> str:
    """The conversation for what a person typed: an ID whole, or what one contact or group alone is called.

    The beginning of an ID does as well.

    Raises NotFound (nobody, or several), AccountIdWrong.
    """
    typed = named.strip()
    if (found := whole_id(typed)) is not None:
        return found
    if is_own_notes(typed):
        return client.account.hex
    try:
        return find_among(typed, [*await client.conversations.list(hidden=True), *await client.requests.list()])
    except NotFound as error:
        with suppress(NotFound):  # a group that has no conversation: of an invitation that was not answered, say
            return (await client.groups.find(typed)).hex
        raise error from None


async def changed(client: Client, params: Params, change: Callable[[str], Awaitable[None]]) -> Json:
    """Change the conversation that a person named, and show it as it is then."""
    conversation = await conversation_of(client, params)
    await change(conversation)
    return conversation_view(await client.conversations.get(conversation), client.account.hex)
