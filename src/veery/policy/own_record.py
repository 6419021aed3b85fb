"""The own account record: whether and when to publish it, and watching over what lies in its place (06.9, 06.14, R5).

A record that no key of ours belongs to means that somebody else has the recovery phrase and receives what is sent to
us. But records and group messages reach the members of a swarm at different times, so a first sight only makes us look
again: the warning comes when the same thing is found after another completed fetch.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from veery.protocol.constants import SECOND_MS, TTL_ACCOUNT_RECORD_MS
from veery.protocol.devices.account_keys import AccountKey, AccountKeys
from veery.protocol.devices.account_record import AccountRecord
from veery.protocol.devices.keys import HybridPublic


class OutboxFind(Enum):
    """What lies in our own outbox, namespace -21."""

    OURS = "ours"  # the record of the active key, or rightly none
    OUTDATED = "outdated"  # of a key that we hold and that was rotated: publish the active one
    SUSPECT = "suspect"  # foreign or missing, for the first time: fetch 21 and -21 again
    FOREIGN = "foreign"  # not made from a key that we hold: warn, and publish ours
    MISSING = "missing"  # gone although we published it within 30 days: warn, and publish it
    WITHDRAWN = "withdrawn"  # a withdrawal that is not ours: warn, and publish ours


_WARNINGS = (OutboxFind.FOREIGN, OutboxFind.MISSING, OutboxFind.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Watched:
    """What was found, and what follows from it."""

    state: OwnRecord
    find: OutboxFind

    @property
    def warn(self) -> bool:
        """Whether to warn: someone with the recovery phrase may be intercepting messages."""
        return self.find in _WARNINGS

    @property
    def publish(self) -> bool:
        """Whether to put ours in its place: what `due` says then, or a withdrawal when publishing is not allowed."""
        return self.warn or self.find is OutboxFind.OUTDATED


@dataclass(frozen=True, slots=True)
class OwnRecord:
    """Publishing of this account, as this device knows it.

    allowed: every device of the account understands v2, because it was made by a v2 client or the user has confirmed
    the list of members as complete; a device that reads only v1 would get no messages any more. published: keys of the
    record that was stored last; published_ms: when; signed_s: the latest `vt`; suspect: what was found and not yet
    judged (the echo of a record, empty for none).
    """

    allowed: bool = False
    published: HybridPublic | None = field(default=None, repr=False)
    published_ms: int | None = None
    signed_s: int = 0
    suspect: bytes | None = field(default=None, repr=False)

    def due(self, keys: AccountKeys, *, member: bool) -> AccountKey | None:
        """The key whose record is to be published now: the active one, once a stored group message has carried it."""
        active = keys.active
        if not self.allowed or not member or active is None or not active.distributed:
            return None
        return None if active.keys.public == self.published else active

    def next_signed_s(self, now_ms: int) -> int:
        """The time for a new record or withdrawal: later than all before it, for readers refuse older ones."""
        return max(now_ms // SECOND_MS, self.signed_s + 1)

    def stored(self, record: AccountRecord, now_ms: int) -> OwnRecord:
        """After the own record was stored. A withdrawal ends publishing until it is allowed again."""
        return replace(
            self,
            allowed=self.allowed and not record.withdrawn,
            published=record.keys,
            published_ms=None if record.withdrawn else now_ms,
            signed_s=max(self.signed_s, record.signed_s or 0),
            suspect=None,
        )

    def watch(self, found: AccountRecord | None, keys: AccountKeys, now_ms: int) -> Watched:
        """Judge what a completed fetch of 21 and then -21 found. found: the valid record there, or None."""
        signed_s = max(self.signed_s, (found.signed_s or 0) if found is not None else 0)
        known = replace(self, signed_s=signed_s)
        find = known._look(found, keys, now_ms)
        if find in _WARNINGS:
            seen = b"" if found is None else found.echo
            if self.suspect != seen:
                return Watched(replace(known, suspect=seen), OutboxFind.SUSPECT)
            return Watched(replace(known, published=None), find)
        if find is OutboxFind.OUTDATED:
            return Watched(replace(known, published=None, suspect=None), find)
        return Watched(known._confirmed(found, now_ms), find)

    def _look(self, found: AccountRecord | None, keys: AccountKeys, now_ms: int) -> OutboxFind:
        publishing = self.published_ms is not None and now_ms - self.published_ms <= TTL_ACCOUNT_RECORD_MS
        if found is None:
            return OutboxFind.MISSING if publishing else OutboxFind.OURS
        if found.keys is None:
            return OutboxFind.WITHDRAWN if publishing else OutboxFind.OURS
        owner = next((key for key in keys if key.keys.public == found.keys), None)
        if owner is None:
            return OutboxFind.FOREIGN
        return OutboxFind.OURS if owner.rotated_s is None else OutboxFind.OUTDATED

    def _confirmed(self, found: AccountRecord | None, now_ms: int) -> OwnRecord:
        if found is None or found.keys is None:
            return replace(self, suspect=None)
        return replace(self, published=found.keys, published_ms=now_ms, suspect=None)
