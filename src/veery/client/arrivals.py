"""What those who apply a fetched message have in hand: the batch that it came in, and the message itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from veery.client.core import Times
from veery.client.opening import Opened
from veery.client.views import Json
from veery.protocol.account import AccountId
from veery.store.inbox import FetchedItem
from veery.store.tables import Tables


@dataclass(frozen=True, slots=True)
class Shorten:
    """A copy in the own swarm that must expire with the message that was read (02.8.1). expires_ms: network time."""

    hash: str
    expires_ms: int


@dataclass(slots=True, eq=False)
class Batch:
    """One transaction of fetched messages.

    late: hashes of items that are older than what was fetched before. account: whose swarm they come from. live:
    transient events, and shorten: requests to the own swarm; both are carried out once the batch is durable. queued:
    something was put into the outbox.
    """

    tables: Tables
    own: AccountId
    times: Times
    late: frozenset[str] = frozenset()
    account: AccountId | None = None
    live: list[Json] = field(default_factory=list)
    shorten: list[Shorten] = field(default_factory=list)
    queued: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """One opened message of a batch. conversation: id of its conversation. own: another own device wrote it."""

    item: FetchedItem
    opened: Opened
    conversation: str = field(repr=False)
    own: bool

    @property
    def sender(self) -> AccountId:
        """The proved author."""
        return self.opened.sender

    @property
    def timestamp_ms(self) -> int:
        """T."""
        return self.opened.timestamp_ms
