"""What a person is told when the network does not answer, and what is found by how lists call it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.conversations.engines import Device
from tests.unit.client.conftest import alice, clock, swarm
from veery.app.methods import METHODS, find_conversation, parameters
from veery.client.client import Client
from veery.errors import Unreachable
from veery.protocol.given import WrongType

__all__ = ["alice", "clock", "swarm"]


@pytest.mark.parametrize("method", ["fetch", "sync_now"])
async def test_asking_ends_with_a_reason(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = SimpleNamespace(receiving=SimpleNamespace(fetch=asyncio.Event().wait))
    monkeypatch.setattr(parameters, "SILENT_S", 0.0)
    with pytest.raises(Unreachable, match="has not answered"):
        await METHODS[method](cast("Client", silent), {})


async def test_notes_to_oneself_are_found_by_their_name(alice: Device) -> None:
    for typed in ("Note to self", " note to SELF "):
        assert await find_conversation(alice.client, typed) == alice.id


def test_a_profile_is_no_text() -> None:
    wrong: Any = "default"
    with pytest.raises(WrongType, match="must be a Profile"):
        Client.open(wrong)
