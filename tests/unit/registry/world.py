"""A small network for tests: keys, proofs, a writer and its history, all of fixed seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from veery.protocol import crypto
from veery.registry.entries import Entry, Event, Joined
from veery.registry.history import History
from veery.registry.proofs import Proof, sign_proof
from veery.secret import Secret

NOW = 1_790_000_000_000
NETWORK = "lab"


def seed_of(number: int) -> Secret:
    return Secret(number.to_bytes(4, "big") * 8)


def key_of(number: int) -> bytes:
    return crypto.ed25519_from_seed(seed_of(number).reveal())[0]


def signer(number: int) -> Callable[[bytes], bytes]:
    secret = crypto.ed25519_from_seed(seed_of(number).reveal())[1]
    return lambda message: crypto.ed25519_sign(secret, message)


def proof_of(
    number: int,
    time_ms: int = NOW,
    *,
    network: str = NETWORK,
    ip: str = "127.0.0.1",
    port: int | None = None,
    version: tuple[int, int, int] = (2, 12, 0),
) -> Proof:
    """The proof of node `number`, which listens on the ports 10000 and 30000 above its number."""
    https_port = 10_000 + number if port is None else port
    return sign_proof(
        seed_of(number),
        network=network,
        time_ms=time_ms,
        ip=ip,
        https_port=https_port,
        queue_port=30_000 + number,
        version=version,
    )


@dataclass
class Chronicle:
    """A writer (key 0) and the history that it writes."""

    now_ms: int = NOW
    history: History = field(init=False)

    def __post_init__(self) -> None:
        self.history = History.found(NETWORK, key_of(0), signer(0), self.now_ms, block_interval_ms=1_000)

    def write(self, events: Sequence[Event]) -> Entry:
        entry = self.history.propose(events, self.now_ms, signer(0))
        self.history.append(entry)
        return entry

    def join(self, *numbers: int) -> Entry:
        return self.write([Joined(proof_of(number, self.now_ms)) for number in numbers])

    def entries(self) -> list[Entry]:
        return list(self.history.after(None) or ())
