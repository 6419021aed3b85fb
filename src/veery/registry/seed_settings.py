"""Settings of a seed, in the form that the settings loader reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from veery.errors import SettingsError
from veery.protocol.constants import (
    BLOCK_INTERVAL_MS,
    KEY_SIZE,
    NETWORK_NAME_MAX,
    PROOF_FORGET_MS,
    PROOF_LIFETIME_MS,
    PROOF_SLACK_MS,
)
from veery.registry.admission import AdmissionRules

_MS = 1_000


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """Bounds of a seed's listener. Times in seconds, sizes in bytes."""

    connections: Annotated[int, Meta(ge=1, description="Connections at one time.")] = 1_024
    connections_per_address: Annotated[int, Meta(ge=1, description="Connections from one address.")] = 256
    request_s: Annotated[float, Meta(gt=0, description="For a whole request to arrive.")] = 10.0
    idle_s: Annotated[float, Meta(gt=0, description="Between two requests of a connection.")] = 30.0
    rate: Annotated[float, Meta(gt=0, description="Requests a second from one address.")] = 50.0
    burst: Annotated[int, Meta(ge=1, description="Requests from one address at once.")] = 200


@dataclass(frozen=True, slots=True)
class SeedSettings:
    """What a seed is told. Times in seconds."""

    network: Annotated[str, Meta(min_length=1, max_length=NETWORK_NAME_MAX, description="Name of the network.")]
    host: Annotated[str, Meta(description="Address to listen on; loopback unless told otherwise.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="Port; 0 takes a free one.")] = 8_017
    open: Annotated[bool, Meta(description="Let every node join: for laboratories alone.")] = False
    allow: Annotated[tuple[str, ...], Meta(description="Ed25519 keys of nodes that may join, 64 hex digits each.")] = ()
    private_addresses: Annotated[bool, Meta(description="Take nodes with loopback and private addresses.")] = False
    nodes_max: Annotated[int, Meta(ge=1, le=65_536, description="Nodes in the list.")] = 4_096
    block_interval_s: Annotated[
        float, Meta(ge=0.001, description="The height grows by one so often; fixed at the beginning of a network.")
    ] = BLOCK_INTERVAL_MS / _MS
    proof_slack_s: Annotated[float, Meta(gt=0, le=60, description="Between the clocks of node and seed.")] = (
        PROOF_SLACK_MS / _MS
    )
    proof_lifetime_s: Annotated[
        float,
        Meta(
            ge=0.1,
            le=600,
            description="A node that is silent for longer is "
            "decommissioned; nodes prove themselves four times as often.",
        ),
    ] = PROOF_LIFETIME_MS / _MS
    forget_s: Annotated[float, Meta(ge=0.1, description="A node that is silent for longer leaves the list.")] = (
        PROOF_FORGET_MS / _MS
    )
    batch_s: Annotated[float, Meta(ge=0, le=60, description="Changes within this time make one entry.")] = 2.0
    leader: Annotated[
        str | None, Meta(description="URL of the seed to follow; unset: this one writes the history.")
    ] = None
    leader_certificate_sha256: Annotated[str | None, Meta(description="Pin of its certificate, 64 hex digits.")] = None
    leader_key: Annotated[str | None, Meta(description="Its Ed25519 key, 64 hex digits.")] = None
    follow_s: Annotated[float, Meta(gt=0, description="Ask the leader so often.")] = 5.0
    listener: Annotated[ListenerSettings, Meta(description="Bounds of the listener.")] = ListenerSettings()

    def rules(self) -> AdmissionRules:
        """The rules of admission. Raises SettingsError for keys that are not 64 hex digits, or times out of order."""
        if self.forget_s < self.proof_lifetime_s:
            raise SettingsError("`forget_s` is below `proof_lifetime_s`", remedy="Raise it, or lower the other")
        return AdmissionRules(
            network=self.network,
            allow=None if self.open else frozenset(key_of(text, "allow") for text in self.allow),
            private_addresses=self.private_addresses,
            nodes_max=self.nodes_max,
            slack_ms=round(self.proof_slack_s * _MS),
            every_ms=max(1, round(self.proof_lifetime_s * _MS) // 4),
            lifetime_ms=round(self.proof_lifetime_s * _MS),
            forget_ms=round(self.forget_s * _MS),
            batch_ms=round(self.batch_s * _MS),
        )


def key_of(text: str, name: str) -> bytes:
    """A key or hash of 32 bytes from 64 hex digits. Raises SettingsError that names the setting."""
    if len(text) == 2 * KEY_SIZE and text.isascii() and text.isalnum():
        try:
            return bytes.fromhex(text)
        except ValueError:
            pass
    raise SettingsError(f"`{name}` must be 64 hex digits", remedy="Copy it whole from the node or seed that it names")
