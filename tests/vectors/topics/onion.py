"""Onion requests: one layer, three layers built and peeled, routes, and v4 lists (also those of the file server)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.vectors.harness import Case, topic
from veery.errors import ProtocolError
from veery.protocol import crypto
from veery.protocol.constants import KEY_SIZE
from veery.protocol.onion import encryption, frames, layers, replies, routes, server_v4, servers
from veery.protocol.onion.encryption import EncType, LayerKey
from veery.secret import Secret


def raw(case: Mapping[str, Any], name: str) -> bytes:
    """The bytes of a hex field."""
    return bytes.fromhex(case[name])


def secret(case: Mapping[str, Any], name: str) -> Secret:
    """The secret of a hex field."""
    return Secret(raw(case, name))


class Scripted:
    """Gives recorded random bytes: keys and nonces, each in their order."""

    def __init__(self, keys: list[bytes], nonces: list[bytes]) -> None:
        self.keys, self.nonces = iter(keys), iter(nonces)

    def __call__(self, size: int) -> bytes:
        found = next(self.keys if size == KEY_SIZE else self.nonces)
        assert len(found) == size
        return found


# -- one layer -------------------------------------------------------------------------------------------------


def key_of(inputs: Case) -> LayerKey:
    enc_type = EncType.named(inputs["enc_type"])
    ends = secret(inputs, "local_secret"), raw(inputs, "local_public"), raw(inputs, "remote_public")
    derive = {"client": encryption.client_key, "server": encryption.server_key}[inputs["role"]]
    return derive(enc_type, *ends)


@topic("onion-encryption")
def onion_encryption(inputs: Case, expected: Case) -> None:
    ciphertext = raw(inputs, "ciphertext")
    if expected["error"]:
        with pytest.raises((encryption.EncTypeUnknown, crypto.CryptoFailed)):
            key_of(inputs).open(ciphertext)
        return
    plaintext = raw(expected, "plaintext_hex")
    key = key_of(inputs)
    assert key.open(ciphertext) == plaintext
    if key.enc_type is not EncType.AES_CBC and "nonce" in inputs:
        script = Scripted([], [raw(inputs, "nonce")])
        assert key.seal(plaintext, script) == ciphertext
    if "client_secret" in inputs:
        client = secret(inputs, "client_secret")
        client_public = crypto.x25519_public(client.reveal())
        assert client_public == raw(inputs, "remote_public")
        other_end = encryption.client_key(key.enc_type, client, client_public, raw(inputs, "local_public"))
        assert other_end.open(ciphertext) == plaintext


# -- three layers ----------------------------------------------------------------------------------------------


def peel_by_hand(layer: frames.Layer, end: Case) -> tuple[memoryview, dict[str, Any]]:
    """Decrypt a layer and give blob and JSON, whatever the JSON says."""
    key = encryption.server_key(layer.enc_type, secret(end, "x_secret"), raw(end, "x"), layer.ephemeral_key)
    return frames.read_frame(key.open(layer.blob))


def last_layer(body: bytes, inputs: Case, expected: Case) -> layers.Peeled:
    """Peel every hop, comparing the routing JSON, and give what the last hop has."""
    layer = frames.read_outer(body)
    peeled = None
    for number, (hop, routing) in enumerate(zip(inputs["hops"], expected["routing"], strict=True)):
        assert peel_by_hand(layer, hop)[1] == routing
        peeled = layers.peel(layer, secret(hop, "x_secret"), raw(hop, "x"))
        if isinstance(peeled.route, routes.ToNode):
            assert peeled.route.destination == bytes.fromhex(routing["destination"])
            assert peeled.route.layer.hop_no == layer.hop_no + 1
            layer = peeled.route.layer
        else:
            assert number == len(inputs["hops"]) - 1
    assert peeled is not None
    return peeled


def arrive(last: layers.Peeled, inputs: Case, expected: Case, payload: bytes) -> LayerKey:
    """Open the innermost layer at its destination and give the key that answers."""
    end = inputs["destination"]
    if isinstance(last.route, routes.ToServer):
        assert last.route.host == end["host"]
        assert last.route.port == end.get("port", 443)
        assert last.route.url.endswith(end["target"])
        plaintext, key = servers.open_server_request(last.route.payload, secret(end, "x_secret"), raw(end, "x"))
        assert plaintext == payload
        return key
    assert isinstance(last.route, routes.ToNode)
    assert last.route.destination == raw(end, "ed")
    control = expected["control"]
    assert peel_by_hand(last.route.layer, end)[1] == control
    peeled = layers.peel(last.route.layer, secret(end, "x_secret"), raw(end, "x"))
    form = routes.ReplyForm(control.get("json", False), control.get("base64", True))
    assert peeled.route == routes.ToDestination(payload, form)
    return peeled.key


def check_build(inputs: Case, expected: Case) -> None:
    end = inputs["destination"]
    destination: layers.Destination
    if "host" in end:
        parts = {name: end[name] for name in ("host", "target", "protocol", "port") if name in end}
        destination = layers.ServerDestination(raw(end, "x"), **parts)
    else:
        control = expected.get("control") or {}
        form = routes.ReplyForm(control.get("json", False), control.get("base64", True))
        destination = layers.NodeDestination(raw(end, "ed"), raw(end, "x"), form)
    payload = raw(inputs, "payload_hex")
    built = layers.build(
        [layers.Hop(raw(hop, "ed"), raw(hop, "x")) for hop in inputs["hops"]],
        destination,
        payload,
        random=Scripted(*([bytes.fromhex(one) for one in inputs[name]] for name in ("ephemeral_secrets", "nonces"))),
        enc_type=EncType.named(inputs["enc_type"]),
    )
    assert built.body == raw(expected, "body_hex")
    key = arrive(last_layer(built.body, inputs, expected), inputs, expected, payload)
    assert built.reply_key.open(key.seal(b"reply", lambda size: bytes(size))) == b"reply"


@topic("onion-layers")
def onion_layers(inputs: Case, expected: Case) -> None:
    if "ephemeral_secrets" in inputs:
        check_build(inputs, expected)
        return
    last = last_layer(raw(inputs, "body_hex"), inputs, expected)
    key = arrive(last, inputs, expected, raw(expected, "payload_hex"))
    if "response_hex" not in inputs:
        return
    client = secret(inputs, "client_final_secret"), raw(inputs, "client_final_public")
    enc_type = EncType.named(inputs["enc_type"])
    reply_key = layers.ReplyKey(encryption.client_key(enc_type, *client, raw(inputs["destination"], "x")))
    response, plaintext = raw(inputs, "response_hex"), expected["response_plaintext"].encode()
    assert reply_key.open(response) == plaintext
    assert key.open(response) == plaintext
    reply = replies.read_reply(plaintext)
    written = json.loads(plaintext)
    assert (reply.status, reply.body) == (written["status"], written["body"])


# -- routes ----------------------------------------------------------------------------------------------------


@topic("onion-routes")
def onion_routes(inputs: Case, expected: Case) -> None:
    plaintext, kind = raw(inputs, "plaintext_hex"), expected["kind"]
    # The cases follow deployed nodes, which do not look whether a host is private.
    if kind in ("invalid_json", "invalid_url"):
        with pytest.raises(routes.JsonInvalid if kind == "invalid_json" else routes.UrlInvalid):
            routes.read_route(plaintext, allow_private_servers=True)
        return
    route = routes.read_route(plaintext, allow_private_servers=True)
    if kind == "destination":
        form = routes.ReplyForm(expected["json"], expected["base64"])
        assert route == routes.ToDestination(raw(expected, "body_hex"), form)
    elif kind == "node":
        assert isinstance(route, routes.ToNode)
        assert route.destination.hex() == expected["destination"]
        assert route.layer.blob == raw(expected, "blob_hex")
        assert route.layer.ephemeral_key.hex() == expected["ephemeral_key"]
        assert route.layer.enc_type.value == expected["enc_type"]
    else:
        assert kind == "server"
        assert isinstance(route, routes.ToServer)
        assert (route.url, route.payload) == (expected["url"], raw(expected, "payload_hex"))


# -- v4 --------------------------------------------------------------------------------------------------------


def check_request(metadata_text: str, body: bytes | None, encoded: bytes) -> None:
    """Pack the given spelling, read it back, and read what the client's own spelling gives."""
    metadata = json.loads(metadata_text)
    assert server_v4.pack_v4(metadata_text.encode(), body) == encoded
    request = server_v4.read_v4_request(encoded)
    assert request == servers.ServerRequest(metadata["method"], metadata["endpoint"], metadata.get("headers", {}), body)
    assert server_v4.read_v4_request(server_v4.encode_v4_request(request)) == request


