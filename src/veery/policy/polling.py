"""Polling one account: what to ask, what of an answer is new, and how far each member was read (04.6.2, 04.9, 02.5.1).

Every member keeps messages in an order of its own, so there is one cursor for each (member, namespace). A cursor is the
last hash of an answer; a member that does not know it any more begins anew, and what was seen is dropped by its hash.
`read_answer` decides about one answer and keeps nothing; `Poller` puts it together with the schedule.

The caller keeps messages, marks their hashes as seen and moves the cursors in one transaction, before the next answer:
then a kill loses nothing and doubles nothing. What no cursor can tell is a member whose order changed behind it (its
database was rebuilt while it still knows the hash); the other members make up for that, and forgetting a cursor now and
then does too.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from veery.policy.chance import RandBelow
from veery.policy.late import LATE_AFTER_MS, Horizon
from veery.policy.poll_schedule import PollRules, PollSchedule


@dataclass(frozen=True, slots=True)
class PolledItem:
    """One message of an answer: its hash and the time of its storing (ms)."""

    hash: str
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Page:
    """The answer of a member for one namespace, in the member's order; `more` when it left some out."""

    items: Sequence[PolledItem]
    more: bool = False


@dataclass(frozen=True, slots=True)
class Fetched:
    """A message that was not seen before. late: newer ones were fetched before it."""

    namespace: int
    item: PolledItem
    late: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What one page means. cursor: the new one, None to leave it; again: the member has more and gets on."""

    fetched: tuple[Fetched, ...]
    cursor: str | None
    again: bool
    horizon: Horizon


def read_answer(
    namespace: int,
    page: Page,
    cursor: str | None,
    seen: Container[str],
    horizon: Horizon,
    network_ms: int,
    late_after_ms: int = LATE_AFTER_MS,
) -> Reading:
    """Decide about the page of one namespace that was asked for after `cursor`. seen: hashes handled before.

    A member that says `more` without getting on is not asked again at once: it could go on for ever.
    """
    fetched: list[Fetched] = []
    new: set[str] = set()
    for item in page.items:
        if item.hash not in seen and item.hash not in new:
            new.add(item.hash)
            fetched.append(Fetched(namespace, item, horizon.is_late(item.timestamp_ms, late_after_ms)))
    for each in fetched:
        horizon = horizon.with_message(each.item.timestamp_ms, network_ms)
    last = page.items[-1].hash if page.items else None
    moved = last is not None and last != cursor
    return Reading(tuple(fetched), last if moved else None, page.more and moved, horizon)


@dataclass(frozen=True, slots=True)
class Ask:
    """One retrieve of a poll. max_size: as in 04.6.2, a negative fraction when there are several namespaces."""

    namespace: int
    last_hash: str | None
    max_size: int


@dataclass(frozen=True, slots=True)
class Poll:
    """All namespaces in one batch to one member (Ed25519 key)."""

    member: bytes
    asks: tuple[Ask, ...]


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a member was read in a namespace."""

    member: bytes
    namespace: int
    last_hash: str


@dataclass(frozen=True, slots=True)
class Polled:
    """What a poll gave: new messages, and cursors to keep together with them."""

    fetched: tuple[Fetched, ...]
    cursors: tuple[Cursor, ...]


class Poller:
    """The polling of one account. sizes: `max_size` by namespace, in the order in which answers are to be handled."""

    def __init__(
        self,
        sizes: Mapping[int, int],
        randbelow: RandBelow,
        rules: PollRules | None = None,
        cursors: Iterable[Cursor] = (),
    ) -> None:
        self.schedule = PollSchedule(randbelow, rules)
        self._sizes = dict(sizes)
        self._cursors = {(each.member, each.namespace): each.last_hash for each in cursors}
        self._horizons = {namespace: Horizon() for namespace in sizes}

    def poll_to_send(self, now_ms: int) -> Poll | None:
        """The poll that is due now; `receive` or `failed` must follow."""
        member = self.schedule.begin(now_ms)
        if member is None:
            return None
        asks = (Ask(each, self._cursors.get((member, each)), size) for each, size in self._sizes.items())
        return Poll(member, tuple(asks))

    def receive(
        self, poll: Poll, pages: Mapping[int, Page], seen: Container[str], now_ms: int, network_ms: int
    ) -> Polled:
        """Take the pages of those namespaces that were answered with 200; no page at all is a failure."""
        if not pages:
            self.failed(poll, now_ms)
            return Polled((), ())
        fetched: list[Fetched] = []
        moved: list[Cursor] = []
        again = False
        for ask in poll.asks:
            page = pages.get(ask.namespace)
            if page is None:
                continue
            known = self._horizons[ask.namespace]
            reading = read_answer(ask.namespace, page, ask.last_hash, seen, known, network_ms)
            fetched += reading.fetched
            again = again or reading.again
            self._horizons[ask.namespace] = reading.horizon
            if reading.cursor is not None:
                moved.append(Cursor(poll.member, ask.namespace, reading.cursor))
        self._cursors.update({(each.member, each.namespace): each.last_hash for each in moved})
        if self.schedule.answered(poll.member, now_ms, more=again):
            self._horizons = {namespace: horizon.settled() for namespace, horizon in self._horizons.items()}
        return Polled(tuple(fetched), tuple(moved))

    def failed(self, poll: Poll, now_ms: int) -> None:
        """The member did not answer, or not usably."""
        self.schedule.failed(poll.member, now_ms)
