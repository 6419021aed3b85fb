"""The title of a web page, fetched for a link preview: through a SOCKS5 proxy and in no other way (02.3.3).

Nodes of the network carry requests to servers that they know, so there is no onion path to any page on the web; and a
direct request would tell the page's server who is about to send the link. The proxy resolves the name. What is fetched
is bounded in time, size and redirects; only https on its usual port is asked, and no address that is not public. Which
address a name leads to is known to the proxy alone: one that stands inside a private network may reach that network.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from ipaddress import ip_address
from typing import Final
from urllib.parse import urljoin, urlsplit

import aiohttp

from veery.errors import NetworkError, Retry
from veery.network.proxy import Proxy, make_connector, open_session
from veery.protocol.constants import (
    PREVIEW_PAGE_MAX,
    PREVIEW_REDIRECTS_MAX,
    PREVIEW_TIMEOUT_S,
    PREVIEW_TITLE_MAX,
)
from veery.protocol.content.preview import may_be_made

_HTTPS_PORT: Final = 443
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_OK: Final = 200
_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
_PRIVATE_ENDINGS: Final = (
    "localhost",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "private",
    "arpa",
    "test",
)


class PageRefused(NetworkError):
    """A page of which no preview can be made.

    `kind`: network.page.address, .answer, .redirects, .title or .unreachable.
    """

    default_kind = "network.page"
    default_retry = Retry.NEVER


@dataclass(frozen=True, slots=True)
class _Answer:
    location: str | None
    body: bytes
    charset: str


async def fetch_title(proxy: Proxy, url: str, *, trust: ssl.SSLContext | None = None) -> str:
    """The title of a page: at most PREVIEW_TITLE_MAX characters, one line. trust: in place of the system's roots.

    Takes at most PREVIEW_TIMEOUT_S seconds. Raises PageRefused, and ProxyFailed when the proxy is at fault.
    """
    try:
        async with asyncio.timeout(PREVIEW_TIMEOUT_S), open_session(make_connector(proxy)) as session:
            answer = await _follow(session, url, trust or ssl.create_default_context())
    except TimeoutError as error:
        raise PageRefused("the page does not come in time", kind="network.page.unreachable") from error
    title = read_title(_decoded(answer))
    if not title:
        raise PageRefused("the page has no title", kind="network.page.title")
    return title


def may_be_fetched(url: str) -> bool:
    """Whether a link may be asked: one that senders preview, on the usual port of a public host."""
    if not may_be_made(url) or any(character.isspace() for character in url):
        return False
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return False
    return port in (None, _HTTPS_PORT) and _is_public(host)


def read_title(page: str) -> str:
    """The title that a page gives itself for previews, else its <title>; empty if it has none."""
    reader = _TitleReader()
    reader.feed(page)
    reader.close()
    title = " ".join((reader.preview_title or "".join(reader.title)).split())
    return "".join(each for each in title if each.isprintable())[:PREVIEW_TITLE_MAX]


async def _follow(session: aiohttp.ClientSession, url: str, trust: ssl.SSLContext) -> _Answer:
    for _ in range(PREVIEW_REDIRECTS_MAX + 1):
        if not may_be_fetched(url):
            raise PageRefused("the link leads to an address that is not asked", kind="network.page.address")
        answer = await _get(session, url, trust)
        if answer.location is None:
            return answer
        url = urljoin(url, answer.location)
    raise PageRefused("the link leads on and on", kind="network.page.redirects")


async def _get(session: aiohttp.ClientSession, url: str, trust: ssl.SSLContext) -> _Answer:
    try:
        async with session.get(url, allow_redirects=False, ssl=trust) as response:
            if response.status in _REDIRECTS and "Location" in response.headers:
                return _Answer(response.headers["Location"], b"", "")
            if response.status != _OK or not _is_page(response.content_type, response.headers):
                raise PageRefused("the link leads to no page", kind="network.page.answer")
            return _Answer(None, await _beginning(response.content), response.charset or "utf-8")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise PageRefused("the page cannot be reached", kind="network.page.unreachable") from error


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    """The first PREVIEW_PAGE_MAX bytes: a title stands near the beginning."""
    kept = bytearray()
    while len(kept) < PREVIEW_PAGE_MAX and (chunk := await content.read(PREVIEW_PAGE_MAX - len(kept))):
        kept += chunk
    return bytes(kept)


def _is_page(content_type: str, headers: Mapping[str, str]) -> bool:
    """Compressed pages were not asked for, and are not unpacked: they may be bombs."""
    return content_type in _PAGES and headers.get("Content-Encoding", "identity").lower() == "identity"


def _is_public(host: str) -> bool:
    try:
        return ip_address(host).is_global
    except ValueError:
        pass
    labels = host.lower().split(".")
    last = labels[-1]
    looks_like_a_number = last[:1].isdigit()  # 2130706433 and 0x7f.1 are addresses to some resolvers
    return len(labels) > 1 and all(labels) and not looks_like_a_number and last not in _PRIVATE_ENDINGS


def _decoded(answer: _Answer) -> str:
    try:
        return answer.body.decode(answer.charset, errors="replace")
    except LookupError:  # an encoding that nobody knows, or that is none of texts
        return answer.body.decode(errors="replace")


class _TitleReader(HTMLParser):
    """Finds titles. Text of <title> stands in several pieces."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self.preview_title = ""
        self._within = False
        self._done = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title":
            self._within = not self._done
        elif tag == "meta":
            given = dict(attrs)
            if given.get("property") == "og:title" and not self.preview_title:
                self.preview_title = given.get("content") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "title" and self._within:
            self._within, self._done = False, True

    def handle_data(self, data: str) -> None:
        if self._within:
            self.title.append(data)
