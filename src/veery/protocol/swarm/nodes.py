"""What is known of a service node (05.2), and the forms of its names."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

from veery.errors import Malformed
from veery.protocol.constants import NO_ADDRESS, NO_SWARM
from veery.protocol.swarm import base32z

SUFFIX = ".snode"


class NodeMalformed(Malformed):
    """What is told of a service node, or a list of them, is not in the form of chapter 05."""

    default_kind = "protocol.node"


@dataclass(frozen=True, slots=True)
class ServiceNode:
    """One service node as the node list tells it.

    Keys are 32 raw bytes; `ed25519` names the node in routing, `x25519` is what layers and the queue are encrypted to,
    `legacy` is the identity on the chain (05.2). A node without a proof has ip "0.0.0.0" and ports 0: it is a member,
    but cannot be contacted. A key that a list does not tell is `b""`.
    """

    legacy: bytes
    ed25519: bytes
    x25519: bytes
    ip: str
    https_port: int
    queue_port: int
    swarm_id: int = NO_SWARM
    version: tuple[int, int, int] = (0, 0, 0)
    funded: bool = True
    requested_unlock_height: int = 0

    @property
    def active(self) -> bool:
        """Whether the node has a swarm and serves clients."""
        return self.funded and self.swarm_id != NO_SWARM

    @property
    def reachable(self) -> bool:
        """Whether an address is known."""
        return self.ip not in ("", NO_ADDRESS) and self.https_port > 0

    @property
    def contactable(self) -> bool:
        """Whether address and both keys are known, so that requests can be made for it."""
        return self.reachable and bool(self.ed25519) and bool(self.x25519)

    @property
    def subnet(self) -> str:
        """The first three octets of the address (03.8)."""
        return self.ip.rpartition(".")[0]

    @property
    def address(self) -> str:
        """The old address: base32z of the legacy key and `.snode` (05.2)."""
        return node_address(self.legacy)


def node_address(key: bytes) -> str:
    """The name of a key of 32 bytes in the old form, base32z and `.snode` (05.2)."""
    return base32z.encode(key) + SUFFIX


def swarm_hex(swarm_id: int) -> str:
    """A swarm id as storage servers write it: lower-case hex without leading zeros (05.1)."""
    return f"{swarm_id:x}"


def check_ipv4(text: str) -> str:
    """Give an IPv4 address that a node may have, or 0.0.0.0 for none.

    Raises NodeMalformed for other forms and for addresses that name no single host (0.x, multicast, reserved).
    """
    try:
        parsed = IPv4Address(text)
    except AddressValueError:
        raise NodeMalformed("the address of a node is not an IPv4 address", kind="protocol.node.address") from None
    if text != NO_ADDRESS and (parsed.packed[0] == 0 or parsed.is_multicast or parsed.is_reserved):
        raise NodeMalformed("the address of a node names no single host", kind="protocol.node.address")
    return text


def is_private_ipv4(text: str) -> bool:
    """Whether a checked address is of no use outside of one machine or site (loopback, private, link-local …)."""
    return not IPv4Address(text).is_global
