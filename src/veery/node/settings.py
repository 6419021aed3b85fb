"""Settings of a service node, in the form that the settings loader reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta

from veery.node.door_limits import DoorLimits
from veery.protocol.constants import DATABASE_MAX, RATE_ADDRESSES_MAX, RATE_CLIENT_BURST, RATE_CLIENT_PER_S

_MIB = 1024 * 1024
WORKERS_MAX = 64


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """Where the node listens, and what it tells others."""

    host: Annotated[str, Meta(description="Address to listen on; 0.0.0.0 to serve others.")] = "127.0.0.1"
    https_port: Annotated[int, Meta(ge=0, le=65_535, description="HTTPS port; 0 takes a free one.")] = 22_021
    queue_port: Annotated[int, Meta(ge=0, le=65_535, description="Queue port; 0 takes a free one.")] = 22_020
    public_ip: Annotated[
        str | None, Meta(description="IPv4 address that others reach this node at; unset: `host`.")
    ] = None
    metrics_port: Annotated[
        Annotated[int, Meta(ge=0, le=65_535)] | None,
        Meta(description="Loopback port of /healthz and /metrics; 0 takes a free one."),
    ] = None


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Bounds of what strangers can make the node do. Times in seconds."""

    rate: Annotated[float, Meta(gt=0, description="Direct storage requests a second from one address.")] = (
        RATE_CLIENT_PER_S
    )
    burst: Annotated[int, Meta(ge=1, description="Direct storage requests from one address at once.")] = (
        RATE_CLIENT_BURST
    )
    addresses: Annotated[int, Meta(ge=1, description="Addresses that are counted; more are refused.")] = (
        RATE_ADDRESSES_MAX
    )
    connections: Annotated[int, Meta(ge=1, description="HTTPS connections at one time.")] = 4_096
    connections_per_address: Annotated[int, Meta(ge=1, description="HTTPS connections from one address.")] = 512
    bodies_mib: Annotated[int, Meta(ge=16, description="Memory that all request bodies in flight take.")] = 256
    head_s: Annotated[float, Meta(gt=0, description="For the head of a request to arrive.")] = 15.0
    body_s: Annotated[float, Meta(gt=0, description="For the body of a request to arrive.")] = 60.0
    idle_s: Annotated[float, Meta(gt=0, description="Between two requests of a connection.")] = 75.0
    subscriptions: Annotated[int, Meta(ge=0, description="Subscriptions in all.")] = 200_000
    subscriptions_each: Annotated[int, Meta(ge=0, description="Subscriptions of one caller.")] = 100_000
    repairs: Annotated[int, Meta(ge=0, description="Requests that members missed and that are kept.")] = 100_000

    def door(self) -> DoorLimits:
        """The bounds of the HTTPS door."""
        return DoorLimits(
            connections=self.connections,
            connections_per_address=self.connections_per_address,
            bodies_max=self.bodies_mib * _MIB,
            head_s=self.head_s,
            body_s=self.body_s,
            idle_s=self.idle_s,
        )


def automatic_workers(cores: int) -> int:
    """How many worker processes pay on so many cores.

    A node in one process keeps two cores busy by itself (its loop, and the threads of database and queue); there,
    handing each store to another process costs more than it gains (docs/benchmarks.md). From three cores on, one stays
    for the core process.
    """
    return 0 if cores <= 2 else min(cores - 1, WORKERS_MAX)


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What a node is told. Times in seconds."""

    network: Annotated[str, Meta(min_length=1, description="Network file, or the URL of a seed.")]
    listen: Annotated[ListenSettings, Meta(description="Where the node listens.")] = field(
        default_factory=ListenSettings
    )
    limits: Annotated[LimitSettings, Meta(description="Bounds.")] = field(default_factory=LimitSettings)
    workers: Annotated[
        Annotated[int, Meta(ge=0, le=WORKERS_MAX)] | None,
        Meta(description="Processes that serve HTTPS; 0: all in one; unset: 0 on up to two cores, else all but one."),
    ] = None
    database_mib: Annotated[int, Meta(ge=1, description="Bound of the message database.")] = DATABASE_MAX // _MIB
    private_servers: Annotated[
        bool, Meta(description="Relay onion requests to servers with private and loopback addresses (laboratories).")
    ] = False
    cors: Annotated[tuple[str, ...], Meta(description='Web origins that may read answers; ["*"] for all.')] = ()
    refresh_s: Annotated[float, Meta(gt=0, description="Ask the seeds for the node list so often.")] = 10.0
    tests: Annotated[bool, Meta(description="Test whether other nodes can be reached (05.8).")] = True
