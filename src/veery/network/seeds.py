"""First contact: node lists from the seeds of the network, through the proxy if there is one (03.7.1).

Seeds are contacted directly, so they learn that somebody at this address uses the network. They are asked only when
there are no nodes to ask: at the very first start, or when asking nodes has failed again and again.
"""

from __future__ import annotations

from typing import Protocol

import aiohttp

from veery.network.proxy import Proxy, make_connector, open_session
from veery.registry.network_file import NetworkFile
from veery.registry.seed_client import SeedClient
from veery.registry.snapshot import Snapshot


class NodeSource(Protocol):
    """Where a node list comes from that can be trusted without asking nodes."""

    async def fetch(self) -> Snapshot:
        """The list as it is now. Raises RegistryError, ProxyFailed."""
        ...

    async def close(self) -> None:
        """Close connections. May be called twice."""
        ...


class Seeds:
    """The seeds of a network file."""

    def __init__(self, network: NetworkFile, proxy: Proxy | None = None) -> None:
        self._network = network
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None
        self._client: SeedClient | None = None

    async def fetch(self) -> Snapshot:
        """See `NodeSource.fetch`."""
        if self._client is None:
            self._session = open_session(make_connector(self._proxy))
            self._client = SeedClient(self._network, session=self._session)
        return await self._client.fetch()

    @property
    def disputed(self) -> int:
        """How many of the seeds could not be asked, or said something else than the list that was taken."""
        return 0 if self._client is None else len(self._client.disputes)

    async def close(self) -> None:
        """See `NodeSource.close`."""
        session, self._session, self._client = self._session, None, None
        if session is not None:
            await session.close()
