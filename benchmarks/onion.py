"""Onion requests through real nodes, each a process: their time, CPU time a node, and how many a second.

A request goes over kept-alive HTTPS to its guard and on by the queue to two and to three more nodes, the last of which
answers it: three layers, and four as a client's path of three with a service node behind it. The reference of every
figure is what the cryptography alone takes in the same run: one layer a node opened, and one reply sealed.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

from _nodes import Network, Process
from _report import Figure, parser, report

from veery.protocol import crypto
from veery.protocol.onion import (
    EncType,
    Hop,
    NodeDestination,
    ToDestination,
    ToNode,
    build,
    peel,
    peel_outer,
    seal_reply,
)
from veery.runtime.randomness import random_bytes
from veery.secret import Secret

NODES = 4
LAYERS = (3, 4)
FLIGHT = (1, 16)
_HERE = Path(__file__).parent


def cryptography_us(layers: int) -> float:
    """Microseconds that it takes to peel all layers of a request and to seal its reply."""
    pairs = []
    for number in range(layers):
        secret = bytes([number + 1]) * 32
        pairs.append((Secret(secret), crypto.x25519_public(secret)))
    keys = [bytes([number]) * 32 for number in range(layers)]
    hops = [Hop(key, public) for key, (_, public) in zip(keys[:-1], pairs, strict=False)]
    destination = NodeDestination(keys[-1], pairs[-1][1])
    body = build(
        hops, destination, b'{"method":"info","params":{}}', random=random_bytes, enc_type=EncType.XCHACHA20
    ).body
    spent = []
    for _ in range(200):
        began = time.thread_time()
        peeled = peel_outer(body, *pairs[0])
        for pair in pairs[1:]:
            assert isinstance(peeled.route, ToNode)
            peeled = peel(peeled.route.layer, *pair)
        assert isinstance(peeled.route, ToDestination)
        seal_reply(peeled.key, 200, {"version": [2, 11, 0]}, peeled.route.reply_form, random_bytes)
        spent.append(time.thread_time() - began)
    return median(spent) * 1e6


async def _measure(rounds: int, seconds: float) -> dict[str, list[float]]:
    seen: dict[str, list[float]] = defaultdict(list)
    load = await Process(str(_HERE / "_load.py")).start()
    async with Network(NODES, workers=0) as network:
        listed = {node.ed25519.hex(): node.x25519.hex() for node in (await network.snapshot()).nodes}
        path = [[node.facts["key"], listed[node.facts["key"]]] for node in network.nodes]
        for _ in range(rounds):
            for layers in LAYERS:
                seen[f"{layers} crypto"].append(cryptography_us(layers))
                for flight in FLIGHT:
                    before = network.cpu_s()
                    found = await load.ask(
                        kind="onion",
                        targets=[network.nodes[0].facts["port"]],
                        nodes=path[:layers],
                        connections=flight,
                        seconds=seconds,
                    )
                    if found["errors"]:
                        raise SystemExit(f"{found['errors']} failed: {found['error']}")
                    name = f"{layers} x{flight}"
                    seen[f"{name} cpu"].append((network.cpu_s() - before) / found["done"] / layers * 1e6)
                    seen[f"{name} rate"].append(found["done"] / found["seconds"])
                    seen[f"{name} median"].append(found["median_ms"])
    await load.stop()
    return seen


def _figures(seen: dict[str, list[float]]) -> list[Figure]:
    found = []
    for layers in LAYERS:
        crypto_us = median(seen[f"{layers} crypto"])
        for flight in FLIGHT:
            name, title = f"{layers} x{flight}", f"onion {layers} layers x{flight}"
            rate, cpu = median(seen[f"{name} rate"]), median(seen[f"{name} cpu"])
            found.append(Figure(f"{title} median", median(seen[f"{name} median"]), "ms", crypto_us / 1000))
            found.append(Figure(f"{title} rate", rate, "1/s", 1e6 / crypto_us))
            found.append(Figure(f"{title} cpu a node", cpu, "us", crypto_us / layers))
    return found


async def main() -> None:
    """Measure and report."""
    options = parser("Onion requests through real nodes, beside the cost of their cryptography.")
    options.add_argument("--rounds", type=int)
    options.add_argument("--seconds", type=float)
    chosen = options.parse_args()
    rounds, seconds = chosen.rounds or (1 if chosen.quick else 5), chosen.seconds or (1.0 if chosen.quick else 2.0)
    report(_figures(await _measure(rounds, seconds)), as_json=chosen.json)


if __name__ == "__main__":
    asyncio.run(main())
