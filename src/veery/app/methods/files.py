"""Files that go with messages. Paths are absolute, and read and written by the engine as the user who runs it."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Final

from veery.app.methods.parameters import Json, ParametersWrong, Params, conversation_of, flag_of, number_of, text_of
from veery.client.attachments import Attached, prepare
from veery.client.attachments.images import Picture
from veery.client.client import Client
from veery.runtime.paths import write_new

LIST_MAX: Final = 1_000
LASTING: Final = frozenset({"attachment_save", "picture_save", "set_picture"})  # they wait for the network


async def attachments(client: Client, params: Params) -> Json:
    """The attachments of a conversation, or of all, newest first."""
    conversation = await conversation_of(client, params) if params.get("conversation") is not None else None
    return await client.attachments.list(conversation, max(1, min(number_of(params, "limit", 100), LIST_MAX)))


async def attachment_save(client: Client, params: Params) -> Json:
    """Write an attachment to a file or into a directory, fetched if it is not here. thumbnail: the small picture."""
    number, thumbnail = number_of(params, "id"), flag_of(params, "thumbnail")
    saved = await client.attachments.save(number, absolute_path(text_of(params, "to")), thumbnail=thumbnail)
    return {"id": number, "path": str(saved)}


async def set_picture(client: Client, params: Params) -> Json:
    """Show others a picture, or none without a path."""
    if params.get("path") is None:
        await client.pictures.remove_own()
        return {"picture": None}
    picture = await client.pictures.set_own(absolute_path(text_of(params, "path")))
    return {"picture": picture_view(picture)}


async def picture_save(client: Client, params: Params) -> Json:
    """Write the picture of a contact, or the own one, to a new file."""
    own = params.get("conversation") is None
    data = await client.pictures.own() if own else await client.pictures.of(await conversation_of(client, params))
    return await saved_to(absolute_path(text_of(params, "to")), data)


async def prepared(client: Client, params: Params) -> list[Attached]:
    """The files that a message is to take, read and cleaned. Raises ParametersWrong, AttachmentRefused, FileFault."""
    given = params.get("files", [])
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise ParametersWrong("`files` must be a list of paths")
    voice, keep_name = flag_of(params, "voice"), flag_of(params, "keep_names")
    if not given:
        return []
    limits = await client.attachments.limits()
    read = partial(prepare, voice=voice, keep_name=keep_name, size_max=limits.most, check=limits.check)
    return [await asyncio.to_thread(read, absolute_path(each)) for each in given]


async def saved_to(path: Path, data: bytes) -> Json:
    """Write a new file, and what is told of it. Raises FileFault, FilePresent."""
    await asyncio.to_thread(write_new, path, data)
    return {"path": str(path), "size": len(data)}


def picture_view(picture: Picture) -> Json:
    """What is told of a picture that others are to see."""
    shown = {"content_type": picture.content_type, "width": picture.width, "height": picture.height}
    return {**shown, "size": len(picture.data)}


def absolute_path(text: str) -> Path:
    """A path of a parameter. Raises ParametersWrong."""
    path = Path(text)
    if not path.is_absolute():
        raise ParametersWrong("paths must be absolute: the engine may run in another directory")
    return path
