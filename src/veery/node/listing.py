"""Keeping up with the network: proofs of this node go to the seeds, the node list comes from them (05.7, 05.12).

The list is fetched when the node starts, after each accepted proof that changed something, and every `refresh_s`. What
follows from a new list is told to `on_list`, old list and new; the last known addresses are kept for nodes that a list
names without one (05.7).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from veery.errors import RegistryError
from veery.node.keys import NodeKeys
from veery.node.view import NodeView
from veery.protocol.constants import PROOF_SLACK_MS, SECOND_MS
from veery.protocol.swarm.nodes import ServiceNode
from veery.registry.proofs import Proof, ProofRefused, ProofStale, sign_proof
from veery.registry.seed_client import SeedClient
from veery.registry.snapshot import Snapshot
from veery.runtime.clock import Clock, sleep

log = logging.getLogger(__name__)

_BELIEVED_S: Final = 600.0  # the clock of a node whose seeds take no proofs is believed from then on
_SOON_S: Final = 0.5  # until the next proof while the seed has not listed this node yet

Changed = Callable[[Snapshot | None, Snapshot], None]


class Listing:
    """Fetches lists and sends proofs. address: IPv4, HTTPS port and queue port that the proof tells."""

    def __init__(
        self,
        view: NodeView,
        seeds: SeedClient,
        clock: Clock,
        address: tuple[str, int, int],
        on_list: Changed,
        *,
        refresh_s: float,
    ) -> None:
        self._view = view
        self._seeds = seeds
        self._clock = clock
        self._address = address
        self._on_list = on_list
        self._refresh_s = refresh_s
        self._refreshing = asyncio.Lock()
        self._began = clock.monotonic()
        self._agreed_ms: int | None = None  # wall time less monotonic time when a seed last took our time
        self._refused_time = False
        self.last_error: RegistryError | None = None

    @property
    def clock_doubted(self) -> bool:
        """Whether this machine's clock may be wrong: the seeds say so, it has jumped since, or they were not asked yet.

        Nothing may be deleted by such a clock. Where seeds take no proofs, the clock is believed after a while.
        """
        if self._refused_time:
            return True
        if self._agreed_ms is None:
            return self._clock.monotonic() - self._began < _BELIEVED_S
        return abs(self._offset_ms() - self._agreed_ms) > PROOF_SLACK_MS

    def _offset_ms(self) -> int:
        return self._clock.now_ms() - int(self._clock.monotonic() * SECOND_MS)

    async def refresh(self) -> None:
        """Fetch the list now. Raises RegistryError; then the old list stays."""
        async with self._refreshing:  # one after the other, or an answer that was late would replace a newer one
            self._take(await self._seeds.fetch())

    def _take(self, fetched: Snapshot) -> None:
        old = self._view.snapshot
        if old is not None and fetched.height < old.height:
            log.info("The seeds gave a list that is older than the one before")
            return
        new = _with_known_addresses(old, fetched)
        self._view.snapshot = new
        self._view.synced = True
        self.last_error = None
        if old is None or old.block_hash != new.block_hash or old.nodes != new.nodes:
            self._on_list(old, new)

    async def keep_listed(self) -> None:
        """Prove for ever, as often as the seed wants it, that this node is up."""
        while True:
            every_s = self._refresh_s
            try:
                if self._view.snapshot is None:
                    await self.refresh()  # it tells the name of the network, which the proof must hold
                receipt = await self._seeds.submit_proof(self._proof())
                self._agreed_ms, self._refused_time = self._offset_ms(), False
                every_s = receipt.every_ms / 1000
                if receipt.active and not self._listed():
                    await self.refresh()
                elif not receipt.active:
                    every_s = min(every_s, _SOON_S)
            except RegistryError as error:
                self._refused_time = _about_time(error) or self._refused_time
                self._failed("The seeds did not take the proof of this node", error)
                every_s = min(every_s, 5.0)
            await sleep(self._clock, every_s)

    async def keep_up(self) -> None:
        """Fetch the list for ever, every `refresh_s`."""
        while True:
            try:
                await self.refresh()
            except RegistryError as error:
                self._failed("The node list could not be fetched", error)
            await sleep(self._clock, self._refresh_s)

    def _listed(self) -> bool:
        own = self._view.own
        ip, https_port, queue_port = self._address
        return (
            own is not None and own.active and (own.ip, own.https_port, own.queue_port) == (ip, https_port, queue_port)
        )

    def _proof(self) -> Proof:
        keys: NodeKeys = self._view.keys
        ip, https_port, queue_port = self._address
        return sign_proof(
            keys.ed25519_secret,
            network=self._view.network,
            time_ms=self._view.now_ms(),
            ip=ip,
            https_port=https_port,
            queue_port=queue_port,
            version=self._view.version,
        )

    def _failed(self, what: str, error: RegistryError) -> None:
        if self.last_error is None or self.last_error.kind != error.kind:
            log.warning("%s: %s", what, error)
        self.last_error = error


def _about_time(error: RegistryError) -> bool:
    return isinstance(error, ProofRefused) and error.kind == ProofStale.default_kind


def _with_known_addresses(old: Snapshot | None, new: Snapshot) -> Snapshot:
    if old is None or all(node.contactable for node in new.nodes):
        return new
    return replace(new, nodes=tuple(_known(old, node) for node in new.nodes))


def _known(old: Snapshot, node: ServiceNode) -> ServiceNode:
    before = None if node.contactable else old.by_legacy(node.legacy)
    if before is None or not before.contactable:
        return node
    return replace(
        node,
        ip=before.ip,
        https_port=before.https_port,
        queue_port=before.queue_port,
        ed25519=before.ed25519,
        x25519=before.x25519,
    )
