"""Title and picture of a web page, fetched for a link preview: through a SOCKS5 proxy and in no other way (02.3.3).

Nodes of the network carry requests to servers that they know, so there is no onion path to any page on the web; and a
direct request would tell the page's server who is about to send the link. The proxy resolves the name. What is fetched
is bounded in time, size and redirects; only https on its usual port is asked, and no address that is not public. Which
address a name leads to is known to the proxy alone: one that stands inside a private network may reach that network.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import urljoin, urlsplit

import aiohttp

from veery.errors import NetworkError, Retry
from veery.network.page_head import PageHead, read_head
from veery.network.proxy import Proxy, make_connector, open_session
from veery.protocol.constants import (
    PREVIEW_PAGE_MAX,
    PREVIEW_PICTURE_MAX,
    PREVIEW_REDIRECTS_MAX,
    PREVIEW_TIMEOUT_S,
    PREVIEW_TITLE_MAX,
)
from veery.protocol.content.preview import may_be_made
from veery.protocol.onion.hosts import is_public_address

log: Final = logging.getLogger(__name__)

_HTTPS_PORT: Final = 443
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_OK: Final = 200
_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
_PICTURES: Final = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})
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
class Page:
    """What a preview shows. title: one line, at most PREVIEW_TITLE_MAX characters.

    picture: the one that the page names for previews, as it came: neither decoded nor cleaned; None if there is none.
    """

    title: str
    picture: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Answer:
    url: str
    location: str | None
    body: bytes
    charset: str


@dataclass(frozen=True, slots=True)
class _Wanted:
    """types: of content; most: bytes that are read, of which the rest is left or, if it must be `whole`, refused."""

    types: frozenset[str]
    most: int
    whole: bool = False


_PAGE: Final = _Wanted(_PAGES, PREVIEW_PAGE_MAX)
_PICTURE: Final = _Wanted(_PICTURES, PREVIEW_PICTURE_MAX, whole=True)


async def fetch_page(proxy: Proxy, url: str, *, trust: ssl.SSLContext | None = None) -> Page:
    """Title and picture of a page. trust: in place of the system's roots.

    Each takes at most PREVIEW_TIMEOUT_S seconds; a picture that does not come is left out.
    Raises PageRefused, and ProxyFailed when the proxy is at fault.
    """
    trust = trust or ssl.create_default_context()
    async with open_session(make_connector(proxy)) as session:
        answer = await _in_time(_follow(session, url, trust, _PAGE))
        head = read_head(_decoded(answer))
        title = _title(head)
        if not title:
            raise PageRefused("the page has no title", kind="network.page.title")
        if not head.picture:
            return Page(title)
        try:
            found = await _in_time(_follow(session, urljoin(answer.url, head.picture), trust, _PICTURE))
        except (PageRefused, ValueError) as error:
            log.debug("The picture of a page is left out: %s", type(error).__name__)
            return Page(title)
        return Page(title, found.body)


async def _in_time(work: Awaitable[_Answer]) -> _Answer:
    try:
        async with asyncio.timeout(PREVIEW_TIMEOUT_S):
            return await work
    except TimeoutError as error:
        raise PageRefused("the page does not come in time", kind="network.page.unreachable") from error


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
    return _title(read_head(page))


def _title(head: PageHead) -> str:
    title = " ".join((head.preview_title or head.title).split())
    return "".join(each for each in title if each.isprintable())[:PREVIEW_TITLE_MAX]


async def _follow(session: aiohttp.ClientSession, url: str, trust: ssl.SSLContext, wanted: _Wanted) -> _Answer:
    for _ in range(PREVIEW_REDIRECTS_MAX + 1):
        if not may_be_fetched(url):
            raise PageRefused("the link leads to an address that is not asked", kind="network.page.address")
        answer = await _get(session, url, trust, wanted)
        if answer.location is None:
            return answer
        url = urljoin(url, answer.location)
    raise PageRefused("the link leads on and on", kind="network.page.redirects")


async def _get(session: aiohttp.ClientSession, url: str, trust: ssl.SSLContext, wanted: _Wanted) -> _Answer:
    try:
        async with session.get(url, allow_redirects=False, ssl=trust) as response:
            if response.status in _REDIRECTS and "Location" in response.headers:
                return _Answer(url, response.headers["Location"], b"", "")
            if response.status != _OK or not _is_wanted(response.content_type, response.headers, wanted):
                raise PageRefused("the link leads to no page", kind="network.page.answer")
            return _Answer(url, None, await _beginning(response.content, wanted), response.charset or "utf-8")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise PageRefused("the page cannot be reached", kind="network.page.unreachable") from error


async def _beginning(content: aiohttp.StreamReader, wanted: _Wanted) -> bytes:
    """The first bytes: a title stands near the beginning."""
    kept = bytearray()
    most = wanted.most + wanted.whole  # one more tells that there is more
    while len(kept) < most and (chunk := await content.read(most - len(kept))):
        kept += chunk
    if len(kept) > wanted.most:
        raise PageRefused("the picture is too large", kind="network.page.answer")
    return bytes(kept)


def _is_wanted(content_type: str, headers: Mapping[str, str], wanted: _Wanted) -> bool:
    """Compressed pages were not asked for, and are not unpacked: they may be bombs."""
    return content_type in wanted.types and headers.get("Content-Encoding", "identity").lower() == "identity"


def _is_public(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return _is_public_name(host)
    return is_public_address(host)


def _is_public_name(host: str) -> bool:
    labels = host.lower().split(".")
    last = labels[-1]
    looks_like_a_number = last[:1].isdigit()  # 2130706433 and 0x7f.1 are addresses to some resolvers
    return len(labels) > 1 and all(labels) and not looks_like_a_number and last not in _PRIVATE_ENDINGS


def _decoded(answer: _Answer) -> str:
    try:
        return answer.body.decode(answer.charset, errors="replace")
    except LookupError:  # an encoding that nobody knows, or that is none of texts
        return answer.body.decode(errors="replace")
