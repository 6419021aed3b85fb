"""Groups: making, looking at, changing and leaving them."""

from __future__ import annotations

from typing import Final

from veery.app.methods.files import absolute_path, picture_view, saved_to
from veery.app.methods.parameters import Json, ParametersWrong, Params, find_conversation, flag_of, text_of
from veery.client.client import Client
from veery.client.groups.faults import no_member
from veery.errors import NotFound
from veery.protocol.account import AccountId
from veery.protocol.constants import GROUP_MEMBERS_MAX, PREFIX_GROUP

LASTING: Final = frozenset({"group_picture", "group_picture_save"})  # they wait for the network
_GROUP: Final = f"{PREFIX_GROUP:02x}"


async def groups(client: Client, params: Params) -> Json:
    """All groups, also those that an invitation offers."""
    return await client.groups.list()


async def group_show(client: Client, params: Params) -> Json:
    """One group, with its members as `list`."""
    return await client.groups.show(await _group(client, params))


async def group_create(client: Client, params: Params) -> Json:
    """Make a group and invite people."""
    wanted = await _people(client, params) if params.get("members") else []
    description = text_of(params, "description") if params.get("description") is not None else ""
    group = await client.groups.create(text_of(params, "name"), wanted, description=description)
    return await client.groups.show(group)


async def group_invite(client: Client, params: Params) -> Json:
    """Invite people; with `history`, to what was written before as well. Gives the group with its members."""
    group = await _group(client, params)
    await client.groups.invite(group, await _people(client, params), history=flag_of(params, "history"))
    return await client.groups.show(group)


async def group_accept(client: Client, params: Params) -> Json:
    """Take up an invitation."""
    return await client.groups.accept(await _group(client, params))


async def group_decline(client: Client, params: Params) -> Json:
    """Refuse an invitation."""
    group = await _group(client, params)
    await client.groups.decline(group)
    return {"id": group.hex, "state": "declined"}


async def group_promote(client: Client, params: Params) -> Json:
    """Make members admins."""
    group = await _group(client, params)
    await client.groups.promote_all(group, await _people(client, params, members=True))
    return await client.groups.show(group)


async def group_resend(client: Client, params: Params) -> Json:
    """Send invitations or promotions again."""
    group = await _group(client, params)
    await client.groups.resend_all(group, await _people(client, params, members=True))
    return await client.groups.show(group)


async def group_remove(client: Client, params: Params) -> Json:
    """Remove members, with `messages` also what they wrote."""
    group = await _group(client, params)
    await client.groups.remove(group, await _people(client, params, members=True), messages=flag_of(params, "messages"))
    return await client.groups.show(group)


async def group_rename(client: Client, params: Params) -> Json:
    """Give a group another name."""
    group = await _group(client, params)
    await client.groups.rename(group, text_of(params, "name"))
    return await client.groups.show(group)


async def group_describe(client: Client, params: Params) -> Json:
    """Give a group another description."""
    group = await _group(client, params)
    await client.groups.describe(group, text_of(params, "description"))
    return await client.groups.show(group)


async def group_picture(client: Client, params: Params) -> Json:
    """Show all members a picture, or none without a path."""
    group = await _group(client, params)
    if params.get("path") is None:
        await client.groups.remove_picture(group)
        return {**await client.groups.show(group), "set": None}
    picture = await client.groups.set_picture(group, absolute_path(text_of(params, "path")))
    return {**await client.groups.show(group), "set": picture_view(picture)}


async def group_picture_save(client: Client, params: Params) -> Json:
    """Write the picture of a group to a new file."""
    group, path = await _group(client, params), absolute_path(text_of(params, "to"))
    return {"id": group.hex, **await saved_to(path, await client.groups.picture(group))}


async def group_clear(client: Client, params: Params) -> Json:
    """Delete all messages for everybody."""
    group = await _group(client, params)
    await client.groups.clear(group)
    return await client.groups.show(group)


async def group_leave(client: Client, params: Params) -> Json:
    """Leave a group; one that is over is only removed from the list."""
    group = await _group(client, params)
    if (await client.groups.show(group))["state"] in ("kicked", "destroyed", "removed"):
        await client.groups.forget(group)
    else:
        await client.groups.leave(group)
    return {"id": group.hex, "state": "left"}


async def group_destroy(client: Client, params: Params) -> Json:
    """End a group for everybody."""
    group = await _group(client, params)
    told = await client.groups.destroy(group)
    return {"id": group.hex, "state": "destroyed", "pending": not told}


async def _group(client: Client, params: Params) -> AccountId:
    return await client.groups.find(text_of(params, "group"))


async def _people(client: Client, params: Params, *, members: bool = False) -> list[AccountId]:
    """Account IDs of those who are named, as members of the group or as contacts. members: no others."""
    named = params.get("members")
    if not isinstance(named, list) or not 0 < len(named) <= GROUP_MEMBERS_MAX:
        raise ParametersWrong(f"`members` must be 1 to {GROUP_MEMBERS_MAX} texts")
    listed = (await client.groups.show(await _group(client, params)))["list"] if "group" in params else []
    found: list[AccountId] = []
    for each in named:
        if not isinstance(each, str):
            raise ParametersWrong("each of `members` must be text")
        found.append(AccountId.parse_user(_listed(each, listed) or await _known(client, each, members=members)))
    return found


async def _known(client: Client, typed: str, *, members: bool) -> str:
    try:
        return await find_conversation(client, typed)
    except NotFound:
        if members:
            raise no_member(typed.strip()) from None
        raise


def _listed(typed: str, listed: list[Json]) -> str | None:
    """The one member that is called so, or whose id begins so."""
    name = typed.strip().casefold()
    by_name = [each["id"] for each in listed if str(each["name"]).casefold() == name]
    by_id = [each["id"] for each in listed if len(name) >= 4 and each["id"].startswith(name)]
    fits = by_name or by_id
    return str(fits[0]) if len(fits) == 1 else None
