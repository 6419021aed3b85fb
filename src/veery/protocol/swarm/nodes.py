"""What is known of a service node (05.2), and the forms of its names."""

from __future__ import annotations

from dataclasses import dataclass

from veery.protocol.constants import NO_SWARM


@dataclass(frozen=True, slots=True)
class ServiceNode:
    """One service node as the node list tells it.

    Keys are 32 raw bytes; `ed25519` names the node in routing, `x25519` is what layers and the queue are encrypted to,
    `legacy` is the identity on the chain (05.2). A node without a proof has ip "0.0.0.0" and ports 0: it is a member,
    but cannot be contacted.
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
        return self.ip not in ("", "0.0.0.0") and self.https_port > 0

    @property
    def subnet(self) -> str:
        """The first three octets of the address (03.8)."""
        return self.ip.rpartition(".")[0]
