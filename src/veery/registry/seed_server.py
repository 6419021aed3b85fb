"""A seed as a service: its listener, and the task that writes or follows the history.

```python
async with SeedServer(SeedSettings("lab", port=0, open=True, private_addresses=True), directory) as seed:
    print(seed.url)
```
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

import aiohttp

from veery.errors import RegistryError, RuntimeFault
from veery.protocol.constants import SEED_REQUEST_MAX
from veery.registry.entries import Entry
from veery.registry.following import catch_up
from veery.registry.listener import JsonListener
from veery.registry.network_file import SeedEntry
from veery.registry.seed import Seed
from veery.registry.seed_call import RPC_PATH, SeedCaller
from veery.registry.seed_rpc import SeedRpc
from veery.registry.seed_settings import SeedSettings, key_of
from veery.registry.snapshot import Snapshot

log = logging.getLogger(__name__)

_MS: Final = 1_000
_RETRY_S: Final = 5.0  # after an entry could not be written


def wall_clock_ms() -> int:
    """Unix time of this machine, ms."""
    return time.time_ns() // 1_000_000


class SeedServer:
    """A running seed. `async with`, or `start` and `close`."""

    def __init__(
        self,
        settings: SeedSettings,
        directory: Path,
        *,
        tls: ssl.SSLContext | None = None,
        now_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        """Nothing is opened yet. tls: the listener's context; without it the seed speaks plain HTTP."""
        self.settings = settings
        self._directory = directory
        self._tls = tls
        self._now_ms = now_ms
        self._seed: Seed | None = None
        self._listener: JsonListener | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._changed = asyncio.Event()
        self._port = 0

    async def start(self) -> None:
        """Load the state, bind and begin. Raises what `Seed` raises, and AddressTaken; then nothing is left open."""
        self._seed = seed = Seed(self.settings, self._directory, now_ms=self._now_ms)
        rpc = SeedRpc(seed, self._proof_taken)
        self._listener = JsonListener(
            rpc.answer, path=f"/{RPC_PATH}", body_max=SEED_REQUEST_MAX, settings=self.settings.listener
        )
        try:
            self._port = await self._listener.start(self.settings.host, self.settings.port, self._tls)
        except BaseException:
            seed.close()
            self._seed = None
            raise
        self._task = asyncio.create_task(self._write() if seed.writes else self._follow(), name="seed")
        log.info("Seed of the network %s listens on %s:%d", self.settings.network, self.settings.host, self._port)

    async def close(self) -> None:
        """Stop listening and let go of everything. Does nothing the second time."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if self._listener is not None:
            await self._listener.close()
        if self._seed is not None:
            self._seed.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    # -- what is known ---------------------------------------------------------------------------------------------

    @property
    def seed(self) -> Seed:
        """The state behind it, once started."""
        assert self._seed is not None, "the seed is not started"
        return self._seed

    @property
    def port(self) -> int:
        """The bound port."""
        return self._port

    @property
    def url(self) -> str:
        """Where it can be reached on this machine or, if it listens on one address, from elsewhere."""
        host = "127.0.0.1" if self.settings.host in ("0.0.0.0", "") else self.settings.host
        return f"{'https' if self._tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self._port}"

    @property
    def entry(self) -> SeedEntry:
        """The seed as a network file names it, with its key; a certificate is for the caller to pin."""
        return SeedEntry(self.url, key=self.seed.key)

    def snapshot(self) -> Snapshot:
        """The list of nodes now. Raises NoHistoryYet at a follower that has none."""
        return self.seed.snapshot()

    async def until(self, holds: Callable[[Snapshot], bool]) -> Snapshot:
        """Wait until something holds of the list of nodes, looked at whenever it changes; gives that list."""
        while True:
            if self.seed.head_hash is not None and holds(found := self.snapshot()):
                return found
            await self._changed.wait()

    def tick(self) -> Entry | None:
        """Write what has happened, if it is time; the background task does the same. Raises DiskFull and the like."""
        entry = self.seed.handle_timer()
        if entry is not None:
            log.info("Entry at height %d: %d events", entry.height, len(entry.events))
            self._tell()
        return entry

    async def catch_up(self) -> int:
        """As a follower: fetch what the leader has beyond ours, now. Raises as `following.catch_up` does."""
        async with aiohttp.ClientSession() as session:
            return await self._catch_up(self._leader(session))

    # -- the background --------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        while True:
            pause = 0.0
            try:
                self.tick()
            except (RegistryError, RuntimeFault) as error:
                log.error("The history cannot be written: %s", error)
                pause = _RETRY_S
            # Now and then in any case: a proof can bring nearer the moment when the silent ones are dropped.
            left = self.seed.rules.every_ms / _MS
            due = self.seed.get_timer()
            if due is not None:
                left = min(left, max((due - self._now_ms()) / _MS, 0.0))
            await self._wait(max(left, pause))

    def _proof_taken(self) -> None:
        if self.seed.waiting:
            self._wake.set()

    async def _wait(self, seconds: float) -> None:
        """Wait for a time, or for a proof that makes an entry due."""
        self._wake.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _follow(self) -> None:
        async with aiohttp.ClientSession() as session:
            leader = self._leader(session)
            while True:
                try:
                    await self._catch_up(leader)
                except (RegistryError, RuntimeFault) as error:
                    log.warning("The leader cannot be followed: %s", error)
                await asyncio.sleep(self.settings.follow_s)

    async def _catch_up(self, leader: SeedCaller) -> int:
        count = await catch_up(self.seed, leader)
        if count:
            self._tell()
        return count

    def _tell(self) -> None:
        """Wake everybody who waits for a change."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _leader(self, session: aiohttp.ClientSession) -> SeedCaller:
        settings = self.settings
        assert settings.leader is not None, "the writer follows nobody"
        pin, key = settings.leader_certificate_sha256, settings.leader_key
        entry = SeedEntry(
            settings.leader,
            None if pin is None else key_of(pin, "leader_certificate_sha256"),
            None if key is None else key_of(key, "leader_key"),
        )
        return SeedCaller(entry, session)
