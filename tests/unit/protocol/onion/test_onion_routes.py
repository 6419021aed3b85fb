from __future__ import annotations

import base64
import json

import pytest

from tests.unit.protocol.onion.world import GUARD, Counting
from veery.errors import Misuse
from veery.protocol import crypto
from veery.protocol.onion import JsonInvalid, ReplyForm, Route, ToDestination, ToNode, ToServer, UrlInvalid, read_route
from veery.protocol.onion.encryption import EncType, client_key, server_key
from veery.protocol.onion.frames import write_frame
from veery.protocol.onion.hosts import is_public_address, url_host
from veery.secret import Secret

DESTINATION, EPHEMERAL = "ab" * 32, "cd" * 32
NODE = {"destination": DESTINATION, "ephemeral_key": EPHEMERAL}
SERVER = {"host": "srv.example", "target": "/oxen/v4/lsrpc"}


def route(control: object, *, allow_private: bool = False) -> Route:
    return read_route(write_frame(b"blob", json.dumps(control).encode()), allow_private_servers=allow_private)


@pytest.mark.parametrize("headers", ["", None, {}, 0, False, [1]])
def test_headers_make_a_destination_whatever_their_value(headers: object) -> None:
    assert route({"headers": headers, **NODE, "host": 1, "port": "x"}) == ToDestination(b"blob", ReplyForm())


def test_flags_of_a_destination() -> None:
    assert route({"headers": "", "json": True, "base64": False}) == ToDestination(b"blob", ReplyForm(True, False))
    for name in ("json", "base64"):
        for value in (1, None, "true"):
            with pytest.raises(JsonInvalid):
                route({"headers": "", name: value})


def test_host_wins_over_destination() -> None:
    found = route({**NODE, **SERVER})
    assert isinstance(found, ToServer)
    assert (found.host, found.port, found.url) == ("srv.example", 443, "https://srv.example/oxen/v4/lsrpc")
    assert found.payload == write_frame(b"blob", json.dumps({**NODE, **SERVER}).encode())


def test_node_route_counts_the_hop() -> None:
    found = read_route(write_frame(b"blob", json.dumps({**NODE, "enc_type": "xchacha20", "x": []}).encode()), hop_no=4)
    assert isinstance(found, ToNode)
    assert found.destination == b"\xab" * 32
    assert (found.layer.ephemeral_key, found.layer.enc_type) == (b"\xcd" * 32, EncType.XCHACHA20)
    assert (found.layer.hop_no, found.layer.blob) == (5, b"blob")


@pytest.mark.parametrize(
    "control",
    [
        {},
        {"destination": DESTINATION},
        {"ephemeral_key": EPHEMERAL},
        {**NODE, "destination": 1},
        {**NODE, "destination": DESTINATION[:-1]},
        {**NODE, "ephemeral_key": "zz" * 32},
        {**NODE, "enc_type": "aes"},
        {**NODE, "enc_type": 1},
        {**NODE, "enc_type": None},
        {"host": None, **NODE},
        {"host": "a"},
        {**SERVER, "target": 1},
        {**SERVER, "protocol": None},
        {**SERVER, "port": "80"},
        {**SERVER, "port": True},
        {**SERVER, "port": None},
        {**SERVER, "port": -1},
        {**SERVER, "port": 65_536},
        {**SERVER, "port": 80.5},
        {**SERVER, "port": "80", "target": "/bad"},  # types come before the rule
    ],
)
def test_bad_json(control: object) -> None:
    with pytest.raises(JsonInvalid):
        route(control)


@pytest.mark.parametrize(
    ("extra", "url"),
    [
        ({"protocol": "http"}, "http://srv.example:443/oxen/v4/lsrpc"),
        ({"protocol": "http", "port": 80}, "http://srv.example/oxen/v4/lsrpc"),
        ({"port": 443}, "https://srv.example/oxen/v4/lsrpc"),
        ({"port": 80.0}, "https://srv.example:80/oxen/v4/lsrpc"),
        ({"port": 0}, "https://srv.example:0/oxen/v4/lsrpc"),
        ({"target": "/loki/v3/lsrpc"}, "https://srv.example/loki/v3/lsrpc"),
        ({"target": "/oxen/lsrpc"}, "https://srv.example/oxen/lsrpc"),
        ({"host": "8.8.8.8"}, "https://8.8.8.8/oxen/v4/lsrpc"),
        ({"host": "2606:4700::1111"}, "https://[2606:4700::1111]/oxen/v4/lsrpc"),
        ({"host": "[2606:4700::1111]"}, "https://[2606:4700::1111]/oxen/v4/lsrpc"),
        ({"host": "SRV-1.under_score.example."}, "https://SRV-1.under_score.example./oxen/v4/lsrpc"),
        ({"enc_type": 5, "ephemeral_key": None, "method": 7}, "https://srv.example/oxen/v4/lsrpc"),
    ],
)
def test_server_urls(extra: dict[str, object], url: str) -> None:
    found = route({**SERVER, **extra})
    assert isinstance(found, ToServer)
    assert found.url == url