def check_rejected(encoded: bytes) -> None:
    for read in (server_v4.read_v4_request, server_v4.read_v4_reply):
        with pytest.raises(servers.ServerMessageMalformed) as caught:
            read(encoded)
        assert isinstance(caught.value, ProtocolError)


def check_reply(encoded: bytes, code: int, headers: Mapping[str, Any], body: bytes) -> None:
    reply = server_v4.read_v4_reply(encoded)
    assert reply == servers.ServerReply(code, headers, body)
    written = {name.lower(): value for name, value in headers.items() if name.lower() != "content-length"}
    assert server_v4.read_v4_reply(server_v4.encode_v4_reply(reply)) == servers.ServerReply(code, written, body)


@topic("onion-v4")
def onion_v4(inputs: Case, expected: Case) -> None:
    if "metadata" in inputs:
        body = None if inputs.get("body_hex") is None else raw(inputs, "body_hex")
        check_request(inputs["metadata"], body, raw(expected, "encoded_hex"))
        return
    encoded = raw(inputs, "encoded_hex")
    if expected.get("error"):
        check_rejected(encoded)
    elif "code" in expected:
        check_reply(encoded, expected["code"], expected["headers"], raw(expected, "body_hex"))
    else:
        request = server_v4.read_v4_request(encoded)
        assert (request.method, request.endpoint) == (expected["method"], expected["endpoint"])
        assert (request.headers, request.body or b"") == (expected["headers"], raw(expected, "body_hex"))


@topic("file-server-v4")
def file_server_v4(inputs: Case, expected: Case) -> None:
    if "json" in inputs:
        body = None if inputs.get("body") is None else raw(inputs, "body")
        check_request(inputs["json"], body, raw(expected, "encoded"))
        return
    encoded = raw(inputs, "encoded")
    if expected.get("error"):
        check_rejected(encoded)
        return
    metadata = json.loads(expected["json"])
    body = b"" if expected.get("body") is None else raw(expected, "body")
    if "code" in metadata:
        check_reply(encoded, metadata["code"], metadata.get("headers", {}), body)
    else:
        check_request(expected["json"], body, encoded)
