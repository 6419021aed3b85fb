"""One fetch of a contact's account record: whom to ask, and what their answers amount to (06.10, 06.18.4 R2, 14.1).

One node's word is enough for a contact that was never seen to publish, and for any record that is acceptable. A
remembered contact's record is not given up that easily: after an answer that is empty, invalid or out of date, others
are asked, each over a path of its own, until three have said so, or all if there are fewer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from veery.policy.chance import RandBelow, sample
from veery.policy.downgrade import ContactKeys, RecordVerdict
from veery.protocol.constants import ABSENCE_ANSWERS
from veery.protocol.devices import account_record
from veery.protocol.devices.account_record import AccountRecord
from veery.protocol.devices.faults import DeviceMalformed, DeviceRefused


class FetchEnd(Enum):
    """How a fetch ended."""

    FOUND = "found"  # a record that is acceptable
    ABSENT = "absent"  # there is none now
    FAILED = "failed"  # not established: nothing changes, try again later


@dataclass(frozen=True, slots=True)
class Fetched:
    """The outcome. refused: valid records that were not acceptable; a TIMELESS one is to be reported to the user."""

    end: FetchEnd
    record: AccountRecord | None = None
    refused: frozenset[RecordVerdict] = frozenset()

    def applied(self, contact: ContactKeys, now_ms: int) -> ContactKeys:
        """The contact after this fetch. A record that came meanwhile by another way is not set back."""
        if self.record is not None:
            accepted = contact.judge(self.record, now_ms) is RecordVerdict.ACCEPTED
            return contact.accepted(self.record, now_ms) if accepted else contact
        return contact.absent(now_ms) if self.end is FetchEnd.ABSENT else contact


@dataclass(slots=True)
class _Answers:
    pending: set[bytes] = field(default_factory=set)
    without: set[bytes] = field(default_factory=set)
    failed: set[bytes] = field(default_factory=set)
    found: list[AccountRecord] = field(default_factory=list)
    refused: set[RecordVerdict] = field(default_factory=set)


class KeyFetch:
    """Fetches the record of one contact (Account ID, 33 raw bytes) from members of its swarm (Ed25519 keys).

    `asks_to_send` -> a retrieve of namespace -21 to each, 20 s -> `receive` or `failed` -> again, until `result`.
    """

    def __init__(self, account_id: bytes, contact: ContactKeys, members: Sequence[bytes], randbelow: RandBelow) -> None:
        self._account_id = account_id
        self._contact = contact
        self._waiting = sample(tuple(dict.fromkeys(members)), len(members), randbelow)
        self._wanted = min(ABSENCE_ANSWERS, len(self._waiting)) if contact.remembered else min(1, len(self._waiting))
        self._answers = _Answers()

    def asks_to_send(self) -> tuple[bytes, ...]:
        """Members to ask now, each over another path."""
        answers = self._answers
        if self.result is not None:
            return ()
        # One at a time, until one gave nothing; then as many at once as are still needed.
        missing = self._wanted - len(answers.without) if answers.without else 1
        count = max(0, missing - len(answers.pending))
        asks, self._waiting = self._waiting[:count], self._waiting[count:]
        answers.pending |= set(asks)
        return tuple(asks)

    def receive(self, member: bytes, raws: Iterable[bytes], now_ms: int) -> None:
        """The data of an answer that has its `messages`; an answer without them is `failed`."""
        if member not in self._answers.pending:
            return
        self._answers.pending.discard(member)
        best = self._best(raws, now_ms)
        if best is None:
            self._answers.without.add(member)
        else:
            self._answers.found.append(best)

    def failed(self, member: bytes) -> None:
        """A member did not answer, or not in the form of an answer. That says nothing about the record."""
        if member in self._answers.pending:
            self._answers.pending.discard(member)
            self._answers.failed.add(member)

    @property
    def result(self) -> Fetched | None:
        """The outcome, or None while members are asked or to be asked."""
        answers, refused = self._answers, frozenset(self._answers.refused)
        if answers.pending:
            return None
        if answers.found:
            best = max(answers.found, key=lambda record: record.signed_s or 0)
            return Fetched(FetchEnd.FOUND, best, refused)
        if answers.without and len(answers.without) >= self._wanted:
            return Fetched(FetchEnd.ABSENT, None, refused)
        if self._waiting and len(answers.failed) < ABSENCE_ANSWERS:
            return None
        return Fetched(FetchEnd.FAILED, None, refused)

    def _best(self, raws: Iterable[bytes], now_ms: int) -> AccountRecord | None:
        """The acceptable record of one answer; of several the latest signed, among equals the last."""
        best: AccountRecord | None = None
        for raw in raws:
            try:
                record = account_record.open(raw, self._account_id)
            except (DeviceMalformed, DeviceRefused):
                continue
            verdict = self._contact.judge(record, now_ms)
            if verdict is not RecordVerdict.ACCEPTED:
                self._answers.refused.add(verdict)
            elif best is None or (record.signed_s or 0) >= (best.signed_s or 0):
                best = record
        return best
