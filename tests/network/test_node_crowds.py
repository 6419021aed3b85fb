"""A node in a process of its own and many strangers: idle connections, half-open ones, clients that do not read."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.network import by_hand as hand
from tests.network.by_hand import Someone
from tests.network.by_hand_roads import Https, https_session, unverified
from veery.lab.network import LabNetwork
from veery.lab.parts import PartFacts

pytestmark = [pytest.mark.network, pytest.mark.slow]

CROWD = 2_000
MIB = 1024 * 1024
PING = b"POST /ping_test/v1 HTTP/1.1\r\nContent-Length: 0\r\n\r\n"


def memory_of(pid: int) -> int:
    """Bytes that a process holds in memory."""
    line = next(each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


@pytest.fixture(autouse=True)
def descriptors() -> None:
    wanted = 2 * CROWD + 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


async def serves(facts: PartFacts) -> None:
    who = Someone.new()
    async with https_session() as session:
        https = Https(session, facts.address, facts.https_port)
        async with asyncio.timeout(10):
            assert (await https.rpc("store", hand.store(who, b"x"))).code == 200
            assert len((await https.rpc("retrieve", hand.retrieve(who))).value["messages"]) == 1


@dataclass(slots=True)
class Crowd:
    """Connections to one node, from several addresses, since one address has a bound."""

    facts: PartFacts
    tls: ssl.SSLContext | None
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def one_more(self, request: bytes = b"") -> asyncio.StreamWriter:
        """Connect; with a request, wait for its answer, so that the connection is one that idles between two."""
        source = (f"127.0.9.{1 + len(self.writers) // 400}", 0)
        reader, writer = await asyncio.open_connection(
            self.facts.address, self.facts.https_port, ssl=self.tls, local_addr=source
        )
        self.writers.append(writer)
        if request:
            writer.write(request)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        return writer

    async def go(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
        await asyncio.gather(*(writer.wait_closed() for writer in self.writers), return_exceptions=True)


@asynccontextmanager
async def crowd_at(directory: Path, *, tls: bool) -> AsyncIterator[Crowd]:
    async with LabNetwork(directory / "lab", 1, processes=True) as lab:
        facts = lab.node(1).facts
        assert facts is not None
        await serves(facts)
        crowd = Crowd(facts, unverified() if tls else None)
        try:
            yield crowd
        finally:
            await crowd.go()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("tls", [True, False], ids=["idle", "without a handshake"])
async def test_a_crowd_that_says_nothing(tmp_path: Path, tls: bool) -> None:
    async with crowd_at(tmp_path, tls=tls) as crowd:
        before = memory_of(crowd.facts.pid)
        for _ in range(0, CROWD, 50):
            await asyncio.gather(*(crowd.one_more(PING if tls else b"") for _ in range(50)))
        await serves(crowd.facts)
        each = (memory_of(crowd.facts.pid) - before) / CROWD
        assert each < 100 * 1024, f"{each:.0f} bytes a connection"


@pytest.mark.timeout(300)
async def test_a_crowd_that_does_not_read(tmp_path: Path) -> None:
    """Each asks for eight megabytes and reads nothing: the node's memory stays bounded, and others are served."""
    async with crowd_at(tmp_path, tls=True) as crowd, https_session() as session:
        who = Someone.new()
        https = Https(session, crowd.facts.address, crowd.facts.https_port)
        for _ in range(4):
            stores = [{"method": "store", "params": hand.store(who, os.urandom(76_800))} for _ in range(20)]
            assert (await https.rpc("batch", {"requests": stores})).code == 200
        body = json.dumps({"method": "retrieve", "params": hand.retrieve(who, max_size=-1)}).encode()
        request = b"POST /storage_rpc/v1 HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        largest, before = 0, memory_of(crowd.facts.pid)
        for at in range(200):
            writer = await crowd.one_more()
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(request * 3)
            if at % 20 == 0:
                await serves(crowd.facts)
                largest = max(largest, memory_of(crowd.facts.pid))
        await serves(crowd.facts)
        assert largest - before < 700 * MIB, f"{(largest - before) // MIB} MiB"
