"""What is done with messages after they were written: reacting, deleting, and telling that somebody types."""

from __future__ import annotations

from typing import Final

from veery.app.methods.parameters import Json, ParametersWrong, Params, conversation_of, flag_of, number_of, text_of
from veery.client.client import Client
from veery.client.groups.standing import GROUP_PREFIX
from veery.errors import NotFound

DELETED_MAX: Final = 1_000  # messages of one call


async def message(client: Client, params: Params) -> Json:
    """One message with everything that is shown of it."""
    return await client.conversations.view(number_of(params, "id"))


async def react(client: Client, params: Params) -> Json:
    """Put an emoji on a message, or take it away; gives the message. changed: whether that was news."""
    id_ = number_of(params, "id")
    changed = await client.reacting.react(id_, text_of(params, "emoji"), remove=flag_of(params, "remove"))
    return {**await client.conversations.view(id_), "changed": changed}


async def unsend(client: Client, params: Params) -> Json:
    """Delete an own message for everyone; in a group an admin may delete any."""
    id_ = number_of(params, "id")
    held = await client.sending.get(id_)
    if held.conversation.startswith(GROUP_PREFIX):
        await client.groups.delete_messages(held.conversation, [id_])
    else:
        await client.deleting.unsend(id_)
    return {"id": id_, "deleted": "everywhere"}


async def delete(client: Client, params: Params) -> Json:
    """Delete messages on this device, or only their files; all or none of them must be there."""
    ids = params.get("ids")
    if not isinstance(ids, list) or not 0 < len(ids) <= DELETED_MAX or not all(type(each) is int for each in ids):
        raise ParametersWrong(f"`ids` must be 1 to {DELETED_MAX} integers")
    for id_ in ids:
        await client.conversations.view(id_)
    media = flag_of(params, "media")
    for id_ in dict.fromkeys(ids):
        await (client.deleting.delete_media(id_) if media else client.conversations.delete_message(id_))
    return [await _after_deletion(client, id_) for id_ in dict.fromkeys(ids)]


async def typing(client: Client, params: Params) -> Json:
    """A key was pressed, or with `stopped`, whoever typed has gone. told: whether the contact learns of it now."""
    conversation = await conversation_of(client, params)
    act = client.typing.left if flag_of(params, "stopped") else client.typing.key_pressed
    return {"conversation": conversation, "told": await act(conversation)}


async def screenshot(client: Client, params: Params) -> Json:
    """Tell a contact that the conversation was captured."""
    conversation = await conversation_of(client, params)
    return {"conversation": conversation, "told": await client.notices.screenshot(conversation)}


async def _after_deletion(client: Client, id_: int) -> Json:
    try:
        return await client.conversations.view(id_)
    except NotFound:
        return {"id": id_, "deleted": "here"}
