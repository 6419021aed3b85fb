"""The transport to guards, over real TLS on loopback: what goes over the wire, hostile guards, proxies."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator

import pytest

from tests.network.socks5 import IPV4, NAME, REFUSED, socks5
from tests.network.tls_guard import Heard, guard, ok, says
from veery.errors import Retry
from veery.network.https_transport import HttpsTransport
from veery.network.proxy import Proxy, make_connector, open_session
from veery.network.transport import AnswerTooLarge, NodeSilent, NodeUnreachable, ProxyFailed, TransportAnswer
from veery.protocol.swarm.nodes import ServiceNode

pytestmark = pytest.mark.network


@pytest.fixture
async def transport() -> AsyncIterator[HttpsTransport]:
    made = HttpsTransport()
    yield made
    await made.close()


async def ask(
    transport: HttpsTransport, node: ServiceNode, body: bytes = b"x", *, answer_max: int = 1_000_000
) -> TransportAnswer:
    return await transport.post(node, "/onion_req/v2", body, timeout_s=5, answer_max=answer_max)


async def hang(request: Heard, writer: asyncio.StreamWriter) -> bool:
    await asyncio.Event().wait()
    return False


# -- on the wire ---------------------------------------------------------------------------------------------------


async def test_what_a_guard_sees(transport: HttpsTransport) -> None:
    async with guard(says(ok(b"answer"))) as peer:
        answer = await transport.post(
            peer.node, "/onion_req/v2", b"body", timeout_s=5, headers={"Content-Type": "application/json"}
        )
    assert (answer.status, answer.body) == (200, b"answer")
    (heard,) = peer.heard
    assert heard.line == "POST /onion_req/v2 HTTP/1.1"
    assert heard.body == b"body"
    assert {name.lower(): value for name, value in heard.headers} == {
        "host": f"127.0.0.1:{peer.port}",
        "user-agent": "WhatsApp",
        "accept-language": "en-us",
        "content-length": "4",
        "content-type": "application/json",
    }


async def test_connection_is_kept(transport: HttpsTransport) -> None:
    async with guard(says(ok(b""))) as peer:
        for _ in range(5):
            await ask(transport, peer.node)
        assert (peer.connections, len(peer.heard)) == (1, 5)


async def test_status_is_not_judged(transport: HttpsTransport) -> None:
    async with guard(says(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy")) as peer:
        answer = await ask(transport, peer.node)
    assert (answer.status, answer.body) == (503, b"busy")


async def test_tls_below_1_2_is_refused() -> None:
    context = HttpsTransport()._context
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


# -- quiet connections ---------------------------------------------------------------------------------------------


async def test_request_on_a_connection_that_the_guard_closed_is_sent_again(transport: HttpsTransport) -> None:
    """A guard that closes idle connections just as the next request leaves must not look dead."""
    answered = 0

    async def first_then_close(request: Heard, writer: asyncio.StreamWriter) -> bool:
        nonlocal answered
        if request.body == b"second" and answered == 1:
            answered += 1
            return False  # closes without a word, after the request was read
        answered += 1
        writer.write(ok(request.body))
        return True

    async with guard(first_then_close) as peer:
        await ask(transport, peer.node, b"first")
        answer = await ask(transport, peer.node, b"second")
    assert answer.body == b"second"
    assert [heard.body for heard in peer.heard] == [b"first", b"second", b"second"]


async def test_fresh_connection_that_is_closed_is_a_failure(transport: HttpsTransport) -> None:
    async with guard(says(b"", stays=False)) as peer:
        with pytest.raises(NodeUnreachable):
            await ask(transport, peer.node)
    assert peer.connections == 1


# -- guards that do not answer -------------------------------------------------------------------------------------


async def test_nobody_listens(transport: HttpsTransport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(NodeUnreachable) as caught:
        await ask(transport, ServiceNode(b"", bytes(32), bytes(32), "127.0.0.1", port, 1))
    assert caught.value.retry is Retry.ELSEWHERE


async def test_no_handshake_is_unreachable(transport: HttpsTransport) -> None:
    """A port that accepts and never speaks TLS: the connection could not be made."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        node = ServiceNode(b"", bytes(32), bytes(32), "127.0.0.1", mute.getsockname()[1], 1)
        with pytest.raises(NodeUnreachable):
            await transport.post(node, "/", b"", timeout_s=0.2)