@pytest.mark.parametrize("protocol", ["ftp", "", "HTTP", "https:"])
def test_bad_protocols(protocol: str) -> None:
    with pytest.raises(UrlInvalid):
        route({**SERVER, "protocol": protocol})


@pytest.mark.parametrize(
    "target",
    [
        "",
        "/lsrpc",
        "/oxen/v4/lsrpc?",
        "/oxen/v4?x=/lsrpc",
        "/oxenx/v4/lsrpc",
        "/Oxen/v4/lsrpc",
        "oxen/v4/lsrpc",
        "/oxen/v4/lsrpc/",
        "/oxen/x#/lsrpc",
        "/oxen/../admin/lsrpc",
        "/oxen/%2e%2E/admin/lsrpc",
        "/oxen/./lsrpc",
        "/oxen/a b/lsrpc",
        "/oxen/a\r\nX: y/lsrpc",
        "/oxen/a\\b/lsrpc",
        "/oxen/ä/lsrpc",
        "/oxen/" + "a" * 2_000 + "/lsrpc",
    ],
)
def test_bad_targets(target: str) -> None:
    with pytest.raises(UrlInvalid):
        route({**SERVER, "target": target}, allow_private=True)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "a..b",
        "-a.example",
        "a-.example",
        "a b",
        "a.example:80",
        "a.example/x",
        "user@a.example",
        "a.example?x",
        "a.example#x",
        "a\r\nb",
        "ex\u00e4mple.org",
        "\uff11\uff12\uff17.0.0.1",  # full-width digits
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x",
        "0177.0.0.1",
        "1.2.3.4.",
        "[1.2.3.4]",
        "[::1",
        "fe80::1%eth0",
        "a" * 2_000,
    ],
)
def test_malformed_hosts_are_refused_even_on_test_networks(host: str) -> None:
    assert url_host(host, allow_private=True) is None
    with pytest.raises(UrlInvalid):
        route({**SERVER, "host": host}, allow_private=True)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost",
        "a.localhost",
        "localhost.",
        "127.0.0.1",
        "127.255.255.254",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "240.0.0.1",
        "192.0.2.1",
        "::",
        "::1",
        "[::1]",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::7f00:1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001:db8::1",
    ],
)
def test_private_hosts_need_the_switch(host: str) -> None:
    with pytest.raises(UrlInvalid):
        route({**SERVER, "host": host})
    assert isinstance(route({**SERVER, "host": host}, allow_private=True), ToServer)
    assert not is_public_address(host)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_public_addresses(address: str) -> None:
    assert is_public_address(address)


@pytest.mark.parametrize("text", ["", "a.example", "1.1.1.1:80", "1.1.1.1 "])
def test_no_address_is_not_public(text: str) -> None:
    assert not is_public_address(text)


def test_refusals_are_answered_with_the_key_of_the_layer() -> None:
    with pytest.raises(JsonInvalid) as caught:
        read_route(b"")
    refusal = caught.value
    with pytest.raises(Misuse):
        refusal.answer(Counting())
    client = Secret(bytes(range(32)))
    refusal.key = server_key(EncType.XCHACHA20, client, GUARD.public, GUARD.public)
    opened = refusal.key.open(base64.b64decode(refusal.answer(Counting()), validate=True))
    assert json.loads(opened) == {"status": 400, "body": "Invalid json"}


def test_the_client_of_that_layer_can_read_the_refusal() -> None:
    ephemeral = Secret(bytes(range(32)))
    public = crypto.x25519_public(ephemeral.reveal())
    refusal = UrlInvalid("reason")
    refusal.key = server_key(EncType.AES_GCM, GUARD.secret, GUARD.public, public)
    sealed = base64.b64decode(refusal.answer(Counting()))
    opened = client_key(EncType.AES_GCM, ephemeral, public, GUARD.public).open(sealed)
    assert json.loads(opened) == {"status": 400, "body": "Invalid url"}
