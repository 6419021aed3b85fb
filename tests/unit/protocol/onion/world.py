"""Nodes and servers in memory for the onion tests; keys come from a counter, so nothing here is random."""

from __future__ import annotations

from dataclasses import dataclass

from veery.protocol import crypto
from veery.protocol.onion import Hop, NodeDestination, ReplyForm, ServerDestination
from veery.secret import Secret


class Counting:
    """Random bytes that differ at every call and are the same in every run."""

    def __init__(self, name: bytes = b"") -> None:
        self.name, self.calls = name, 0

    def __call__(self, size: int) -> bytes:
        self.calls += 1
        return crypto.blake2b(size, self.name, self.calls.to_bytes(8, "big"))


@dataclass(frozen=True, eq=False)
class End:
    """Somebody with an X25519 pair and an Ed25519 name."""

    secret: Secret
    public: bytes
    ed25519: bytes

    @property
    def hop(self) -> Hop:
        return Hop(self.ed25519, self.public)

    def node(self, form: ReplyForm | None = None) -> NodeDestination:
        return NodeDestination(self.ed25519, self.public, form or ReplyForm())

    def server(self) -> ServerDestination:
        return ServerDestination(self.public, "files.example.org", protocol="http", port=8000)


def end(name: str) -> End:
    """The end of this name."""
    secret = crypto.blake2b(32, name.encode())
    return End(Secret(secret), crypto.x25519_public(secret), crypto.blake2b(32, b"ed", name.encode()))


GUARD, MIDDLE, EXIT, TARGET = (end(name) for name in ("guard", "middle", "exit", "target"))
PATH = [GUARD, MIDDLE, EXIT]
HOPS = [one.hop for one in PATH]
