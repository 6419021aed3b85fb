"""The devices of the account: who they are, linking, approving and removing them, and publishing their keys.

Whatever changes the group is kept at once, and then told to the swarm; `told` says whether that has worked already. If
it has not, it is tried again until it does.
"""

from __future__ import annotations

import asyncio
from typing import Final

from veery.app.methods.parameters import Json, ParametersWrong, Params, flag_of, text_of
from veery.client.client import Client
from veery.errors import NetworkError
from veery.protocol.constants import GROUP_ID_SIZE
from veery.protocol.devices import GroupId

LASTING: Final = frozenset(  # they wait for the network
    {
        "devices",
        "device_link",
        "device_start",
        "device_confirm",
        "device_approve",
        "device_remove",
        "device_rename",
        "device_publish",
        "device_leave",
        "device_flush",
    }
)
TELL_S: Final = 20.0  # a person waits so long for the swarm to be told; the engine goes on by itself


async def devices(client: Client, params: Params) -> Json:
    """Devices, requests, groups and keys. fetch: ask the swarm first."""
    return (await client.devices.view(fetch=flag_of(params, "fetch"))).fields


async def device_link(client: Client, params: Params) -> Json:
    """Ask to join a group; gives what is known then, with the emoji in `own_request`."""
    named = text_of(params, "group")
    await client.devices.link(_group_id(named))
    return await devices(client, {})


async def device_start(client: Client, params: Params) -> Json:
    """Begin a group of this device alone."""
    await client.devices.start_group()
    return await _told(client)


async def device_confirm(client: Client, params: Params) -> Json:
    """The user says that the emoji of the newest request are the same on the other device."""
    await client.devices.confirm()
    return await _told(client)


async def device_approve(client: Client, params: Params) -> Json:
    """Let a device in that asks."""
    prompt = await client.devices.approve(text_of(params, "id"))
    return {**await _told(client), "approved": prompt.request.device.hex()}


async def device_ignore(client: Client, params: Params) -> Json:
    """Do not show the request of a device any more."""
    prompt = await client.devices.ignore(text_of(params, "id"))
    return {**await devices(client, {}), "ignored": prompt.request.device.hex()}


async def device_remove(client: Client, params: Params) -> Json:
    """Remove another device; keys are renewed in the same step."""
    removed = await client.devices.remove(text_of(params, "id"))
    return {**await _told(client), "removed": removed.hex()}


async def device_rename(client: Client, params: Params) -> Json:
    """Change what this device is called."""
    await client.devices.rename(text_of(params, "name"))
    return await _told(client)


async def device_publish(client: Client, params: Params) -> Json:
    """The user says that the list of devices is complete: publish keys. stop: publish none any more."""
    await client.devices.publish(stop=flag_of(params, "stop"))
    return await _told(client)


async def device_leave(client: Client, params: Params) -> Json:
    """Take this device out of its group."""
    await client.devices.leave()
    return await devices(client, {})


async def device_flush(client: Client, params: Params) -> Json:
    """Push and publish what is owed, before an engine ends that was opened for a moment."""
    return {"told": await client.devices.flush()}


async def _told(client: Client) -> Json:
    """What is known after the swarm was told, or after it could not be."""
    try:
        async with asyncio.timeout(TELL_S):
            await client.devices.sync()
        told = True
    except (NetworkError, TimeoutError):
        told = False
    return {**await devices(client, {}), "told": told}


def _group_id(named: str) -> GroupId:
    """The group of this id, hex. Raises ParametersWrong."""
    try:
        raw = bytes.fromhex(named)
    except ValueError:
        raw = b""
    if len(raw) != GROUP_ID_SIZE:
        raise ParametersWrong(f"`group` must be {2 * GROUP_ID_SIZE} hex characters")
    return GroupId(raw)
