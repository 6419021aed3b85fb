"""Titles of pages, through a proxy and over TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.network.socks5 import NAME, Socks5, socks5
from tests.network.tls_guard import Guard, Heard, Speak, guard, ok, says
from veery.network import page_fetch
from veery.network.page_fetch import Page, PageRefused, fetch_page, may_be_fetched, read_title
from veery.network.proxy import Proxy
from veery.network.transport import ProxyFailed
from veery.protocol.constants import PREVIEW_PICTURE_MAX

pytestmark = pytest.mark.network
HTML = "Content-Type: text/html; charset=utf-8"
PAGE = b"<html><head><title>A &amp; B\n page</title></head><body>"


def anyone() -> ssl.SSLContext:
    """A client that trusts whoever answers, as no client but a test does."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@asynccontextmanager
async def page(speak: Speak) -> AsyncIterator[tuple[Proxy, Socks5, Guard]]:
    """A server that calls itself page.example, behind a proxy."""
    async with guard(speak) as server, socks5() as socks:
        socks.names = {"page.example": ("127.0.0.1", server.port)}
        yield Proxy("127.0.0.1", socks.port), socks, server


def leads(location: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


async def refused(speak: Speak, url: str = "https://page.example/") -> str:
    async with page(speak) as (proxy, _, _server):
        with pytest.raises(PageRefused) as error:
            await fetch_page(proxy, url, trust=anyone())
    return error.value.kind


async def test_a_title_comes_through_the_proxy_which_resolves_the_name() -> None:
    async with page(says(ok(PAGE, HTML))) as (proxy, socks, server):
        assert await fetch_page(proxy, "https://page.example/x?y", trust=anyone()) == Page("A & B page")
        assert socks.asked == [(NAME, "page.example", 443)]
        (heard,) = server.heard
        assert heard.line == "GET /x?y HTTP/1.1"
        assert {name.lower() for name, _ in heard.headers} == {"host", "user-agent", "accept-language"}


async def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    async with page(says(ok(PAGE, HTML))) as (proxy, _, server):
        with pytest.raises(PageRefused):
            await fetch_page(proxy, "https://page.example/")
        assert server.heard == []


async def test_redirects_are_followed_three_times_and_to_public_hosts_alone() -> None:
    async def twice(heard: Heard, writer: asyncio.StreamWriter) -> bool:
        writer.write(ok(PAGE, HTML) if "/end" in heard.line else leads("/end"))
        await writer.drain()
        return True

    async with page(twice) as (proxy, _, server):
        assert (await fetch_page(proxy, "https://page.example/", trust=anyone())).title == "A & B page"
        assert len(server.heard) == 2
    assert await refused(says(leads("/again"))) == "network.page.redirects"
    for target in (
        "http://page.example/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://router.local/",
        "ftp://a.b",
    ):
        assert await refused(says(leads(target))) == "network.page.address"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (ok(PAGE, "Content-Type: image/png"), "network.page.answer"),
        (ok(PAGE, HTML, "Content-Encoding: gzip"), "network.page.answer"),
        (ok(b"<p>no title", HTML), "network.page.title"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "network.page.answer"),
        (b"hello\r\n\r\n", "network.page.unreachable"),
    ],
)
async def test_what_is_no_page_gives_no_preview(answer: bytes, kind: str) -> None:
    assert await refused(says(answer)) == kind


async def test_an_endless_page_is_left_after_its_beginning() -> None:
    async def endless(_: Heard, writer: asyncio.StreamWriter) -> bool:
        writer.write(f"HTTP/1.1 200 OK\r\n{HTML}\r\n\r\n".encode() + PAGE)
        while not writer.is_closing():
            writer.write(b"x" * 65_536)
            await writer.drain()
        return False

    async with page(endless) as (proxy, _, _server):
        assert (await fetch_page(proxy, "https://page.example/", trust=anyone())).title == "A & B page"


