"""The signed proof that a service node is up: what a node tells the seed about itself, over and over.

A proof is the bt list `[body, signature]`; the body is a bt dict:

`e` Ed25519 key · `i` IPv4 address (4 bytes) · `l` legacy key, the same here (05.7) · `n` name of the network ·
`p` HTTPS port · `q` queue port · `t` time, ms · `v` version, three numbers · `x` X25519 key, the conversion of `e`

The Ed25519 key signs a label and the bytes of the body, so that the signature means nothing anywhere else. A proof is
kept by the history in the bytes in which it came: whoever replays the history checks it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from typing import Final

from veery.errors import Misuse, ProtocolError, RegistryError, Retry
from veery.protocol import bt, crypto
from veery.protocol.constants import (
    KEY_SIZE,
    NETWORK_NAME_MAX,
    NO_ADDRESS,
    PROOF_LABEL,
    PROOF_MAX,
    PROOF_SLACK_MS,
)
from veery.protocol.swarm.nodes import ServiceNode, check_ipv4
from veery.secret import Secret

_TIME_MAX: Final = 2**53


class ProofRefused(RegistryError):
    """The proof of a node is not taken; `kind` says why."""

    default_kind = "registry.proof"
    default_retry = Retry.NEVER


class ProofStale(ProofRefused):
    """The time in the proof is too far from the time of the seed, or not newer than that of the last proof."""

    default_kind = "registry.proof.stale"
    default_retry = Retry.LATER
    default_remedy = "Set the clock of the node (for example with `timedatectl set-ntp true`)"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a node said of itself; a value exists only after its signature and keys were checked."""

    network: str
    time_ms: int
    ed25519: bytes
    x25519: bytes
    ip: str
    https_port: int
    queue_port: int
    version: tuple[int, int, int]
    encoded: bytes

    def node(self, swarm_id: int) -> ServiceNode:
        """The node as lists tell it, in a swarm."""
        return ServiceNode(
            legacy=self.ed25519,
            ed25519=self.ed25519,
            x25519=self.x25519,
            ip=self.ip,
            https_port=self.https_port,
            queue_port=self.queue_port,
            swarm_id=swarm_id,
            version=self.version,
        )

    def check_fresh(self, now_ms: int, slack_ms: int = PROOF_SLACK_MS) -> None:
        """Raise ProofStale unless the proof was made within `slack_ms` of now."""
        if abs(self.time_ms - now_ms) > slack_ms:
            late = (now_ms - self.time_ms) / 1000
            raise ProofStale(f"The proof is {abs(late):.0f} s {'old' if late > 0 else 'ahead'}")


def sign_proof(
    key: Secret, *, network: str, time_ms: int, ip: str, https_port: int, queue_port: int, version: tuple[int, int, int]
) -> Proof:
    """Make a proof. `key`: seed (32 bytes) or libsodium secret (64) of the node's Ed25519 key.

    Raises Misuse for values that do not fit.
    """
    secret = key.reveal() if len(key) == 2 * KEY_SIZE else crypto.ed25519_from_seed(key.reveal())[1]
    public = secret[KEY_SIZE:]
    try:
        packed = IPv4Address(ip).packed
    except AddressValueError:
        raise Misuse("the address of a node must be an IPv4 address") from None
    body = bt.encode(
        {
            "e": public,
            "i": packed,
            "l": public,
            "n": network,
            "p": https_port,
            "q": queue_port,
            "t": time_ms,
            "v": list(version),
            "x": crypto.ed25519_public_to_x25519(public),
        }
    )
    try:
        return open_proof(bt.encode([body, crypto.ed25519_sign(secret, PROOF_LABEL + body)]))
    except ProofRefused as refused:
        raise Misuse(f"no proof can say this: {refused.message}") from refused


def open_proof(data: bytes) -> Proof:
    """Read and check a proof: form, address, keys and signature; not its time or network. Raises ProofRefused."""
    if len(data) > PROOF_MAX:
        raise ProofRefused(f"The proof is longer than {PROOF_MAX} bytes", kind="registry.proof.size")
    try:
        match bt.decode(data):
            case [bytes(body), bytes(signature)]:
                proof = _read(bt.decode_dict(body), data)
            case _:
                raise ProofRefused("The proof is not a body and a signature", kind="registry.proof.form")
        crypto.ed25519_verify(proof.ed25519, PROOF_LABEL + body, signature)
        converted = crypto.ed25519_public_to_x25519(proof.ed25519)
    except ProtocolError as error:
        raise ProofRefused(f"The proof does not hold: {error.message}", kind="registry.proof.form") from error
    if not crypto.equal(converted, proof.x25519):
        raise ProofRefused("The X25519 key is not the conversion of the Ed25519 key", kind="registry.proof.keys")
    return proof


def _read(body: dict[bytes, bt.Value], encoded: bytes) -> Proof:
    match body:
        case {
            b"e": bytes(ed25519),
            b"i": bytes(ip),
            b"l": bytes(legacy),
            b"n": bytes(network),
            b"p": int(https_port),
            b"q": int(queue_port),
            b"t": int(time_ms),
            b"v": [int(major), int(minor), int(patch)],
            b"x": bytes(x25519),
        }:
            pass
        case _:
            raise ProofRefused("The proof lacks a field", kind="registry.proof.form")
    if len(ed25519) != KEY_SIZE or len(x25519) != KEY_SIZE or legacy != ed25519:
        raise ProofRefused("The keys in the proof are wrong", kind="registry.proof.keys")
    if not (0 < https_port <= 0xFFFF and 0 < queue_port <= 0xFFFF and 0 < time_ms < _TIME_MAX):
        raise ProofRefused("A port or the time in the proof is out of range", kind="registry.proof.form")
    if not all(0 <= part <= 0xFF for part in (major, minor, patch)):
        raise ProofRefused("The version in the proof is out of range", kind="registry.proof.form")
    address = check_ipv4(".".join(map(str, ip)))
    if address == NO_ADDRESS:
        raise ProofRefused("The proof tells no address", kind="registry.proof.address")
    version = (major, minor, patch)
    return Proof(read_name(network), time_ms, ed25519, x25519, address, https_port, queue_port, version, encoded)


def read_name(name: bytes) -> str:
    """The name of a network: 1 to 64 bytes of printable text. Raises ProofRefused."""
    try:
        text = name.decode()
    except UnicodeDecodeError:
        text = ""
    if not text or len(name) > NETWORK_NAME_MAX or not text.isprintable():
        raise ProofRefused("The name of the network cannot be read", kind="registry.proof.form")
    return text
