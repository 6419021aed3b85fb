"""A whole conversation at the default log level: nothing in any log says who, where or what."""

from __future__ import annotations

import asyncio
import io
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from veery.client import profile as profiles
from veery.client.client import Client
from veery.lab.network import LabNetwork
from veery.protocol.account import Account
from veery.runtime.logs import configure
from veery.runtime.randomness import random_bytes
from veery.store.keys import KeyFile

pytestmark = pytest.mark.network

TEXTS = ("a text that no log may hold", "nor this answer")


class Everything(logging.Handler):
    """Every record at the default level, as the code wrote it, before anything is redacted."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def logs() -> Iterator[tuple[io.StringIO, Everything]]:
    root = logging.getLogger()
    before, level = [*root.handlers], root.level
    written, raw = io.StringIO(), Everything()
    configure(stream=written)
    root.addHandler(raw)
    yield written, raw
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(False)


@asynccontextmanager
async def person(directory: Path, name: str, network: str) -> AsyncIterator[Client]:
    key = KeyFile(directory / f"{name}.key")
    made = await profiles.create(directory / name, Account.create(random_bytes), name, network, key)
    async with await Client.open(made) as client:
        client.start()
        yield client


async def talk(lab: LabNetwork, alice: Client, bob: Client) -> None:
    for sender, recipient, text in ((alice, bob, TEXTS[0]), (bob, alice, TEXTS[1])):
        message = await sender.sending.send_text(recipient.account, text)
        await sender.sending.wait_stored(message)
        async with asyncio.timeout(30):
            async for event in recipient.events():
                if event["event"] == "message" and event["text"] == text:
                    break
    await lab.kill_node(1)
    await alice.road.new_paths()
    await alice.receiving.fetch()
    await lab.restart_node(1)
    await lab.wait_listed()


async def test_no_log_says_who_where_or_what(tmp_path: Path, logs: tuple[io.StringIO, Everything]) -> None:
    written, raw = logs
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(LabNetwork(tmp_path / "lab", 8))
        network = lab.network_file.read_text()
        alice = await stack.enter_async_context(person(tmp_path, "alice", network))
        bob = await stack.enter_async_context(person(tmp_path, "bob", network))
        await talk(lab, alice, bob)
        keys = {part.facts.ed25519 for part in lab.nodes if part.facts is not None}
        ports = {str(part.facts.https_port) for part in lab.nodes if part.facts is not None}
        ids = {client.account.hex for client in (alice, bob)}
    output = written.getvalue()
    assert "height" in output, "the logs must be on for this test to say anything"
    for log in (output, "\n".join(raw.lines)):
        for secret in (*ids, *(each[2:] for each in ids), *keys, *TEXTS):
            assert secret not in log
        assert not re.search(r"\b[0-9a-f]{32,}\b", log, re.IGNORECASE)
    assert not re.search(r"\b\d{1,3}(\.\d{1,3}){3}\b", output)
    assert not any(re.search(rf"\b{port}\b", output) for port in ports)
