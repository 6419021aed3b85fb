"""Asking the swarm of a contact for its account record, as `policy.key_fetch` says: one member, or several (06.10, R2).

Requests are onion requests and unsigned, so that no member learns who asks. A fetch of one contact is made once for all
who need it. What was established is kept before anybody acts on it.

A member that stays silent, or answers with something that is no answer, has said nothing about the record. A fetch that
established nothing is tried again, a few times; then what is remembered decides. While the own road is down nothing
counts as tried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from veery.client.core import Core
from veery.client.levels.learning import learn_fetched
from veery.errors import NetworkError, PeerRefused, ProtocolError, Retry, Unreachable
from veery.network.faults import NoAnswer
from veery.policy.contact_keys import SendStep
from veery.policy.key_fetch import Fetched, FetchEnd, KeyFetch
from veery.protocol.account import AccountId
from veery.protocol.constants import CONTACT_KEYS_TIMEOUT_S, PREFIX_USER
from veery.protocol.storage_rpc import Namespace, Retrieve, read_retrieve
from veery.store.contact_keys import ContactSecurity
from veery.store.tables import Tables

ATTEMPTS: Final = 3  # fetches that establish nothing, before what is remembered decides
LOOK_S: Final = 10.0  # so long a person waits for keys that are looked up
PREFETCHES_MAX: Final = 4  # contacts that are asked about in the background at the same time
_OK: Final = 200


class KeysUnknown(Unreachable):
    """No member of a contact's swarm told whether the contact publishes keys."""

    default_kind = "client.keys.unknown"
    default_retry = Retry.ELSEWHERE


@dataclass(slots=True)
class _Asking:
    """One fetch on its way. fault: of the own road, which says nothing about members."""

    account: AccountId
    fetch: KeyFetch
    fault: NetworkError | None = None


class KeyFetching:
    """Fetches the keys of contacts."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._locks: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()
        self._failures: dict[bytes, int] = {}
        self._wanted: dict[bytes, AccountId] = {}
        self._asked = asyncio.Event()
        self._slots = asyncio.Semaphore(PREFETCHES_MAX)

    def want(self, account: AccountId) -> None:
        """Have the keys of a contact fetched in the background, if they are older than a conversation should have."""
        if account.prefix == PREFIX_USER and account != self._core.own:
            self._wanted[account.raw] = account
            self._asked.set()

    async def look_again(self, account: AccountId) -> None:
        """Ask for the keys of a contact now, although an answer of the last hour would hold for sends (06.10).

        Nobody waits for it longer than `LOOK_S` seconds; when the network gives nothing, what is remembered stays.
        """
        with suppress(NetworkError, TimeoutError):
            async with asyncio.timeout(LOOK_S), self._lock(account):
                await self._fetch(account, await self._known(account))

    async def run(self) -> None:
        """Fetch what is wanted, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._asked.wait()
                for account in self._take():
                    group.create_task(self._prefetch(account))

    async def run_wanted(self) -> None:
        """Fetch what is wanted now."""
        await asyncio.gather(*(self._prefetch(account) for account in self._take()))

    async def for_sending(self, account: AccountId) -> None:
        """Do what a send needs to be done before it is decided how a message goes out.

        Raises NetworkError when that could not be established, and is to be tried again.
        """
        if not await self._must_fetch(account):
            return
        async with self._lock(account):
            if not await self._must_fetch(account):
                return  # somebody has fetched them meanwhile
            if (await self._fetch(account, await self._known(account))).end is FetchEnd.FAILED:
                self._failed(account)
            else:
                self._failures.pop(account.raw, None)

    async def _must_fetch(self, account: AccountId) -> bool:
        """Whether a send waits for a fetch. One that need not wait has it made in the background."""
        known = await self._known(account)
        plan = known.keys.cache.send(self._core.road.now_ms())
        if plan.step is SendStep.FETCH_THEN_DECIDE:
            return True
        if plan.fetch:
            self.want(account)
        return False

    def _take(self) -> Sequence[AccountId]:
        self._asked.clear()
        wanted, self._wanted = [*self._wanted.values()], {}
        return wanted

    async def _prefetch(self, account: AccountId) -> None:
        """Fetch keys that are not fresh. What cannot be had is left to the next time that it is needed."""
        async with self._slots, self._lock(account):
            known = await self._known(account)
            if known.keys.cache.prefetch(self._core.road.now_ms()).fetch:
                with suppress(NetworkError):
                    await self._fetch(account, known)

    def _failed(self, account: AccountId) -> None:
        failures = self._failures.get(account.raw, 0) + 1
        if failures < ATTEMPTS:
            self._failures[account.raw] = failures
            raise KeysUnknown("no member of the recipient's swarm tells whether they publish keys")
        self._failures.pop(account.raw, None)

    # -- one fetch ---------------------------------------------------------------------------------------------

    async def _fetch(self, account: AccountId, known: ContactSecurity) -> Fetched:
        core = self._core
        members = [member.ed25519 for member in await core.road.members(account.raw)]
        fetch = KeyFetch(account.raw, known.keys, members, core.random.randbelow)
        asking = _Asking(account, fetch)
        while asks := fetch.asks_to_send():
            await asyncio.gather(*(self._ask(asking, member) for member in asks))
        result = fetch.result or Fetched(FetchEnd.FAILED)
        if result.end is FetchEnd.FAILED and asking.fault is not None:
            raise asking.fault
        times = core.times()
        await core.write(lambda tables: learn_fetched(tables, account, result, times))
        core.outbox_changed.set()
        return result

    async def _ask(self, asking: _Asking, member: bytes) -> None:
        """Ask one member, and tell the fetch what it said."""
        try:
            async with asyncio.timeout(CONTACT_KEYS_TIMEOUT_S):
                raws = await self._retrieve(asking.account, member)
        except (NoAnswer, PeerRefused, ProtocolError, TimeoutError):
            asking.fetch.failed(member)
        except NetworkError as error:
            asking.fault = error
            asking.fetch.failed(member)
        else:
            asking.fetch.receive(member, raws, self._core.road.now_ms())

    async def _retrieve(self, account: AccountId, member: bytes) -> Sequence[bytes]:
        request = Retrieve(account.raw, int(Namespace.ACCOUNT_RECORD))
        (answer,) = await self._core.road.call(account.raw, [request], member=member)
        if answer.status != _OK:
            raise PeerRefused(f"a member refuses the request with code {answer.status}", code=answer.status)
        return [message.data for message in read_retrieve(answer.body).messages]

    async def _known(self, account: AccountId) -> ContactSecurity:
        def look(tables: Tables) -> ContactSecurity:
            return tables.contact_keys.get(account)

        return await self._core.read(look)

    def _lock(self, account: AccountId) -> asyncio.Lock:
        return self._locks.setdefault(account.raw, asyncio.Lock())
