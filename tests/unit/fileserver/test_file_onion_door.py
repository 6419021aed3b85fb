"""Onion requests at the file server: v4 and v3 (09.7)."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pytest

from veery.fileserver.onion_door import KEY_FILE, OnionDoor, ServerKeys
from veery.protocol import crypto
from veery.protocol.onion import (
    EncType,
    Hop,
    ReplyKey,
    ServerDestination,
    ServerFrameRefused,
    ServerReply,
    ServerRequest,
    ToServer,
    build,
    encode_v3_request,
    encode_v4_request,
    open_v3_reply,
    open_v4_reply,
    peel,
    read_outer,
)
from veery.runtime.randomness import random_bytes
from veery.secret import Secret

KEYS = ServerKeys.from_seed(Secret(bytes(range(32))))
HOP_ED, HOP_SECRET = crypto.ed25519_from_seed(bytes(32))
HOP_X_SECRET = Secret(crypto.ed25519_secret_to_x25519(HOP_SECRET))
HOP = Hop(HOP_ED, crypto.ed25519_public_to_x25519(HOP_ED))
BIG = bytes(100_000)


def onion(payload: bytes, enc_type: EncType = EncType.XCHACHA20, to: bytes = KEYS.x25519) -> tuple[bytes, ReplyKey]:
    """What the last hop POSTs, and the key that opens the reply."""
    destination = ServerDestination(to, "files.example")
    built = build([HOP], destination, payload, random=random_bytes, enc_type=enc_type)
    peeled = peel(read_outer(built.body), HOP_X_SECRET, HOP.x25519)
    assert isinstance(peeled.route, ToServer)
    return peeled.route.payload, built.reply_key


def door(handled: list[tuple[ServerRequest, str]], reply: ServerReply | None = None) -> OnionDoor:
    async def handle(request: ServerRequest, source: str) -> ServerReply:
        handled.append((request, source))
        if reply is None:
            raise ValueError("the handler crashes")
        return reply

    return OnionDoor(KEYS, handle, random_bytes)


@pytest.mark.parametrize("enc_type", [EncType.AES_GCM, EncType.XCHACHA20])
@pytest.mark.parametrize("body", [None, b"body", BIG])
async def test_v4(enc_type: EncType, body: bytes | None) -> None:
    handled: list[tuple[ServerRequest, str]] = []
    request = ServerRequest("POST", "/file?x=1", {"X-FS-TTL": "5"}, body)
    wire, key = onion(encode_v4_request(request), enc_type)
    reply = ServerReply(200, {"Content-Type": "application/octet-stream", "Content-Length": "4"}, body or b"none")
    sealed = await door(handled, reply).answer_v4(wire, "source")
    assert handled == [(request, "source")]
    assert open_v4_reply(sealed, key) == ServerReply(200, {"content-type": "application/octet-stream"}, body or b"none")


@pytest.mark.parametrize(("code", "text"), [(200, b"the body"), (404, b'{"status_code":404}')])
async def test_v3(code: int, text: bytes) -> None:
    handled: list[tuple[ServerRequest, str]] = []
    wire, key = onion(encode_v3_request(ServerRequest("GET", "file/7", {"A": "b"})))
    sealed = await door(handled, ServerReply(code, {}, b"the body")).answer_v3(wire, "source")
    assert handled == [(ServerRequest("GET", "/file/7", {"A": "b", "Content-Type": "application/json"}), "source")]
    assert key.open(base64.b64decode(sealed, validate=True)) == text
    assert open_v3_reply(sealed, key).code == code


@pytest.mark.parametrize(
    "plaintext", [b"", b"l", b"le", b"nonsense", b"l2:{}e", b"l4:nulle", b'l36:{"method":"GET","endpoint":"no/slash"}e']
)
async def test_what_is_no_request_is_answered_sealed(plaintext: bytes) -> None:
    handled: list[tuple[ServerRequest, str]] = []
    wire, key = onion(plaintext)
    reply = open_v4_reply(await door(handled, ServerReply(200)).answer_v4(wire, ""), key)
    assert reply == ServerReply(400, {"content-type": "text/plain; charset=utf-8"}, b"Invalid v4 onion request")
    sealed = await door(handled, ServerReply(200)).answer_v3(wire, "")
    assert json.loads(key.open(base64.b64decode(sealed))) == {"status_code": 400}
    assert handled == []


async def test_a_crash_is_answered_like_nonsense() -> None:
    wire, key = onion(encode_v4_request(ServerRequest("GET", "/")))
    reply = open_v4_reply(await door([]).answer_v4(wire, ""), key)
    assert (reply.code, reply.body) == (400, b"Invalid v4 onion request")


@pytest.mark.parametrize("wire", [b"", b"\0\0\0\0{}", b"x" * 1_000, bytes(4) + b'{"ephemeral_key":"00"}'])
async def test_what_does_not_open_is_not_answered(wire: bytes) -> None:
    for answer in (door([]).answer_v4, door([]).answer_v3):
        with pytest.raises(ServerFrameRefused) as refused:
            await answer(wire, "")
        assert refused.value.code == 400


async def test_what_is_for_another_server_does_not_open() -> None:
    other = ServerKeys.from_seed(Secret(bytes(32)))
    wire, _ = onion(b"le", to=other.x25519)
    with pytest.raises(ServerFrameRefused):
        await door([]).answer_v4(wire, "")


def test_keys_are_made_once_and_kept_private(tmp_path: Path) -> None:
    made = ServerKeys.of_directory(tmp_path / "server")
    assert ServerKeys.of_directory(tmp_path / "server").ed25519 == made.ed25519
    assert stat.S_IMODE((tmp_path / "server" / KEY_FILE).stat().st_mode) == 0o600
    assert crypto.ed25519_public_to_x25519(made.ed25519) == made.x25519
    assert crypto.x25519_public(made.x25519_secret.reveal()) == made.x25519
    assert "secret" not in repr(made)
