"""`device_…` methods where the swarm cannot be told."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from veery.app.methods import devices
from veery.client.client import Client


async def test_a_change_is_answered_although_the_network_keeps_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    renamed: list[str] = []

    async def rename(name: str) -> None:
        renamed.append(name)

    async def view(*, fetch: bool = False) -> Any:
        return SimpleNamespace(fields={"devices": []})

    own = SimpleNamespace(rename=rename, sync=asyncio.Event().wait, view=view)
    monkeypatch.setattr(devices, "TELL_S", 0)
    answer = await devices.device_rename(cast("Client", SimpleNamespace(devices=own)), {"name": "Old laptop"})
    assert renamed == ["Old laptop"]
    assert answer == {"devices": [], "told": False}
