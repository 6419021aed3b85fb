"""`Client`: one account on one device. A façade: every part of the work has a service of its own.

    async with Client.open(profile) as client:
        message = await client.sending.send_text(account_id, "hello")
        await client.sending.wait_stored(message)
        async for event in client.events(after=cursor):
            …

Entering begins the work in the background (`start`): the outbox is brought to the swarms, the own swarm is polled.
`await Client.open(profile)` opens alone: nothing goes on before `start`, and `close` is to be called. Whatever is
called, sent or received is on the disk before it is told, so `close` loses nothing, and neither does a kill.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import Any, Self, TypeVar

from veery.client.attachments import AttachmentsService
from veery.client.backup import Backup
from veery.client.config.account import AccountDocuments
from veery.client.config.sync import Sync
from veery.client.conversations import Conversations
from veery.client.core import Core
from veery.client.deleting import Deleting
from veery.client.devices.keeper import DeviceKeeper
from veery.client.devices.service import DevicesService
from veery.client.doctor import Doctor
from veery.client.events import Events
from veery.client.expiring import Expiring
from veery.client.fetching import Fetching
from veery.client.groups.service import Groups
from veery.client.groups.synced import adopt
from veery.client.housekeeping import Housekeeping
from veery.client.hub import Hub
from veery.client.levels.key_fetching import KeyFetching
from veery.client.levels.service import Levels
from veery.client.locking import Locking
from veery.client.mailbox import own_mailbox
from veery.client.naming import Naming
from veery.client.notices import Notices
from veery.client.outbox import OutboxService
from veery.client.outbox_pump import OutboxPump
from veery.client.pictures import Pictures
from veery.client.previews import Previews
from veery.client.profile import Profile
from veery.client.profile_service import ProfileService
from veery.client.reacting import Reacting
from veery.client.receiving import Receiving
from veery.client.requests import Requests
from veery.client.rereading import Rereading
from veery.client.road_memory import StoreMemory
from veery.client.sealing import Sealing
from veery.client.searching import Searching
from veery.client.sending import Sending
from veery.client.settings import SettingsService
from veery.client.storage import StorageService
from veery.client.timers import Timers
from veery.client.transfer.service import Transfer
from veery.client.typing_indicators import TypingIndicators
from veery.network.client_road import OnionRoad
from veery.network.proxy import Proxy
from veery.network.road import Road
from veery.protocol.account import Account, AccountId
from veery.protocol.given import WrongType
from veery.registry.network_file import NetworkFile
from veery.runtime.clock import Clock, SystemClock
from veery.runtime.lifecycle import Background, Periodic
from veery.runtime.randomness import Randomness
from veery.store.database import Store
from veery.store.tables import Tables

T = TypeVar("T")
RENEW_S = 3_600.0  # how often it is looked whether the own picture is to be renewed


class Client:
    """One account on one device. Make one with `open`."""

    def __init__(self, core: Core, *, owns_road: bool, proxy: Proxy | None = None) -> None:
        self._core = core
        self._owns_road = owns_road
        self._background = Background(core.clock)
        self._started = False
        self._expiring = expiring = Expiring(core)
        self._keys = KeyFetching(core)
        self.levels = Levels(core, self._keys)
        self.pump = OutboxPump(core, Sealing(core, self._keys))
        self.typing = TypingIndicators(core)
        self.attachments = AttachmentsService(core, proxy)
        self.pictures = Pictures(core, self.attachments.files, self.attachments.servers)
        self.sending = Sending(core, self.typing.message_sent, Previews(core, proxy), self.attachments, self._keys)
        self.documents = AccountDocuments(core)
        self.sync = Sync(
            core, self.documents, lambda group: self.groups.documents(group), lambda: self.receiving.fetch()
        )
        mailbox = own_mailbox(core.account, self.documents.documents.handlers(), core.opening_keys)
        self._device = DeviceKeeper(core)
        self.receiving = Receiving(core, Fetching(core, expiring, mailbox), self._road_opened, self._settled)
        self.rereading = Rereading(core, expiring)
        self.groups = Groups(core, expiring, self.rereading, self._keys, self.pictures.files)
        self.documents.on_groups.append(adopt)
        self.devices = DevicesService(core, self._device, self.receiving, self.rereading, mailbox)
        self.conversations = Conversations(core, expiring)
        self.reacting = Reacting(core)
        self.deleting = Deleting(core)
        self.timers = Timers(core)
        self.notices = Notices(core)
        self.requests = Requests(core)
        self.settings = SettingsService(core)
        self.profile = ProfileService(core)
        self.events = Events(core)
        self.outbox = OutboxService(core, self._keys)
        self.doctor = Doctor(core)
        self.search = Searching(core)
        self.storage = StorageService(core)
        self.locking = Locking(core)
        self.naming = Naming(core)
        self.backup = Backup(core)
        self.transfer = Transfer(core, self.backup)
        self.housekeeping = Housekeeping(
            core, expiring, self.rereading, mailbox, self.storage, self.conversations.clearing
        )

    @classmethod
    def open(
        cls,
        profile: Profile,
        *,
        road: Road | None = None,
        proxy: Proxy | None = None,
        clock: Clock | None = None,
        random: Randomness | None = None,
    ) -> Opening:
        """Open a profile: `async with Client.open(profile) as client`, or `await Client.open(profile)`.

        road: in place of onion requests to the network of the profile, and closed by the caller.
        Raises WrongKey, StoreBusy (another process has the profile open) and other StoreErrors, NetworkFileWrong.
        """
        if not isinstance(profile, Profile):
            raise WrongType("a profile must be a Profile, as `Profile.named` gives it")
        return Opening(lambda: _opened(profile, road, proxy, clock or SystemClock(), random or Randomness()))

    @property
    def account(self) -> AccountId:
        """The own Account ID."""
        return self._core.own

    @property
    def road(self) -> Road:
        """The way to the network."""
        return self._core.road

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._core.hub.closed

    async def read(self, work: Callable[[Tables], T]) -> T:
        """Run `work(tables)` on one state of the store, for views that no service gives. Raises StoreError."""
        return await self._core.read(work)

    def start(self) -> None:
        """Begin to send, poll and tidy up in the background. A second call does nothing."""
        if self._started:
            return
        self._started = True
        self._background.start("outbox", self.pump.run)
        self._background.start(
            "own picture", Periodic(self._core.clock, RENEW_S, self.pictures.renew, first_s=30.0).run
        )
        pictures = Periodic(self._core.clock, RENEW_S, self.groups.pictures.renew, first_s=60.0)
        self._background.start("pictures of groups", pictures.run)
        self._background.start("uploads", self.attachments.uploads.run)
        self._background.start("downloads", self.attachments.downloads.run)
        self._background.start("polling", self.receiving.run)
        self._background.start("groups", self.groups.run)
        self._background.start("devices", self.devices.run)
        self._background.start("keys of contacts", self._keys.run)
        self._background.start("sync", self.sync.run)
        self._background.start("housekeeping", self.housekeeping.run)
        self._background.start("locking", self.locking.run)
        self._background.start("typing", self.typing.run)

    async def _road_opened(self) -> None:
        """There is a way to the network again."""
        await self.pump.road_opened()
        self.sync.road_opened()
        await self._expiring.shorten_pending()

    async def _settled(self) -> None:
        """All was read that a member of the own swarm holds."""
        await self._device.polled()
        await self.sync.polled()

    async def close(self) -> None:
        """End the background work, the streams of events, the road if it is the own one, and close the store.

        What is under way is cut off and goes on the next time. May be called twice.
        """
        self._core.hub.close()
        try:
            await self._background.close()
            if self._owns_road:
                await self._core.road.close()
        finally:
            await self._core.store.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


class Opening:
    """A client on its way: wait for it to open alone, enter it to have it work as well."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, Client]]) -> None:
        self._make = make
        self._client: Client | None = None

    def __await__(self) -> Generator[Any, Any, Client]:
        return self._make().__await__()

    async def __aenter__(self) -> Client:
        self._client = await self._make()
        self._client.start()
        return self._client

    async def __aexit__(self, *exc: object) -> None:
        if self._client is not None:
            await self._client.close()


async def _opened(profile: Profile, road: Road | None, proxy: Proxy | None, clock: Clock, random: Randomness) -> Client:
    store = await profile.open_store()
    try:
        row = await store.read(lambda tables: tables.accounts.get())
        used = road or await _onion_road(store, row.network, proxy, clock, random)
        core = Core(store, Account.from_seed(row.seed.reveal()), used, clock, random, Hub())
        client = Client(core, owns_road=road is None, proxy=proxy)
        await client.storage.begin()
        await client.devices.begin()
        await client.transfer.begin()
        return client
    except BaseException:
        await store.close()
        raise


async def _onion_road(store: Store, network: str, proxy: Proxy | None, clock: Clock, random: Randomness) -> OnionRoad:
    file = NetworkFile.parse(network)
    return await OnionRoad.open(file, StoreMemory(store, clock), proxy=proxy, clock=clock, random=random)
