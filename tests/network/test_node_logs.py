"""What a node writes to its log while it serves, relays and fails: nothing that tells of anybody (13.4)."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.network import by_hand as hand
from tests.network.by_hand import Member, Someone, bencode, now_ms
from tests.network.by_hand_roads import onion_to_node, onion_to_server, subscription
from tests.network.labs import ROADS, Lab, lab_of
from veery.runtime.logs import RedactingFormatter

pytestmark = pytest.mark.network


class Collected(logging.Handler):
    """Every record as it came, and as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.raw: list[str] = []
        self.written: list[str] = []
        self._plain = logging.Formatter("%(name)s %(message)s")
        self._redacting = RedactingFormatter()

    def emit(self, record: logging.LogRecord) -> None:
        self.raw.append(self._plain.format(record))
        record.exc_text = None
        self.written.append(self._redacting.format(record))


@pytest.fixture
def collected() -> Iterator[Collected]:
    handler, root = Collected(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


async def serve(lab: Lab, who: Someone, data: bytes) -> None:
    for number in lab.numbers:
        for road in ROADS.values():
            await road(lab, number, "store", hand.store(who, data + os.urandom(4)))
            await road(lab, number, "retrieve", hand.retrieve(who))
            await road(lab, number, "retrieve", {"pubkey": who.id, "signature": "A" * 86, "timestamp": now_ms()})
            await road(lab, number, "delete", hand.delete(who, ["A" * 43]))
    await ROADS["https"](lab, 1, "nonsense", {"pubkey": who.id})
    group = Someone.new(group=True)
    member, at = Member(group, 3), now_ms()
    await ROADS["https"](lab, 1, "store", member.act(hand.store(group, data, 11, at=at), "store", 11, at))
    queue = await lab.queue(1)
    await queue.ask("monitor.messages", bencode([subscription(who, [0]), {b"P": who.ed25519}]))


async def fail(lab: Lab, who: Someone, data: bytes) -> None:
    """Broken requests, peers that are gone, pushes that cannot be read, a full database, a handler that fails."""
    guard, path = lab.path_to(3)
    for onion in (
        onion_to_node([*path[:1], replace(path[1], ed25519=os.urandom(32))], lab.hop(3), data),
        onion_to_server(path, os.urandom(32), data, host="127.0.0.1", target="/oxen/v4/lsrpc", protocol="http", port=1),
    ):
        await lab.https(guard).send("/onion_req/v2", onion.body)
    await lab.https(1).send("/onion_req/v2", data)
    secret = lab.node(2).view.keys.x25519_secret.reveal()
    async with lab.queue_to(1, secret=secret) as member:
        await member.ask("sn.data", b"\x01" + data)
        await member.ask("sn.data_ready", b"x")
    await lab.node(1).store.write(lambda db: db.execute("PRAGMA max_page_count = 1").fetchone())
    for _ in range(3):
        await ROADS["https"](lab, 1, "store", hand.store(who, data + os.urandom(60_000)))
    await ROADS["https"](lab, 2, "store", hand.store(who, data + os.urandom(60_000)))

    async def broken(*args: Any, **more: Any) -> Any:
        raise LookupError(f"{who.id} {data!r}")

    lab.node(2).dispatcher.from_json = broken  # type: ignore[method-assign]
    assert (await lab.https(2).rpc("info", {})).code == 500
    await lab.network.kill_node(4)
    await ROADS["https"](lab, 3, "store", hand.store(who, data))


async def test_logs_tell_nothing_of_anybody(tmp_path: Path, collected: Collected) -> None:
    who, data = Someone.new(), b"what nobody else may read " + os.urandom(8)
    async with lab_of(tmp_path, 4) as lab:
        await serve(lab, who, data)
        keys = [lab.hop(number) for number in lab.numbers]
        await fail(lab, who, data)
        secrets = [node.view.keys.ed25519_secret.reveal()[:32] for node in lab.nodes]
    await asyncio.sleep(0)
    assert any("failed inside the node" in text for text in collected.written)
    assert any("database failed" in text for text in collected.written)
    written = "\n".join(collected.written)
    private = [who.account[1:], who.ed25519, data, *secrets]
    for value in private:
        for text in (value.hex(), base64.b64encode(value).decode().rstrip("=")[:40], repr(value)[2:-1]):
            assert text not in written
            assert value in (data, who.account[1:]) or text not in "\n".join(collected.raw)
    for hop in keys:
        assert hop.ed25519.hex() not in written
        assert hop.x25519.hex() not in written
    assert "127.0.0.1" not in written
    assert hand.message_hash(who.account, 0, data) not in written


async def test_a_quiet_node_logs_little(tmp_path: Path, collected: Collected) -> None:
    """Ordinary requests leave no line each: a log that grows with the traffic tells of it."""
    async with lab_of(tmp_path, 3) as lab:
        who = Someone.new()
        await serve(lab, who, b"x")
        before = len(collected.raw)
        for _ in range(20):
            await ROADS["https"](lab, 1, "store", hand.store(who, os.urandom(8)))
            await ROADS["onion"](lab, 1, "retrieve", hand.retrieve(who))
        assert collected.raw[before:] == []
