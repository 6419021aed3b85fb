"""Onion requests: every codec is its own inverse, and bytes of a stranger give the named error or a value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.protocol.onion.world import HOPS, PATH, TARGET, Counting, end
from veery.errors import ProtocolError
from veery.protocol import crypto
from veery.protocol.onion import (
    AnsweredRefusal,
    CiphertextInvalid,
    EncType,
    HopRequestUnreadable,
    Layer,
    OnionRefused,
    PathTooLong,
    ReplyForm,
    ReplyMalformed,
    RequestUnreadable,
    ServerDestination,
    ServerFrameRefused,
    ServerMessageMalformed,
    ServerReply,
    ServerRequest,
    ToDestination,
    ToNode,
    ToServer,
    build,
    encode_hop_reply,
    encode_hop_request,
    encode_v3_request,
    encode_v4_request,
    open_reply,
    open_server_request,
    overhead,
    peel,
    peel_outer,
    read_hop_reply,
    read_hop_request,
    read_refusal,
    read_route,
    read_v3_request,
    read_v4_request,
    seal_reply,
)
from veery.protocol.onion.frames import FrameMalformed, read_frame, write_frame
from veery.protocol.onion.hosts import is_public_address, url_host
from veery.protocol.onion.replies import read_reply, reply_ciphertext
from veery.protocol.onion.server_v4 import encode_v4_reply, pack_v4, read_v4_reply

TYPES = st.sampled_from([EncType.AES_GCM, EncType.XCHACHA20])
FORMS = st.builds(ReplyForm, st.booleans(), st.booleans())
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))
KEYS = ["headers", "host", "target", "protocol", "port", "destination", "ephemeral_key", "enc_type", "json", "base64"]
LIKELY = st.sampled_from(["ab" * 32, "gcm", "https", "a.example", "127.0.0.1", "/oxen/v4/lsrpc", 443, True, None])
CONTROLS = st.dictionaries(st.sampled_from(KEYS), LIKELY | JSON)
HEADERS = st.dictionaries(TEXTS, TEXTS | st.integers(-(2**53), 2**53), max_size=3)


def peel_all(body: bytes, hops: int) -> ToNode | ToServer:
    """What the last of `hops` hops has to do."""
    ends = [end(f"hop {number}") for number in range(hops)]
    route = peel_outer(body, ends[0].secret, ends[0].public).route
    for one in ends[1:]:
        assert isinstance(route, ToNode)
        message = encode_hop_request(route.layer)
        route = peel(read_hop_request([message]), one.secret, one.public).route
    assert not isinstance(route, ToDestination)
    return route


@given(
    st.integers(1, 6),
    st.binary(max_size=2_000),
    TYPES,
    FORMS,
    st.integers(0, 5),
    st.integers(0, 300),
    st.sampled_from([200, 401, 421]),
    st.dictionaries(TEXTS, JSON, max_size=3)
    | st.lists(JSON, max_size=3)
    | TEXTS.filter(lambda text: text[:1].isalpha()),
)
def test_any_request_arrives_and_any_reply_returns(
    hops: int, payload: bytes, enc_type: EncType, form: ReplyForm, hop_no: int, padding: int, status: int, content: Any
) -> None:
    path = [end(f"hop {number}").hop for number in range(hops)]
    destination = TARGET.node(form)
    built = build(path, destination, payload, random=Counting(), enc_type=enc_type, hop_no=hop_no, padding=padding)
    expected = overhead(hops, destination, enc_type=enc_type, hop_no=hop_no)
    assert len(built.body) == len(payload) + expected + padding
    route = peel_all(built.body, hops)
    assert isinstance(route, ToNode)
    peeled = peel(route.layer, TARGET.secret, TARGET.public)
    assert peeled.route == ToDestination(payload, form)
    assert peeled.hop_no == hop_no + hops
    reply = open_reply(seal_reply(peeled.key, status, content, form, Counting(b"node")), built.reply_key, form)
    assert (reply.status, reply.content()) == (status, content)


@given(st.integers(1, 4), st.binary(max_size=500), TYPES, st.integers(0, 65_535), st.sampled_from(["http", "https"]))
def test_any_request_arrives_at_a_server(
    hops: int, payload: bytes, enc_type: EncType, port: int, protocol: str
) -> None:
    path = [end(f"hop {number}").hop for number in range(hops)]
    destination = ServerDestination(TARGET.public, "files.example.org", protocol=protocol, port=port)
    built = build(path, destination, payload, random=Counting(), enc_type=enc_type)
    route = peel_all(built.body, hops)
    assert isinstance(route, ToServer)
    assert (route.port, route.url.partition(":")[0]) == (port, protocol)
    plaintext, key = open_server_request(route.payload, TARGET.secret, TARGET.public)
    assert plaintext == payload
    assert built.reply_key.open(key.seal(payload, Counting(b"server"))) == payload


@given(st.data(), TYPES)
def test_an_altered_body_never_arrives(data: st.DataObject, enc_type: EncType) -> None:
    built = build(HOPS[:1], TARGET.node(), b"payload", random=Counting(), enc_type=enc_type)
    at = data.draw(st.integers(0, len(built.body) - 1))
    altered = built.body[:at] + bytes([built.body[at] ^ data.draw(st.integers(1, 255))]) + built.body[at + 1 :]
    try:
        route = peel_outer(altered, PATH[0].secret, PATH[0].public).route
    except (RequestUnreadable, CiphertextInvalid):
        return
    # What is left are changes that spell the same: the case of a hex digit, or a key that the reader ignores.
    assert route == peel_outer(built.body, PATH[0].secret, PATH[0].public).route


@given(st.binary(max_size=300))
def test_bytes_of_a_stranger(data: bytes) -> None:
    one = PATH[0]
    for error, read in (
        (FrameMalformed, lambda: read_frame(data)),
        (AnsweredRefusal, lambda: read_route(data)),
        (RequestUnreadable, lambda: peel_outer(data, one.secret, one.public)),
        (ServerFrameRefused, lambda: open_server_request(data, one.secret, one.public)),
        (HopRequestUnreadable, lambda: read_hop_request([data])),
        (ServerMessageMalformed, lambda: read_v4_request(data)),
        (ServerMessageMalformed, lambda: read_v4_reply(data)),
        (ServerMessageMalformed, lambda: read_v3_request(data)),
        (ReplyMalformed, lambda: read_reply(data)),
        (ReplyMalformed, lambda: reply_ciphertext(data)),
    ):
        try:
            read()
        except ProtocolError as caught:
            assert isinstance(caught, error)


@given(st.binary(max_size=100), st.binary(max_size=32), st.sampled_from(EncType))
def test_a_layer_of_a_stranger(blob: bytes, key: bytes, enc_type: EncType) -> None:
    with pytest.raises(CiphertextInvalid):
        peel(Layer(blob, key.ljust(32, b"\0"), enc_type), TARGET.secret, TARGET.public)


@given(st.binary(max_size=50), CONTROLS, st.booleans())
def test_any_control_json_has_a_route_or_an_answered_refusal(
    blob: bytes, control: dict[str, Any], allow_private: bool
) -> None:
    plaintext = write_frame(blob, json.dumps(control).encode())
    try:
        route = read_route(plaintext, allow_private_servers=allow_private)
    except AnsweredRefusal as refusal:
        assert refusal.text in ("Invalid json", "Invalid url")
        return
    if "headers" in control:
        assert isinstance(route, ToDestination)
    elif "host" in control:
        assert isinstance(route, ToServer)
        assert route.url.startswith(("http://", "https://"))
        assert route.url.endswith("/lsrpc")
        assert route.payload == plaintext
    else:
        assert isinstance(route, ToNode)


@given(st.binary(max_size=300), st.binary(min_size=32, max_size=32), st.sampled_from(EncType), st.integers(1, 15))
def test_hop_messages(blob: bytes, key: bytes, enc_type: EncType, hop_no: int) -> None:
    layer = Layer(blob, key, enc_type, hop_no)
    assert read_hop_request([encode_hop_request(layer)]) == layer


@given(st.lists(st.binary(max_size=60), max_size=3))
def test_hop_messages_of_a_stranger(parts: list[bytes]) -> None:
    for read in (read_hop_request, read_hop_reply):
        try:
            read(parts)
        except OnionRefused as caught:
            assert not isinstance(caught, PathTooLong)


@given(st.integers(-5, 1_000), st.binary(max_size=300))
def test_refusals_and_replies_of_a_stranger(code: int, body: bytes) -> None:
    assert read_refusal(code, body).code == code
    again = read_hop_reply(encode_hop_reply(code, body))
    assert again.body == body
    assert again.code in (code, 500)


@given(TEXTS, TEXTS.map(lambda text: "/" + text), HEADERS, st.none() | st.binary(max_size=300))
def test_v4_requests(method: str, endpoint: str, headers: dict[str, str | int], body: bytes | None) -> None:
    request = ServerRequest(method, endpoint, headers, body)
    assert read_v4_request(encode_v4_request(request)) == request


@given(st.integers(0, 999), HEADERS, st.binary(max_size=300))
def test_v4_replies(code: int, headers: dict[str, str | int], body: bytes) -> None:
    written = {name.lower(): value for name, value in headers.items() if name.lower() != "content-length"}
    assert read_v4_reply(encode_v4_reply(ServerReply(code, headers, body))) == ServerReply(code, written, body)


@given(st.binary(max_size=60), st.none() | st.binary(max_size=60))
def test_v4_lists_hold_any_bytes(metadata: bytes, body: bytes | None) -> None:
    packed = pack_v4(metadata, body)
    try:
        read_v4_request(packed)
    except ServerMessageMalformed as caught:
        # The list itself is sound, so only what the metadata says can be at fault.
        assert any(word in caught.message for word in ("metadata", "method", "header"))


@given(st.sampled_from(["POST", "PUT"]), TEXTS.map(lambda text: "/" + text), st.none() | TEXTS)
def test_v3_requests(method: str, endpoint: str, body: str | None) -> None:
    headers = {"Content-Type": "application/json"}
    request = ServerRequest(method, endpoint, headers, None if body is None else body.encode())
    assert read_v3_request(encode_v3_request(request)) == request


@given(st.text(max_size=40) | st.ip_addresses().map(str))
def test_hosts(text: str) -> None:
    public, private = url_host(text, allow_private=False), url_host(text, allow_private=True)
    assert public in (None, private)
    if private is not None:
        assert private.strip("[]") == text.strip("[]")
        assert not set(private) & set("/?#@% \r\n\\")
    if is_public_address(text):
        assert public is not None


@given(st.binary(max_size=200), TYPES)
def test_replies_sealed_by_strangers_do_not_open(wire: bytes, enc_type: EncType) -> None:
    built = build(HOPS, TARGET.node(), b"", random=Counting(), enc_type=enc_type)
    assume(wire)
    with pytest.raises(crypto.CryptoFailed):
        built.reply_key.open(wire)
