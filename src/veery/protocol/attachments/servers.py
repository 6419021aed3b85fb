"""File servers: their address and key (09.5.1, 09.5.2, 09.5.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from veery.protocol import crypto
from veery.protocol.constants import FILE_SERVER_DOMAIN, FILE_SERVER_HOST, FILE_SERVER_KEY
from veery.protocol.onion import ServerDestination

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class FileServer:
    """A file server.

    ed25519: its key, 32 bytes, as URLs carry it. host: in brackets if it is an IPv6 address. port: None for that of the
    scheme. domain: hosts below it are the same server's; only the default server of a network has one.
    """

    ed25519: bytes
    host: str
    scheme: str = "http"  # normal: requests and files are encrypted already
    port: int | None = None
    domain: str | None = None

    @property
    def x25519(self) -> bytes:
        """The key that onion requests are encrypted to, 32 bytes."""
        return x25519_of(self.ed25519)

    def is_named(self, host: str) -> bool:
        """Whether a URL without a key may mean this server by its host."""
        name = host.lower().rstrip(".")
        return name == self.host.lower() or (self.domain is not None and name.endswith(f".{self.domain}"))

    def destination(self) -> ServerDestination:
        """Where onion requests go. Raises CryptoFailed if the key is none."""
        port = DEFAULT_PORTS[self.scheme] if self.port is None else self.port
        return ServerDestination(self.x25519, self.host, protocol=self.scheme, port=port)


DEFAULT_FILE_SERVER: Final = FileServer(FILE_SERVER_KEY, FILE_SERVER_HOST, domain=FILE_SERVER_DOMAIN)


def x25519_of(key: bytes) -> bytes:
    """The X25519 form of a server's key, 32 bytes.

    A key that is no Ed25519 point is taken for X25519 already: that is how URLs of before 2026 named servers (09.5.4).
    Raises Misuse for other sizes.
    """
    try:
        return crypto.ed25519_public_to_x25519(key)
    except crypto.CryptoFailed:
        return key
