"""Onion requests through real nodes to a node (03): layers, reply forms, and every error with a real cause.

Layers are built by `by_hand_roads`, which shares nothing with the nodes.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.network import by_hand as hand
from tests.network.by_hand import Json, Someone, bencode
from tests.network.by_hand_roads import Answer, Hop, Onion, frame, onion_to_node, queue_to, sealed_layer, wrap
from tests.network.labs import ROADS, Lab, lab_of
from veery.network.queue_links import Incoming
from veery.node import relay
from veery.protocol.constants import NO_ADDRESS
from veery.protocol.queue import CommandRule

pytestmark = [pytest.mark.network, pytest.mark.asyncio(loop_scope="module")]

INFO = b'{"method":"info","params":{}}'
KINDS = ["aes-gcm", "xchacha20"]


async def send(lab: Lab, onion: Onion | bytes, guard: int = 1) -> Answer:
    return await lab.https(guard).send("/onion_req/v2", onion if isinstance(onion, bytes) else onion.body)


def hops(lab: Lab, *numbers: int) -> list[Hop]:
    return [lab.hop(number) for number in numbers]


# -- to a node ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", [(), (1,), (1, 2), (1, 2, 3)])
async def test_paths_of_every_length(lab: Lab, kind: str, path: tuple[int, ...]) -> None:
    destination = 4 if path else 1
    onion = onion_to_node(hops(lab, *path), lab.hop(destination), INFO, kind)
    answer = await send(lab, onion)
    assert answer.code == 200
    reply = onion.open(answer.body)
    assert reply["status"] == 200
    assert json.loads(reply["body"])["version"] == [2, 11, 3]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("as_base64", [False, True])
async def test_forms_of_the_reply(lab: Lab, kind: str, as_json: bool, as_base64: bool) -> None:
    control: Json = {"headers": None, "json": as_json, "base64": as_base64, "unknown": 1}
    for payload, code in ((INFO, 200), (b"nothing", 400)):
        onion = onion_to_node(hops(lab, 1, 2, 3), lab.hop(4), payload, kind, control)
        reply = onion.open((await send(lab, onion)).body, is_base64=as_base64)
        assert reply["status"] == code
        assert isinstance(reply["body"], dict) == (as_json and code == 200)
        if code == 400:
            assert reply["body"] == "invalid json"


async def test_the_type_is_aes_gcm_when_none_is_named(lab: Lab) -> None:
    onion = onion_to_node(hops(lab, 1, 2), lab.hop(4), INFO, "aes-gcm")
    size = int.from_bytes(onion.body[:4], "little")
    outer = json.loads(onion.body[4 + size :])
    del outer["enc_type"]
    assert onion.open((await send(lab, frame(onion.body[4 : 4 + size], outer))).body)["status"] == 200


@pytest.mark.parametrize("names", [("gcm", "aes-gcm"), ("xchacha20-poly1305", "xchacha20")])
async def test_other_names_of_the_types(lab: Lab, names: tuple[str, str]) -> None:
    alias, kind = names
    onion = onion_to_node([], lab.hop(1), INFO, kind, enc_type=alias)
    assert onion.open((await send(lab, onion)).body)["status"] == 200


async def test_each_layer_may_have_a_type_of_its_own(lab: Lab) -> None:
    inner = onion_to_node([lab.hop(2)], lab.hop(3), INFO, "aes-gcm")
    size = int.from_bytes(inner.body[:4], "little")
    route = json.loads(inner.body[4 + size :])
    body = wrap([lab.hop(1)], inner.body[4 : 4 + size], {**route, "destination": lab.hop(2).ed25519.hex()}, "xchacha20")
    assert inner.open((await send(lab, body)).body)["status"] == 200


async def test_a_reply_as_large_as_they_come(lab: Lab) -> None:
    who = lab.someone_at(4)
    for _ in range(4):
        stores = [{"method": "store", "params": hand.store(who, os.urandom(76_800))} for _ in range(20)]
        assert (await lab.https(4).rpc("batch", {"requests": stores})).code == 200
    single: Json = {"method": "retrieve", "params": hand.retrieve(who, max_size=-1)}
    many: Json = {"method": "batch", "params": {"requests": [single] * 20}}
    for request in (single, many):
        onion = onion_to_node(hops(lab, 1, 2, 3), lab.hop(4), json.dumps(request).encode())
        answer = await send(lab, onion)
        assert answer.code == 200
        assert len(onion.open(answer.body)["body"]) > 7_000_000


async def test_a_request_as_large_as_they_come(lab: Lab) -> None:
    payload = json.dumps({"method": "info", "params": {"unknown": ""}}).encode()
    room = 10_485_760 - len(onion_to_node(hops(lab, 1, 2, 3), lab.hop(4), payload).body)
    payload = payload.replace(b'""', b'"%s"' % (b"x" * room))
    onion = onion_to_node(hops(lab, 1, 2, 3), lab.hop(4), payload)
    assert len(onion.body) == 10_485_760
    assert onion.open((await send(lab, onion)).body)["status"] == 200


# -- hop numbers (03.3, 03.3.1) ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "relays", "code"),
    [
        (0, 3, 200),
        (-7, 3, 200),
        (12, 3, 200),
        (13, 3, 400),
        (15, 0, 200),
        (15, 1, 400),
        (10**9, 0, 200),
        (0, 15, 200),
        (0, 16, 400),
    ],
)
async def test_the_length_of_a_path_is_bounded(lab: Lab, start: int, relays: int, code: int) -> None:
    """`relays` is how many nodes stand behind the guard, the destination being the last."""
    path = [1 + at % 4 for at in range(relays + 1)]
    onion = onion_to_node(hops(lab, *path[:-1]), lab.hop(path[-1]), INFO, hop_no=start)
    answer = await send(lab, onion)
    assert answer.code == code
    if code == 400:
        assert answer.text == "onion request max path length exceeded"


@pytest.mark.parametrize("hop_no", ["1", 1.5, None, [1]])
async def test_a_hop_number_that_is_none(lab: Lab, hop_no: Any) -> None:
    onion = onion_to_node([], lab.hop(1), INFO, hop_no=hop_no)
    answer = await send(lab, onion)
    assert answer.code in (200, 400)
    assert answer.code == 200 or answer.text.startswith("Error parsing onion request: ")


# -- errors in clear (03.4.2) ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\x00\x00",
        b"\xff\xff\xff\xff{}",
        frame(b"x" * 100, {}),
        frame(b"x" * 100, {"ephemeral_key": "00" * 31}),
        frame(b"x" * 100, {"ephemeral_key": "zz" * 32}),
        frame(b"x" * 100, {"ephemeral_key": 1}),
        frame(b"x" * 100, {"ephemeral_key": "09" + "00" * 31, "enc_type": "rot13"}),
        frame(b"x" * 100, {"ephemeral_key": "09" + "00" * 31, "enc_type": "AES-GCM"}),
        b"\x01\x00\x00\x00x[]",
        b"\x01\x00\x00\x00x{} {}",
        b"\x01\x00\x00\x00x",
    ],
)
async def test_what_the_guard_cannot_read(lab: Lab, body: bytes) -> None:
    answer = await send(lab, body)
    assert answer.code == 400
    assert answer.text.startswith("Error parsing onion request: ")
    assert answer.headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [0, 1, 2, 3])
async def test_a_layer_that_does_not_open(lab: Lab, kind: str, at: int) -> None:
    """The layer for hop `at` is encrypted to somebody else."""
    path = hops(lab, 1, 2, 3, 4)
    path[at] = replace(path[at], x25519=bytes.fromhex(Someone.new().id)[1:])
    answer = await send(lab, onion_to_node(path[:3], path[3], INFO, kind))
    assert (answer.code, answer.text) == (400, "Invalid ciphertext")


@pytest.mark.parametrize("size", [0, 1, 27, 39])
async def test_a_ciphertext_below_the_overhead(lab: Lab, size: int) -> None:
    key = {"ephemeral_key": "09" + "00" * 31, "enc_type": "aes-gcm" if size < 28 else "xchacha20"}
    answer = await send(lab, frame(b"x" * size, key))
    assert (answer.code, answer.text) == (400, "Invalid ciphertext")


async def test_a_key_of_low_order(lab: Lab) -> None:
    answer = await send(lab, frame(b"x" * 100, {"ephemeral_key": "00" * 32}))
    assert answer.code == 400


@pytest.mark.parametrize("at", [1, 2, 3])
async def test_the_next_node_is_not_in_the_list(lab: Lab, at: int) -> None:
    path = hops(lab, 1, 2, 3, 4)
    path[at] = replace(path[at], ed25519=os.urandom(32))
    answer = await send(lab, onion_to_node(path[:3], path[3], INFO))
    assert (answer.code, answer.text) == (502, f"Next node not found: {path[at].ed25519.hex()}")


async def test_the_next_node_has_no_address(tmp_path: Path) -> None:
    async with lab_of(tmp_path, 3, lambda settings: replace(settings, refresh_s=1000.0)) as lab:
        view, target = lab.node(2).view, lab.hop(3).ed25519
        assert view.snapshot is not None
        nodes = (
            replace(node, ip=NO_ADDRESS, https_port=0, queue_port=0) if node.ed25519 == target else node
            for node in view.snapshot.nodes
        )
        view.snapshot = replace(view.snapshot, nodes=tuple(nodes))
        answer = await send(lab, onion_to_node(hops(lab, 1, 2), lab.hop(3), INFO))
    assert (answer.code, answer.text) == (502, f"Next node is currently unreachable: {target.hex()}")


async def test_a_hop_that_is_not_ready(tmp_path: Path) -> None:
    async with lab_of(tmp_path, 3, lambda settings: replace(settings, refresh_s=1000.0)) as lab:
        lab.node(2).view.synced = False
        answer = await send(lab, onion_to_node(hops(lab, 1, 2), lab.hop(3), INFO))
        assert (answer.code, answer.text) == (503, f"Snode not ready: {lab.hop(2).ed25519.hex()}")
        answer = await send(lab, onion_to_node([lab.hop(2)], lab.hop(3), INFO), guard=2)
        assert (answer.code, answer.text) == (503, "Service node is not ready: not done syncing\n")


async def test_a_hop_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "ONION_HOP_TIMEOUT_S", 0.3)
    async with lab_of(tmp_path, 3) as lab:
        await lab.node(3).endpoint.drain()
        answer = await send(lab, onion_to_node(hops(lab, 1, 2), lab.hop(3), INFO))
    assert (answer.code, answer.text) == (504, "Request time out")


@pytest.mark.parametrize(
    ("parts", "code", "text"),
    [
        ((), 500, "Invalid response from snode"),
        ((b"200",), 500, "Invalid response from snode"),
        ((b"200", b"body", b"more"), 200, "body"),
        ((b"404", b"gone"), 404, "gone"),
        ((b"429", b"slow down"), 429, "slow down"),
        ((b"301", b"moved"), 500, "moved"),
        ((b"425", b"early"), 500, "early"),
        ((b"ok", b"text"), 500, "text"),
        ((b"+20", b"text"), 500, "text"),
    ],
)
async def test_answers_of_the_next_hop(lab: Lab, parts: Sequence[bytes], code: int, text: str) -> None:
    async def odd(incoming: Incoming) -> Sequence[bytes]:
        return parts

    async def proper(incoming: Incoming) -> Sequence[bytes]:
        return await lab.node(3).hop.from_node(incoming.parts)

    rule = CommandRule(request=True, remote_sn=True)
    lab.node(3).endpoint.register(b"sn.onion_request", rule, odd)
    try:
        answer = await send(lab, onion_to_node(hops(lab, 1, 2), lab.hop(3), INFO))
    finally:
        lab.node(3).endpoint.register(b"sn.onion_request", rule, proper)
    assert (answer.code, answer.text) == (code, text)


async def test_messages_of_the_hop_before(lab: Lab) -> None:
    """A node that sends what is no onion request is told so; the caller here is a node, by its key."""
    node, caller = lab.node(1), lab.node(2).view.keys
    secret = caller.x25519_secret.reveal()
    good = {"data": b"x" * 100, "enc_type": "xchacha20", "ephemeral_key": b"\x09" + bytes(31), "hop_no": 1}
    async with queue_to("127.0.0.1", node.queue_port, node.view.keys.x25519, secret=secret) as queue:
        for parts in (
            [],
            [b"a", b"b"],
            [b"x"],
            [b"le"],
            [bencode({name: value for name, value in good.items() if name != "data"})],
            [bencode({name: value for name, value in good.items() if name != "ephemeral_key"})],
            [bencode({**good, "ephemeral_key": b"short"})],
            [bencode({**good, "enc_type": "rot13"})],
        ):
            code, text = await queue.ask("sn.onion_request", *parts)
            assert code == b"400"
            assert text.startswith(b"Invalid internal onion request: ")
        assert await queue.ask("sn.onion_request", bencode({**good, "hop_no": 16})) == [
            b"400",
            b"onion request max path length exceeded",
        ]
        for number in (15, 0, -3):
            assert await queue.ask("sn.onion_request", bencode({**good, "hop_no": number})) == [
                b"400",
                b"Invalid ciphertext",
            ]


async def test_the_guard_is_busy(tmp_path: Path) -> None:
    def change(settings: Any) -> Any:
        return replace(settings, limits=replace(settings.limits, bodies_mib=16))

    async with lab_of(tmp_path, 1, change) as lab:
        lab.node(1)._door.buffered = 17 * 1024 * 1024  # type: ignore[union-attr]
        answer = await send(lab, b"x" * 1000)
        lab.node(1)._door.buffered = 0  # type: ignore[union-attr]
    assert (answer.code, answer.text) == (503, "Server busy, try again later")


# -- errors under encryption (03.4.2) ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("control", "text"),
    [
        ({"destination": "00"}, "Invalid json"),
        ({}, "Invalid json"),
        ({"destination": "00" * 32}, "Invalid json"),
        ({"destination": "00" * 32, "ephemeral_key": "00" * 31}, "Invalid json"),
        ({"destination": "00" * 32, "ephemeral_key": "00" * 32, "enc_type": "rot13"}, "Invalid json"),
        ({"headers": "", "json": 1}, "Invalid json"),
        ({"headers": "", "base64": "no"}, "Invalid json"),
        ({"host": "h"}, "Invalid json"),
        ({"host": 1, "target": "/loki/x/lsrpc"}, "Invalid json"),
        ({"host": "h", "target": "/loki/x/lsrpc", "port": 65_536}, "Invalid json"),
        ({"host": "h", "target": "/loki/x/lsrpc", "port": "80"}, "Invalid json"),
        ({"host": "h", "target": "/other/lsrpc"}, "Invalid url"),
        ({"host": "h", "target": "/loki/x"}, "Invalid url"),
        ({"host": "h", "target": "/loki/x?a=/lsrpc"}, "Invalid url"),
        ({"host": "h", "target": "/loki/x/lsrpc", "protocol": "ftp"}, "Invalid url"),
    ],
)
async def test_a_layer_that_opens_and_cannot_be_carried_out(lab: Lab, kind: str, control: Json, text: str) -> None:
    onion = onion_to_node(hops(lab, 1, 2), lab.hop(3), b"blob", kind, control)
    answer = await send(lab, onion)
    assert answer.code == 200
    assert onion.open(answer.body) == {"status": 400, "body": text}


async def test_a_layer_without_a_frame(lab: Lab) -> None:
    for plain in (b"", b"abc", b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\x00\x00\x00\x00[]"):
        guard = lab.hop(1)
        onion = onion_of_bytes(guard, plain)
        answer = await send(lab, onion)
        assert answer.code == 200
        assert onion.open(answer.body) == {"status": 400, "body": "Invalid json"}


def onion_of_bytes(guard: Hop, plain: bytes) -> Onion:
    """An onion whose only layer holds bytes that are no frame."""
    blob, public, key = sealed_layer("xchacha20", guard.x25519, plain)
    return Onion(frame(blob, {"ephemeral_key": public.hex(), "enc_type": "xchacha20"}), "xchacha20", key)


async def test_headers_come_before_host_and_destination(lab: Lab) -> None:
    control: Json = {"headers": None, "host": 5, "destination": 5, "ephemeral_key": 5}
    onion = onion_to_node(hops(lab, 1), lab.hop(2), INFO, "xchacha20", control)
    assert onion.open((await send(lab, onion)).body)["status"] == 200


async def test_wrong_swarm_through_an_onion(lab: Lab) -> None:
    who = lab.stranger_to(4)
    code, body = await ROADS["onion"](lab, 4, "retrieve", hand.retrieve(who))
    assert code == 421
    assert body["swarm"] != f"{lab.swarm_of(4):x}"


async def test_many_at_once_keep_apart(lab: Lab) -> None:
    onions = [
        onion_to_node(
            hops(lab, 1, 2, 3),
            lab.hop(4),
            json.dumps({"method": "get_swarm", "params": {"pubkey": f"05{at:064x}"}}).encode(),
            KINDS[at % 2],
        )
        for at in range(60)
    ]
    answers = await asyncio.gather(*(send(lab, onion) for onion in onions))
    for onion, answer in zip(onions, answers, strict=True):
        assert onion.open(answer.body)["status"] == 200
        assert base64.b64decode(answer.body)
