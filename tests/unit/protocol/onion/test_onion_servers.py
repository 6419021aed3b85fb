from __future__ import annotations

import base64
import json

import pytest

from tests.unit.protocol.onion.world import GUARD, HOPS, PATH, TARGET, Counting
from veery.errors import Misuse
from veery.protocol import crypto
from veery.protocol.onion import (
    V3_UNREADABLE,
    V4_UNREADABLE,
    EncType,
    LayerKey,
    ReplyKey,
    ServerFrameRefused,
    ServerMessageMalformed,
    ServerReply,
    ServerRequest,
    ToNode,
    ToServer,
    build,
    encode_v3_request,
    encode_v4_request,
    open_server_request,
    open_v3_reply,
    open_v4_reply,
    peel,
    peel_outer,
    read_v3_request,
    read_v4_request,
    seal_v3_reply,
    seal_v4_reply,
)
from veery.protocol.onion.frames import write_frame
from veery.protocol.onion.server_v3 import encode_v3_reply, read_v3_reply
from veery.protocol.onion.server_v4 import encode_v4_reply, pack_v4, read_v4_reply


def over_the_path(request: bytes) -> tuple[bytes, LayerKey, ReplyKey]:
    """What a server makes of a request that went through three hops."""
    built = build(HOPS, TARGET.server(), request, random=Counting())
    route = peel_outer(built.body, GUARD.secret, GUARD.public).route
    for one in PATH[1:]:
        assert isinstance(route, ToNode)
        route = peel(route.layer, one.secret, one.public).route
    assert isinstance(route, ToServer)
    plaintext, key = open_server_request(route.payload, TARGET.secret, TARGET.public)
    return plaintext, key, built.reply_key


def test_v4_there_and_back() -> None:
    request = ServerRequest("POST", "/file", {"X-FS-TTL": 60}, b"\0data")
    plaintext, key, reply_key = over_the_path(encode_v4_request(request))
    assert read_v4_request(plaintext) == request
    reply = ServerReply(200, {"content-type": "application/json"}, b'{"id":"1"}')
    wire = seal_v4_reply(key, reply, Counting(b"server"))
    assert open_v4_reply(wire, reply_key) == reply
    assert open_v4_reply(wire, reply_key).content() == {"id": "1"}


def test_v3_there_and_back() -> None:
    request = ServerRequest("POST", "/files", {"Content-Type": "application/json"}, b'{"file":"x"}')
    plaintext, key, reply_key = over_the_path(encode_v3_request(request))
    assert read_v3_request(plaintext) == request
    wire = seal_v3_reply(key, ServerReply(201, {}, b'{"id":1}'), Counting(b"server"))
    assert base64.b64decode(wire, validate=True)
    assert open_v3_reply(wire, reply_key) == ServerReply(200, {}, b'{"id":1}')
    wire = seal_v3_reply(key, ServerReply(404, {}, b"ignored"), Counting(b"server"))
    assert open_v3_reply(wire, reply_key) == ServerReply(404)


def frame_for(enc_type: str, key: str, blob: bytes = b"") -> bytes:
    return write_frame(blob, json.dumps({"ephemeral_key": key, "enc_type": enc_type, "host": 1}).encode())


def test_frames_that_a_server_refuses() -> None:
    shared = crypto.x25519(GUARD.secret.reveal(), TARGET.public)
    cbc = bytes(16) + crypto.aes_cbc_encrypt(shared, bytes(16), b"l2:{}e")
    for body in (
        b"",
        b"\0\0\0\0{}",
        frame_for("rot13", GUARD.public.hex()),
        frame_for("xchacha20", GUARD.public.hex(), bytes(100)),
        frame_for("aes-gcm", "00" * 32, bytes(100)),
        frame_for("aes-cbc", GUARD.public.hex(), cbc),
    ):
        with pytest.raises(ServerFrameRefused) as caught:
            open_server_request(body, TARGET.secret, TARGET.public)
        assert caught.value.code == 400


def test_an_absent_type_is_gcm() -> None:
    shared = crypto.hmac_sha256(b"LOKI", crypto.x25519(GUARD.secret.reveal(), TARGET.public))
    blob = bytes(12) + crypto.aes_gcm_encrypt(shared, bytes(12), b"request")
    body = write_frame(blob, json.dumps({"ephemeral_key": GUARD.public.hex()}).encode())
    plaintext, key = open_server_request(body, TARGET.secret, TARGET.public)
    assert (plaintext, key.enc_type) == (b"request", EncType.AES_GCM)


def test_parts_of_an_endpoint() -> None:
    request = ServerRequest("GET", "/room/a%20b/😀?x=%20&y=?")
    assert (request.path, request.query) == ("/room/a b/😀", "x=%20&y=?")
    assert ServerRequest("GET", "/x").query == ""


def test_content_types() -> None:
    assert ServerRequest("POST", "/x", {"CONTENT-type": "a/b"}, b"x").content_type == "a/b"
    assert ServerRequest("POST", "/x", {}, b"x").content_type == "application/octet-stream"
    assert ServerRequest("POST", "/x", {}, b"").content_type is None
    assert ServerRequest("GET", "/x").content_type is None


