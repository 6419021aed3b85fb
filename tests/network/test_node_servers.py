"""A last hop and servers behind the network (03.4.3): what it posts, what it passes back, and whom it refuses."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from nacl import bindings

from tests.network.by_hand import Json
from tests.network.by_hand_roads import Answer, Onion, frame, layer_key, onion_to_server, seal, sealed_layer, unseal
from tests.network.labs import Lab, lab_of
from veery.node import servers
from veery.protocol.onion.refusals import ServerTimedOut, ServerUnreachable
from veery.protocol.onion.routes import ToServer
from veery.runtime.clock import SystemClock
from veery.runtime.tls import KeyKind, ensure_identity, server_context

pytestmark = [pytest.mark.network, pytest.mark.asyncio(loop_scope="module")]

V4 = "/oxen/v4/lsrpc"


@dataclass(slots=True)
class Seen:
    """One request that a server got."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class SmallServer:
    """An HTTP server of thirty lines that opens v4 requests by hand. `says`: answer with these bytes instead."""

    port: int = 0
    secret: bytes = field(default_factory=lambda: os.urandom(32))
    says: bytes | None = None
    seen: list[Seen] = field(default_factory=list)
    hold: asyncio.Event | None = None

    @property
    def x25519(self) -> bytes:
        return bindings.crypto_scalarmult_base(self.secret)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *rest = head.strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in rest)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.seen.append(Seen(line, headers, body))
            if self.hold is not None:
                await self.hold.wait()
            writer.write(self.says if self.says is not None else self._answer(body))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, body: bytes) -> bytes:
        size = int.from_bytes(body[:4], "little")
        control = json.loads(body[4 + size :])
        ephemeral = bytes.fromhex(control["ephemeral_key"])
        key = layer_key(control["enc_type"], self.secret, ephemeral, self.x25519, ephemeral)
        request = unseal(control["enc_type"], key, body[4 : 4 + size])
        meta = json.dumps({"code": 200, "headers": {"content-type": "text/plain"}}).encode()
        plain = b"l%d:%s%d:%se" % (len(meta), meta, len(request), request)
        return http(b"200 OK", seal(control["enc_type"], key, plain))


def http(status: bytes, body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(each + b"\r\n" for each in (b"Content-Length: %d" % len(body), *headers))
    return b"HTTP/1.1 " + status + b"\r\n" + lines + b"Connection: close\r\n\r\n" + body


@asynccontextmanager
async def small_server(says: bytes | None = None, **more: Any) -> AsyncIterator[SmallServer]:
    made = SmallServer(says=says)
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0, **more)
    made.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield made


async def relay(
    lab: Lab, server: SmallServer, *, path: tuple[int, ...] = (1, 2, 3), **route: Any
) -> tuple[Any, Answer]:
    where: Json = {"host": "127.0.0.1", "target": V4, "protocol": "http", "port": server.port, **route}
    onion = onion_to_server([lab.hop(number) for number in path], server.x25519, b"l2:{}3:abce", **where)
    return onion, await lab.https(path[0]).send("/onion_req/v2", onion.body)


@pytest.mark.parametrize("kind", ["aes-gcm", "xchacha20"])
@pytest.mark.parametrize("target", [V4, "/loki/v3/lsrpc"])
async def test_a_server_gets_the_plaintext_of_the_last_hop(lab: Lab, kind: str, target: str) -> None:
    async with small_server() as server:
        where: Json = {"host": "127.0.0.1", "target": target, "protocol": "http", "port": server.port}
        onion = onion_to_server([lab.hop(number) for number in (1, 2, 3)], server.x25519, b"request", kind, **where)
        answer = await lab.https(1).send("/onion_req/v2", onion.body)
    assert answer.code == 200
    assert onion.open_bytes(answer.body).endswith(b"7:requeste")
    (seen,) = server.seen
    assert seen.line == f"POST {target} HTTP/1.1"
    assert seen.headers["host"] == f"127.0.0.1:{server.port}"
    assert seen.headers["content-type"] == "application/octet-stream"
    assert seen.headers["user-agent"] == "Oxen Storage Server/2.11.3"
    assert seen.headers["accept-encoding"] == "identity"
    assert not {"cookie", "authorization", "x-forwarded-for"} & seen.headers.keys()
    control = json.loads(seen.body[4 + int.from_bytes(seen.body[:4], "little") :])
    assert {"host", "target", "method", "ephemeral_key", "enc_type"} <= control.keys()


async def test_the_guard_may_be_the_last_hop(lab: Lab) -> None:
    async with small_server() as server:
        onion, answer = await relay(lab, server, path=(1,))
    assert answer.code == 200
    assert onion.open_bytes(answer.body).startswith(b"l")


@pytest.mark.parametrize(
    ("status", "code"), [(b"404 Not Found", 404), (b"429 Slow", 429), (b"503 Busy", 503), (b"418 Teapot", 500)]
)
async def test_status_and_body_go_back(lab: Lab, status: bytes, code: int) -> None:
    async with small_server(http(status, b"the body \x00\xff")) as server:
        _, answer = await relay(lab, server)
    assert (answer.code, answer.body) == (code, b"the body \x00\xff")