async def test_a_silent_server_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_fetch, "PREVIEW_TIMEOUT_S", 0.2)

    async def silent(_: Heard, writer: asyncio.StreamWriter) -> bool:
        await asyncio.Event().wait()
        return False

    assert await refused(silent) == "network.page.unreachable"


async def test_a_proxy_at_fault_is_no_reason_to_go_directly() -> None:
    async with page(says(ok(PAGE, HTML))) as (_, _socks, server):
        with pytest.raises(ProxyFailed):
            await fetch_page(Proxy("127.0.0.1", 1), "https://page.example/", trust=anyone())
        assert server.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://page.example/",
        "https://page.example:8443/",
        "https://user@page.example/",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest",
        "https://[fd00::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://224.0.0.1/",
        "https://[ff02::1]/",
        "https://2130706433/",
        "https://0x7f.0x1/",
        "https://printer.lan/",
        "https://printer.lan./",
        "https://a..example/",
        "https://page.example:99999/",
        "https://page.example/ x",
    ],
)
def test_addresses_that_are_not_asked(url: str) -> None:
    assert not may_be_fetched(url)


@pytest.mark.parametrize("url", ["https://page.example", "https://1.1.1.1/", "https://page.example:443/a?b#c"])
def test_addresses_that_may_be_asked(url: str) -> None:
    assert may_be_fetched(url)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("<title>one</title><title>two</title>", "one"),
        ('<title>t</title><meta property="og:title" content="better &lt;"/>', "better <"),
        ("<TITLE>\x1b[31mred\u202e</TITLE>", "[31mred"),
        ("<title>" + "x" * 1_000, "x" * 200),
        ("<title>cut in the mid", "cut in the mid"),
        ("<![CDATA[<title", ""),
    ],
)
def test_titles(text: str, title: str) -> None:
    assert read_title(text) == title


PICTURED = b"<meta property='og:image' content='/p.png'><title>A page</title>"
PNG = b"\x89PNG and so on"


def serves(picture: bytes, head: str) -> Speak:
    """A page that names a picture, and the picture."""

    async def speak(heard: Heard, writer: asyncio.StreamWriter) -> bool:
        writer.write(ok(picture, head) if heard.line.startswith("GET /p.png") else ok(PICTURED, HTML))
        await writer.drain()
        return True

    return speak


async def test_the_picture_that_a_page_names_comes_along() -> None:
    async with page(serves(PNG, "Content-Type: image/png")) as (proxy, socks, _):
        assert await fetch_page(proxy, "https://page.example/a/b", trust=anyone()) == Page("A page", PNG)
        assert {name for _, name, _ in socks.asked} == {"page.example"}


@pytest.mark.parametrize(
    ("picture", "head"),
    [
        (b"<svg/>", "Content-Type: image/svg+xml"),
        (bytes(PREVIEW_PICTURE_MAX + 1), "Content-Type: image/png"),
        (PNG, "Content-Type: image/png\r\nContent-Encoding: gzip"),
        (PNG, "Content-Type: text/html"),
    ],
    ids=["a text", "too large", "compressed", "a page"],
)
async def test_pictures_that_do_not_fit_are_left_out(picture: bytes, head: str) -> None:
    async with page(serves(picture, head)) as (proxy, _, _server):
        assert await fetch_page(proxy, "https://page.example/", trust=anyone()) == Page("A page")


@pytest.mark.parametrize(
    "place", ["http://page.example/p.png", "https://127.0.0.1/p.png", "https://[", "data:image/png,x"]
)
async def test_pictures_at_other_places_than_public_https_are_not_asked(place: str) -> None:
    body = f"<meta property='og:image' content='{place}'><title>A page</title>".encode()
    async with page(says(ok(body, HTML))) as (proxy, _, server):
        assert await fetch_page(proxy, "https://page.example/", trust=anyone()) == Page("A page")
        assert len(server.heard) == 1
