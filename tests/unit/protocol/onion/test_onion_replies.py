from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest

from tests.unit.protocol.onion.world import GUARD, Counting
from veery.protocol import crypto
from veery.protocol.onion import EncType, NodeReply, ReplyForm, ReplyKey, ReplyMalformed, open_reply, seal_reply
from veery.protocol.onion.encryption import client_key, server_key
from veery.protocol.onion.replies import encode_reply, read_reply, reply_ciphertext
from veery.secret import Secret

EPHEMERAL = Secret(bytes(range(32)))
PUBLIC = crypto.x25519_public(EPHEMERAL.reveal())
NODE_KEY = server_key(EncType.XCHACHA20, GUARD.secret, GUARD.public, PUBLIC)
REPLY_KEY = ReplyKey(client_key(EncType.XCHACHA20, EPHEMERAL, PUBLIC, GUARD.public))
FORMS = [ReplyForm(json, base64) for json in (False, True) for base64 in (False, True)]


def test_json_results_are_text_by_default() -> None:
    assert json.loads(encode_reply(200, {"t": 1}, ReplyForm())) == {"status": 200, "body": '{"t":1}'}
    assert json.loads(encode_reply(200, {"t": 1}, ReplyForm(json=True))) == {"status": 200, "body": {"t": 1}}
    written = msgspec.Raw(b'{"t" : 1}')
    assert json.loads(encode_reply(200, written, ReplyForm())) == {"status": 200, "body": '{"t" : 1}'}
    assert json.loads(encode_reply(200, written, ReplyForm(json=True))) == {"status": 200, "body": {"t": 1}}


@pytest.mark.parametrize("form", FORMS)
def test_texts_stay_texts_and_bytes_become_base64(form: ReplyForm) -> None:
    assert json.loads(encode_reply(400, "no method x", form)) == {"status": 400, "body": "no method x"}
    binary = read_reply(encode_reply(200, b"\xff\x00", form))
    assert (binary.body, binary.binary()) == ("/wA=", b"\xff\x00")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("content", [{"t": 1, "ä": [None, "x"]}, [1, 2], "not { json", ""])
def test_both_ends_agree_in_every_form(form: ReplyForm, content: Any) -> None:
    wire = seal_reply(NODE_KEY, 421, content, form, Counting())
    reply = open_reply(wire, REPLY_KEY, form)
    assert (reply.status, reply.content()) == (421, content)
    assert (wire.isascii() and base64.b64decode(wire, validate=True) != b"") == form.base64


@pytest.mark.parametrize(
    ("plaintext", "reply"),
    [
        (b'{"status":200,"body":"{\\"t\\":1}"}', NodeReply(200, '{"t":1}')),
        (b' { "body" : {"t":1} , "status" : 401 } ', NodeReply(401, {"t": 1})),
        (b'{"status_code":404}', NodeReply(404, None)),
        (b'{"status":200.0,"body":null,"x":1}', NodeReply(200, None)),
    ],
)
def test_readings(plaintext: bytes, reply: NodeReply) -> None:
    assert read_reply(plaintext) == reply


@pytest.mark.parametrize(
    "plaintext",
    [b"", b"[]", b"200", b"{}", b'{"status":"200"}', b'{"status":null}', b'{"status":true}', b'{"status":200.5}', b"{"],
)
def test_malformed_replies(plaintext: bytes) -> None:
    with pytest.raises(ReplyMalformed):
        read_reply(plaintext)


def test_content_of_bodies() -> None:
    assert NodeReply(200, ' {"a":1}').content() == {"a": 1}
    assert NodeReply(200, "[1]").content() == [1]
    assert NodeReply(200, "{broken").content() == "{broken"
    assert NodeReply(200, "12").content() == "12"
    assert NodeReply(200, "{\ud800").content() == "{\ud800"
    assert NodeReply(200, "[" * 100_000).content() == "[" * 100_000
    for body in (None, {"a": 1}, "not base64!", "é"):
        with pytest.raises(ReplyMalformed):
            NodeReply(200, body).binary()


def test_base64_and_its_older_form() -> None:
    assert reply_ciphertext(b" AAEC\n") == b"\0\1\2"
    assert reply_ciphertext(b'{"result":"AAEC"}') == b"\0\1\2"
    for wire in (b"AAE", b"AA EC", b"AAEC!", b"{}", b'{"result":1}', b"{", b"\xff\xff", b'{"result":"\xc3\xa9"}'):
        with pytest.raises(ReplyMalformed):
            reply_ciphertext(wire)


def test_what_does_not_decrypt() -> None:
    for form in (ReplyForm(), ReplyForm(base64=False)):
        with pytest.raises(crypto.CryptoFailed):
            open_reply(b"A" * 80, REPLY_KEY, form)
    with pytest.raises(crypto.CryptoFailed):
        open_reply(b"", REPLY_KEY)