@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"307 Temporary", b"308 Permanent"])
async def test_redirects_are_not_followed(lab: Lab, status: bytes) -> None:
    async with small_server() as other:
        to = b"Location: http://127.0.0.1:%d/oxen/v4/lsrpc" % other.port
        async with small_server(http(status, b"", to)) as server:
            _, answer = await relay(lab, server)
        assert answer.code == 502
        assert other.seen == []


async def test_a_server_that_is_not_there(lab: Lab) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        _, answer = await relay(lab, SmallServer(port=free.getsockname()[1]))
    assert answer.code == 502
    assert answer.text
    assert "127.0.0.1" not in answer.text


@pytest.mark.parametrize("says", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"])
async def test_a_server_that_speaks_no_http(lab: Lab, says: bytes) -> None:
    async with small_server(says) as server:
        _, answer = await relay(lab, server)
    assert answer.code == 502


async def test_an_answer_that_is_too_large(lab: Lab) -> None:
    async with small_server(http(b"200 OK", b"x" * 10_485_728)) as server:
        _, answer = await relay(lab, server)
    assert answer.code == 502


async def test_an_answer_that_just_fits(lab: Lab) -> None:
    async with small_server(http(b"200 OK", b"x" * 10_485_727)) as server:
        _, answer = await relay(lab, server)
    assert (answer.code, len(answer.body)) == (200, 10_485_727)


async def test_a_compressed_answer_is_passed_as_it_is(lab: Lab) -> None:
    async with small_server(http(b"200 OK", b"\x1f\x8bnot really", b"Content-Encoding: gzip")) as server:
        _, answer = await relay(lab, server)
    assert (answer.code, answer.body) == (200, b"\x1f\x8bnot really")


async def test_a_certificate_that_does_not_verify(lab: Lab, tmp_path: Path) -> None:
    ensure_identity(tmp_path / "tls.pem", SystemClock().now_ms(), kind=KeyKind.EC_P256)
    async with small_server(ssl=server_context(tmp_path / "tls.pem")) as server:
        _, answer = await relay(lab, server, protocol="https")
        assert answer.code == 502
        assert server.seen == []


async def test_a_server_that_takes_too_long(tmp_path: Path) -> None:
    poster = servers.ServerPoster((2, 11, 3), allow_private=True)
    poster._session._timeout = aiohttp.ClientTimeout(total=0.2)
    async with small_server() as server:
        server.hold = asyncio.Event()
        route = ToServer(f"http://127.0.0.1:{server.port}{V4}", "127.0.0.1", server.port, b"x")
        with pytest.raises(ServerTimedOut) as caught:
            await poster.post(route)
        server.hold.set()
    assert (caught.value.code, bool(caught.value.text)) == (504, True)
    await poster.close()


# -- hosts that a relay must not reach (03.12) -------------------------------------------------------------------

PRIVATE = [
    *("127.0.0.1", "localhost", "LOCALHOST.", "a.localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1"),
    *("10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "255.255.255.255"),
    *("224.0.0.1", "::1", "[::1]", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
    *("user@127.0.0.1", "a/b", ""),
]


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[Lab]:
    async with lab_of(tmp_path, 1, lambda settings: replace(settings, private_servers=False)) as lab:
        yield lab


@pytest.mark.asyncio(loop_scope="function")
async def test_private_hosts_are_refused_by_default(strict: Lab) -> None:
    async with small_server() as server:
        for host in PRIVATE:
            route = {"host": host, "target": V4, "protocol": "http", "port": server.port}
            blob, public, key = sealed_layer("xchacha20", strict.hop(1).x25519, frame(b"blob", route))
            onion = Onion(frame(blob, {"ephemeral_key": public.hex(), "enc_type": "xchacha20"}), "xchacha20", key)
            answer = await strict.https(1).send("/onion_req/v2", onion.body)
            assert (host, answer.code) == (host, 200)
            assert onion.open(answer.body) == {"status": 400, "body": "Invalid url"}, host
        assert server.seen == []


async def test_a_name_of_a_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is resolved once, and the connection goes to an address that was checked."""
    asked: list[str] = []

    def found(host: str, *rest: Any, **more: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]

    poster = servers.ServerPoster((2, 11, 3))
    async with small_server() as server:
        monkeypatch.setattr(socket, "getaddrinfo", found)
        route = ToServer(f"http://private.example:{server.port}{V4}", "private.example", server.port, b"x")
        with pytest.raises(ServerUnreachable):
            await poster.post(route)
        monkeypatch.undo()
        assert server.seen == []
    assert asked == ["private.example"]
    await poster.close()


async def test_only_public_addresses_of_a_name_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(host: str, *rest: Any, **more: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))
            for address in ("10.0.0.1", "93.184.216.34", "127.0.0.1")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    resolver = servers.PublicResolver()
    assert [each["host"] for each in await resolver.resolve("mixed.example", 80)] == ["93.184.216.34"]
