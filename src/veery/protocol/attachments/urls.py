"""URLs of files: where they lie, whose server that is, and which scheme opens them (09.5).

    scheme "://" host [":" port] "/file/" id [ "#" items joined by "&" ]

The fragment never travels: it is for the reader of the message alone. Deployed writers differ in the order of its items
and in writing `d=`, so readers take both; here `d` is written, which all of them read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from veery.errors import Misuse
from veery.protocol.attachments.errors import FileServerUnknown, FileUrlMalformed
from veery.protocol.attachments.servers import DEFAULT_FILE_SERVER, DEFAULT_PORTS, FileServer
from veery.protocol.constants import FILE_SERVER_QUIC_PORT, FILE_URL_ID_MAX, FILE_URL_MAX, KEY_SIZE
from veery.protocol.onion.hosts import url_host

_PORT_MAX: Final = 65_535
_URL: Final = re.compile(
    r"(?P<scheme>(?i:https?))://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"/files?/(?P<id>[^/?#]+)/?(?:\?[^#]*)?(?:#(?P<fragment>.*))?",
    re.ASCII | re.DOTALL,
)
# Unreserved characters only: nothing that a server could read as another path.
_ID: Final = re.compile(r"[A-Za-z0-9_~.-]+", re.ASCII)
_KEY: Final = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
_ROUTER: Final = re.compile(r"(?P<address>[A-Za-z0-9.-]{1,255})(?::(?P<port>[0-9]{1,5}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class RouterAddress:
    """A Session Router address under which the same server answers over QUIC (09.5.2)."""

    address: str
    port: int = FILE_SERVER_QUIC_PORT


@dataclass(frozen=True, slots=True)
class FileUrl:
    """A file on a file server.

    host: in brackets if it is an IPv6 address; port: None if the URL names none; server_key: Ed25519, 32 bytes, None if
    the URL names none; stream: the file is in the stream scheme.
    """

    scheme: str
    host: str
    file_id: str
    port: int | None = None
    server_key: bytes | None = None
    stream: bool = False
    router: RouterAddress | None = None

    @property
    def text(self) -> str:
        """The URL as it is written into a message. The router's address is not written (09.5.1)."""
        port = "" if self.port in (None, DEFAULT_PORTS[self.scheme]) else f":{self.port}"
        items = [] if self.server_key is None else [f"p={self.server_key.hex()}"]
        if self.stream:
            items.append("d")
        fragment = "#" + "&".join(items) if items else ""
        return f"{self.scheme}://{self.host}{port}/file/{self.file_id}{fragment}"

    def custom_key(self, default: FileServer = DEFAULT_FILE_SERVER) -> bytes | None:
        """The server's key if it is not that of the network's server."""
        return None if self.server_key == default.ed25519 else self.server_key

    def server(self, default: FileServer = DEFAULT_FILE_SERVER) -> FileServer:
        """The server to ask, at the URL's own address. default: of the network.

        Raises FileServerUnknown for a URL without a key whose host is not the default server's (09.5.2): a stranger's
        host would else be asked under a key that it cannot have.
        """
        key = self.server_key
        if key is None:
            if not default.is_named(self.host):
                raise FileServerUnknown("The address of the file names an unknown server without its key")
            key = default.ed25519
        return FileServer(key, self.host, self.scheme, self.port)


def parse_url(text: str) -> FileUrl:
    """Read a URL. Raises FileUrlMalformed."""
    found = _URL.fullmatch(text) if len(text) <= FILE_URL_MAX else None
    if found is None:
        raise FileUrlMalformed("The address is not one of a file on a file server")
    host, file_id = found["host"], found["id"]
    if url_host(host, allow_private=True) is None:
        raise FileUrlMalformed("The address of the file has no proper host")
    if not is_opaque_id(file_id):
        raise FileUrlMalformed("The address of the file has no proper id")
    port = None if found["port"] is None else _port(found["port"])
    if port == 0:
        raise FileUrlMalformed("The address of the file has no proper port")
    key, stream, router = _read_fragment(found["fragment"] or "")
    return FileUrl(found["scheme"].lower(), host, file_id, port, key, stream, router)


def url_of(file_id: str, server: FileServer, *, stream: bool, default: FileServer = DEFAULT_FILE_SERVER) -> FileUrl:
    """The URL of a file that `server` keeps. stream: it is in the stream scheme. Raises Misuse.

    The key is left out when it is the default server's, as all readers of the network know it.
    """
    if server.scheme not in DEFAULT_PORTS or url_host(server.host, allow_private=True) != server.host:
        raise Misuse("a file server has http or https, and a host that can stand in a URL")
    if server.port is not None and not 0 < server.port <= _PORT_MAX:
        raise Misuse("a port is a number from 1 to 65535")
    if not is_opaque_id(file_id):
        raise Misuse("the id of the file cannot stand in a URL")
    key = None if server.ed25519 == default.ed25519 else server.ed25519
    if key is not None and len(key) != KEY_SIZE:
        raise Misuse(f"the key of a file server has {KEY_SIZE} bytes")
    return FileUrl(server.scheme, server.host, file_id, server.port, key, stream)


def is_opaque_id(text: str) -> bool:
    """Whether a client may put an id into a URL or a request: ids are opaque to it, but they are no paths."""
    return len(text) <= FILE_URL_ID_MAX and _ID.fullmatch(text) is not None and text.strip(".") != ""


def _read_fragment(fragment: str) -> tuple[bytes | None, bool, RouterAddress | None]:
    """Server key, scheme and router address; unknown items, and those in a wrong form, are passed over."""
    key: bytes | None = None
    stream = False
    router: RouterAddress | None = None
    for item in fragment.split("&"):
        name, _, value = item.partition("=")
        if name == "d":
            stream = True
        elif name == "p" and _KEY.fullmatch(value):
            key = bytes.fromhex(value)
        elif name == "sr":
            router = _read_router(value) or router
    return key, stream, router


def _read_router(value: str) -> RouterAddress | None:
    found = _ROUTER.fullmatch(value)
    if found is None:
        return None
    port = FILE_SERVER_QUIC_PORT if found["port"] is None else _port(found["port"])
    return RouterAddress(found["address"], port) if port else None


def _port(digits: str) -> int:
    """The number of a port; 0 if there is none with this number."""
    number = int(digits)
    return number if number <= _PORT_MAX else 0
