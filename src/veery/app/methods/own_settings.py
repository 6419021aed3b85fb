"""Settings of the account on this device."""

from __future__ import annotations

from veery.app.methods.parameters import Json, Params, text_of
from veery.client.client import Client
from veery.client.settings import SETTINGS, setting_view


async def settings(client: Client, params: Params) -> Json:
    """All settings with their values."""
    return await client.read(lambda tables: [setting_view(tables, each) for each in SETTINGS])


async def set_setting(client: Client, params: Params) -> Json:
    """Change one; gives it."""
    name = text_of(params, "name")
    await client.settings.set(name, text_of(params, "value"))
    return next(each for each in await settings(client, {}) if each["name"] == name)