def test_v4_text_and_bytes_by_content_type() -> None:
    assert ServerReply(200, {"content-type": "text/plain; charset=utf-8"}, "é".encode()).content() == "é"
    assert ServerReply(200, {"Content-Type": "text/plain"}, b"x").content() == b"x"
    assert ServerReply(200, {}, b"{}").content() == b"{}"
    for content_type, body in (("application/json", b"{"), ("text/plain; charset=utf-8", b"\xff")):
        with pytest.raises(ServerMessageMalformed):
            ServerReply(200, {"content-type": content_type}, body).content()
    with pytest.raises(ServerMessageMalformed):
        ServerReply(200, {"content-type": "application/json"}, b"[" * 100_000).content()


def test_v4_replies_have_two_strings_and_lower_case_names() -> None:
    encoded = encode_v4_reply(ServerReply(304, {"ETag": "x", "Content-Length": 5}))
    assert encoded == b'l35:{"code":304,"headers":{"etag":"x"}}0:e'
    assert read_v4_reply(encoded) == ServerReply(304, {"etag": "x"})
    assert V4_UNREADABLE.content() == "Invalid v4 onion request"


def test_v4_endpoints_are_unicode_and_begin_with_a_slash() -> None:
    assert (
        encode_v4_request(ServerRequest("GET", "/é")) == 'l46:{"method":"GET","endpoint":"/é","headers":{}}e'.encode()
    )
    with pytest.raises(Misuse):
        encode_v4_request(ServerRequest("GET", "x"))


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"l",
        b"e",
        b"le",
        b"l2:{}",
        b"2:{}e",
        b"l2:{}1:a1:be",
        b"l2:{}ee",
        b"l2:{}x",
        b"li1ee",
        b"ll2:{}ee",
        b"l 2:{}e",
        b"l+2:{}e",
        b"l-2:{}e",
        b"l02:{}e",
        b"l2 :{}e",
        b"l:{}e",
        b"l99:{}e",
        b"l3:{}e",  # would eat the end of the list
        b"l99999999999:{}e",
        b"l2:{}5:aaae",
        b"l" + b"0:" * 100_000 + b"e",
    ],
)
def test_v4_lists_that_are_none(encoded: bytes) -> None:
    for read in (read_v4_request, read_v4_reply):
        with pytest.raises(ServerMessageMalformed):
            read(encoded)


@pytest.mark.parametrize(
    "metadata",
    [
        "{}",
        "[]",
        '{"method":"GET"}',
        '{"endpoint":"/"}',
        '{"method":1,"endpoint":"/"}',
        '{"method":"GET","endpoint":null}',
        '{"method":"GET","endpoint":""}',
        '{"method":"GET","endpoint":"x"}',
        '{"method":"GET","endpoint":"/","headers":[]}',
        '{"method":"GET","endpoint":"/","headers":{"a":{}}}',
        '{"method":"GET","endpoint":"/","headers":{"a":true}}',
    ],
)
def test_v4_requests_that_servers_reject(metadata: str) -> None:
    with pytest.raises(ServerMessageMalformed):
        read_v4_request(pack_v4(metadata.encode(), None))


@pytest.mark.parametrize("metadata", ["{}", '{"code":"200"}', '{"code":true}', '{"code":200,"headers":1}'])
def test_v4_replies_that_clients_reject(metadata: str) -> None:
    with pytest.raises(ServerMessageMalformed):
        read_v4_reply(pack_v4(metadata.encode(), b""))


def v3(text: str, prefix: str = "/") -> ServerRequest:
    return read_v3_request(text.encode(), prefix=prefix)


def test_v3_prefix_and_authorization() -> None:
    request = v3('{"method":"GET","endpoint":"messages","auth_code":"abc","headers":{"content-type":"x"}}', "/legacy/")
    assert request.endpoint == "/legacy/messages"
    assert request.headers == {"Content-Type": "application/json", "Authorization": "abc"}
    assert v3('{"method":"GET","endpoint":"files/1","headers":null}').endpoint == "/files/1"
    assert "Authorization" not in v3('{"method":"GET","endpoint":"/x","auth_code":"abc"}', "/legacy/").headers


def test_v3_bodies() -> None:
    assert v3('{"method":"GET","endpoint":"/x","body":"null"}').body is None
    assert v3('{"method":"DELETE","endpoint":"/x","body":""}').body is None
    assert v3('{"method":"PUT","endpoint":"/x","body":"é"}').body == "é".encode()
    assert v3('{"method":"POST","endpoint":"/x"}').body is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"method":"GET"}',
        '{"endpoint":"/x"}',
        '{"method":"GET","endpoint":"/x","body":"x"}',
        '{"method":"DELETE","endpoint":"/x","body":"null"}',
        '{"method":"POST","endpoint":"/x","body":{}}',
        '{"method":"GET","endpoint":"x","auth_code":1}',
        '{"method":"GET","endpoint":"/x","headers":[]}',
    ],
)
def test_v3_requests_that_servers_reject(text: str) -> None:
    with pytest.raises(ServerMessageMalformed):
        v3(text)


def test_v3_replies() -> None:
    assert encode_v3_reply(V3_UNREADABLE) == b'{"status_code":400}'
    assert read_v3_reply(b'{"status_code":400}') == V3_UNREADABLE
    for body in (b"", b"text", b'{"status_code":200,"x":1}', b'{"status_code":"x"}', b"[1]"):
        assert read_v3_reply(encode_v3_reply(ServerReply(200, {}, body))) == ServerReply(200, {}, body)
    with pytest.raises(Misuse):
        encode_v3_request(ServerRequest("POST", "/x", {}, b"\xff"))