async def test_no_answer_is_silence(transport: HttpsTransport) -> None:
    async with guard(hang) as peer:
        with pytest.raises(NodeSilent):
            await transport.post(peer.node, "/", b"", timeout_s=0.3)


async def test_half_an_answer_is_silence(transport: HttpsTransport) -> None:
    async def half(_: Heard, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        return await hang(_, writer)

    async with guard(half) as peer:
        with pytest.raises(NodeSilent):
            await transport.post(peer.node, "/", b"", timeout_s=0.3)


async def test_answer_that_breaks_off(transport: HttpsTransport) -> None:
    async with guard(says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", stays=False)) as peer:
        with pytest.raises(NodeUnreachable):
            await ask(transport, peer.node)


# -- hostile guards ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [b"\x00" * 64 + b"\r\n\r\n", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"])
async def test_garbage_in_place_of_http(transport: HttpsTransport, raw: bytes) -> None:
    async with guard(says(raw, stays=False)) as peer:
        with pytest.raises(NodeUnreachable):
            await ask(transport, peer.node)


async def test_announced_size_is_refused_unread(transport: HttpsTransport) -> None:
    async with guard(says(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")) as peer:
        with pytest.raises(AnswerTooLarge):
            await ask(transport, peer.node)


async def test_endless_answer_is_cut(transport: HttpsTransport) -> None:
    sent = 0

    async def endless(_: Heard, writer: asyncio.StreamWriter) -> bool:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + bytes(65_536) + b"\r\n")
            sent += 65_536
            await writer.drain()

    async with guard(endless) as peer:
        with pytest.raises(AnswerTooLarge):
            await ask(transport, peer.node, answer_max=200_000)
    assert sent < 20_000_000


async def test_endless_head_is_cut(transport: HttpsTransport) -> None:
    async with guard(says(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n")) as peer:
        with pytest.raises(NodeUnreachable):
            await ask(transport, peer.node)


async def test_compressed_answer_stays_compressed(transport: HttpsTransport) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    async with guard(says(ok(bomb, "Content-Encoding: gzip"))) as peer:
        answer = await ask(transport, peer.node, answer_max=100_000)
    assert answer.body == bomb


async def test_redirect_is_not_followed(transport: HttpsTransport) -> None:
    async with guard(says(ok(b"elsewhere"))) as other:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: https://127.0.0.1:{other.port}/\r\nContent-Length: 0\r\n\r\n"
        async with guard(says(moved.encode())) as peer:
            answer = await ask(transport, peer.node)
    assert answer.status == 307
    assert other.connections == 0


async def test_cookie_is_not_kept(transport: HttpsTransport) -> None:
    async with guard(says(ok(b"", "Set-Cookie: who=me; Path=/"))) as peer:
        await ask(transport, peer.node)
        await ask(transport, peer.node)
    assert [heard.header("cookie") for heard in peer.heard] == [None, None]


async def test_environment_proxy_is_not_used(transport: HttpsTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    async with guard(says(ok(b"direct"))) as peer:
        assert (await ask(transport, peer.node)).body == b"direct"


# -- many at once, cancelling, closing -----------------------------------------------------------------------------


async def test_many_at_once(transport: HttpsTransport) -> None:
    async def echo(request: Heard, writer: asyncio.StreamWriter) -> bool:
        writer.write(ok(request.body))
        return True

    async with guard(echo) as peer:
        answers = await asyncio.gather(*(ask(transport, peer.node, b"%d" % number) for number in range(100)))
    assert [answer.body for answer in answers] == [b"%d" % number for number in range(100)]
    assert peer.connections <= 32


async def test_cancelled_request_leaves_nothing(transport: HttpsTransport) -> None:
    heard = asyncio.Event()

    async def tell_and_hang(request: Heard, writer: asyncio.StreamWriter) -> bool:
        if request.body == b"again":
            writer.write(ok(b"fine"))
            return True
        heard.set()
        return await hang(request, writer)

    async with guard(tell_and_hang) as peer:
        task = asyncio.create_task(ask(transport, peer.node))
        await heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await ask(transport, peer.node, b"again")).body == b"fine"


async def test_closed_transport_says_so() -> None:
    transport = HttpsTransport()
    await transport.close()
    await transport.close()
    with pytest.raises(NodeUnreachable, match="closed"):
        await ask(transport, ServiceNode(b"", bytes(32), bytes(32), "127.0.0.1", 1, 1))


# -- proxies -------------------------------------------------------------------------------------------------------


async def test_everything_goes_through_the_proxy() -> None:
    """The address of the node leads nowhere but inside of the proxy, so a direct connection would fail."""
    async with guard(says(ok(b"through"))) as peer:
        unroutable = ServiceNode(b"", bytes(32), bytes(32), "192.0.2.7", 22021, 1)
        async with socks5(routes={("192.0.2.7", 22021): ("127.0.0.1", peer.port)}) as proxy:
            transport = HttpsTransport(Proxy("127.0.0.1", proxy.port))
            answers = [await ask(transport, unroutable) for _ in range(3)]
            await transport.close()
    assert [answer.body for answer in answers] == [b"through"] * 3
    assert proxy.asked == [(IPV4, "192.0.2.7", 22021)]  # one connection, kept


async def test_proxy_that_is_down_is_never_passed_by() -> None:
    async with guard(says(ok(b"direct"))) as peer:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        transport = HttpsTransport(Proxy("127.0.0.1", port))
        with pytest.raises(ProxyFailed) as caught:
            await ask(transport, peer.node)
        await transport.close()
    assert peer.connections == 0
    assert caught.value.kind == "network.proxy.unreachable"
    assert "Start the proxy" in str(caught.value)


async def test_proxy_that_cannot_reach_the_node() -> None:
    async with socks5(reply=REFUSED) as proxy:
        transport = HttpsTransport(Proxy("127.0.0.1", proxy.port))
        with pytest.raises(NodeUnreachable):
            await ask(transport, ServiceNode(b"", bytes(32), bytes(32), "192.0.2.7", 22021, 1))
        await transport.close()


async def test_proxy_that_allows_nothing() -> None:
    async with socks5(reply=2) as proxy:
        transport = HttpsTransport(Proxy("127.0.0.1", proxy.port))
        with pytest.raises(ProxyFailed) as caught:
            await ask(transport, ServiceNode(b"", bytes(32), bytes(32), "192.0.2.7", 22021, 1))
        await transport.close()
    assert caught.value.kind == "network.proxy.refused"


async def test_credentials_are_passed_on() -> None:
    async with guard(says(ok(b"in"))) as peer, socks5(user=(b"us:er", b"pa@ss")) as proxy:
        transport = HttpsTransport(Proxy.parse(f"socks5://us%3Aer:pa%40ss@127.0.0.1:{proxy.port}"))
        assert (await ask(transport, peer.node)).body == b"in"
        await transport.close()
        wrong = HttpsTransport(Proxy.parse(f"socks5://us%3Aer:other@127.0.0.1:{proxy.port}"))
        with pytest.raises(ProxyFailed):
            await ask(wrong, peer.node)
        await wrong.close()
    assert proxy.credentials == [(b"us:er", b"pa@ss"), (b"us:er", b"other")]


def no_lookup(*_: object, **__: object) -> None:
    raise AssertionError("a name was looked up locally")


@pytest.fixture
def no_lookups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are never resolved here."""
    monkeypatch.setattr(socket, "getaddrinfo", no_lookup)


async def test_names_are_resolved_by_the_proxy(no_lookups: None) -> None:
    """Seeds have names; looking them up here would tell the resolver who asks."""
    async with guard(says(ok(b"seed"))) as peer, socks5(names={"seed.example": ("127.0.0.1", peer.port)}) as proxy:
        session = open_session(make_connector(Proxy("127.0.0.1", proxy.port)))
        async with session, session.get("https://seed.example:4443/", ssl=False) as response:
            assert await response.read() == b"seed"
    assert proxy.asked == [(NAME, "seed.example", 4443)]


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:9050", "http://127.0.0.1:8080", "socks4://127.0.0.1:1", "socks5://", "socks5://a:0", "socks5://a:99999",
     "socks5://a:1/path", "socks5://a:x"],
)  # fmt: skip
def test_bad_proxy_addresses(url: str) -> None:
    with pytest.raises(ProxyFailed) as caught:
        Proxy.parse(url)
    assert caught.value.kind == "network.proxy.address"
    assert caught.value.retry is Retry.NEVER


def test_proxy_address_is_shown_without_credentials() -> None:
    proxy = Proxy.parse("socks5h://user:secret@proxy.example:9050")
    assert str(proxy) == "socks5://proxy.example:9050"
    assert "user" not in repr(proxy) and "secret" not in repr(proxy)
    assert Proxy.parse("socks5://[::1]").port == 1080
    assert str(Proxy.parse("socks5://[::1]")) == "socks5://[::1]:1080"
