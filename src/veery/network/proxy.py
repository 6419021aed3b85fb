"""The SOCKS5 proxy, and the one place where connections of the road are made.

With a proxy every connection goes through it, also those to seed servers, and names are resolved by it: a look-up of
our own would tell the resolver what the proxy hides. There is no way back to direct connections: a connector knows the
one way only, so a proxy that is down is an error, never a detour.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

import aiohttp
import aiohttp_socks
import python_socks
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from veery.errors import Retry
from veery.network.transport import ProxyFailed
from veery.protocol.constants import ONION_ACCEPT_LANGUAGE, ONION_USER_AGENT
from veery.secret import Secret

_SCHEMES: Final = ("socks5", "socks5h")  # names are resolved by the proxy with either
_NOT_SENT: Final = ("Accept", "Accept-Encoding")  # nothing that tells this library from others; no compressed bombs
_DEFAULT_PORT: Final = 1080
_TARGET_FAULTS: Final = frozenset({1, 3, 4, 5, 6})  # replies of RFC 1928, 6, that speak of the target and not the proxy


@dataclass(frozen=True, slots=True)
class Proxy:
    """A SOCKS5 proxy. Credentials are optional; Tor isolates circuits by them."""

    host: str
    port: int = _DEFAULT_PORT
    username: str | None = field(default=None, repr=False)
    password: Secret | None = None

    @classmethod
    def parse(cls, url: str) -> Proxy:
        """Read `socks5://[user:password@]host[:port]`. Raises ProxyFailed (kind `network.proxy.address`)."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or parts.scheme not in _SCHEMES or parts.path.strip("/") or parts.query or port == 0:
            raise ProxyFailed(
                "The address of the proxy is not of the form socks5://host:port",
                kind="network.proxy.address",
                remedy="Write it as socks5://127.0.0.1:9050, for example",
                retry=Retry.NEVER,
            )
        username = None if parts.username is None else unquote(parts.username)
        password = None if username is None else Secret(unquote(parts.password or "").encode())
        return cls(host, port or _DEFAULT_PORT, username, password)

    def __str__(self) -> str:
        """The address without credentials, as it may be shown."""
        return f"socks5://[{self.host}]:{self.port}" if ":" in self.host else f"socks5://{self.host}:{self.port}"


def make_connector(proxy: Proxy | None, *, per_host: int = 0, idle_s: float = 15.0) -> aiohttp.TCPConnector:
    """A connector that goes through the proxy, or directly if there is none. Needs a running loop.

    per_host: connections to one host at a time, 0 for any number; idle_s: how long an unused one is kept, in seconds.
    Requests over it raise ProxyFailed when the proxy is at fault, and aiohttp's errors when the target is.
    """
    if proxy is None:
        return aiohttp.TCPConnector(limit=0, limit_per_host=per_host, keepalive_timeout=idle_s)
    return _ProxyConnector(
        host=proxy.host,
        port=proxy.port,
        proxy_type=python_socks.ProxyType.SOCKS5,
        username=proxy.username,
        password=None if proxy.password is None else proxy.password.reveal().decode(),
        rdns=True,
        limit=0,
        limit_per_host=per_host,
        keepalive_timeout=idle_s,
    )


def open_session(
    connector: aiohttp.BaseConnector, tracing: list[aiohttp.TraceConfig] | None = None
) -> aiohttp.ClientSession:
    """A session that tells nothing beyond what every client does (03.3), keeps nothing, and times nothing by itself."""
    return aiohttp.ClientSession(
        connector=connector,
        headers={"User-Agent": ONION_USER_AGENT, "Accept-Language": ONION_ACCEPT_LANGUAGE},
        skip_auto_headers=_NOT_SENT,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        auto_decompress=False,
        trust_env=False,
        trace_configs=tracing,
    )


class _ProxyConnector(aiohttp_socks.ProxyConnector):
    """Maps the proxy's errors where they arise, so that every user of the connector sees the same ones."""

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        try:
            return await super().connect(req, traces, timeout)
        except aiohttp_socks.ProxyConnectionError as error:
            raise ProxyFailed("The proxy cannot be reached", kind="network.proxy.unreachable") from error
        except aiohttp_socks.ProxyTimeoutError as error:
            raise aiohttp.ClientConnectionError("not reached through the proxy in time") from error
        except aiohttp_socks.ProxyError as error:
            if error.error_code in _TARGET_FAULTS:
                raise aiohttp.ClientConnectionError("not reachable from the proxy") from error
            raise ProxyFailed("The proxy refuses to connect", kind="network.proxy.refused") from error
