"""Contacts whose document is stored in parts: so many, with names that do not compress."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Final

from veery.client.client import Client
from veery.protocol.constants import PREFIX_USER
from veery.store.conversations import CONTACT
from veery.store.tables import Tables

_LETTERS: Final = "".join(map(chr, range(0x4E00, 0x8E00)))  # three bytes of UTF-8 each


def ids(count: int, seed: int = 1) -> list[str]:
    """Ids of people whom nobody knows."""
    drawn = random.Random(seed)
    return [bytes([PREFIX_USER]).hex() + drawn.randbytes(32).hex() for _ in range(count)]


async def befriend(client: Client, people: list[str], seed: int = 1) -> None:
    """Let the account know people, as after years; their names are random letters, 99 bytes long."""
    drawn, now_ms = random.Random(seed), client._core.clock.now_ms()

    def work(tables: Tables) -> None:
        for each in people:
            held = tables.conversations.ensure(each, CONTACT, now_ms)
            name = "".join(drawn.choices(_LETTERS, k=33))
            tables.conversations.save(replace(held, name=name, approved=True))

    await client._core.store.run(work)
