"""Nobody may talk us out of v2 (14.1, 06.18.3, 06.18.4 R1 to R3).

Whether a contact publishes keys is one unsigned answer of one node. So whoever was seen to publish is remembered, and
nothing but the contact's own signed withdrawal, or the user, takes that back:

    R1  the contact's last record, and when it was seen, are kept; answers without a record change neither
    R2  "no record" of a remembered contact needs three nodes, asked over different paths (`key_fetch`)
    R3  without a current record the last one is used for 7 days, marked as not confirmed; then messages wait

Records of Veery say when they were signed (`vt`), so that a node cannot serve an old one as new.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeAlias

from veery.policy.contact_keys import KeyCache
from veery.protocol.constants import CONTACT_RECORD_TRUST_MS, RECORD_TIME_SLACK_S, SECOND_MS
from veery.protocol.devices.account_record import AccountRecord
from veery.protocol.devices.keys import HybridPublic


class Floor(Enum):
    """What the user demands for a contact."""

    AUTOMATIC = "automatic"
    REQUIRE_V2 = "require_v2"


class RecordVerdict(Enum):
    """What a verified record of a contact counts for."""

    ACCEPTED = "accepted"
    OLDER = "older"  # signed before one that was seen: somebody serves it again
    TIMELESS = "timeless"  # without a time, from a contact whose records had one: to be reported


@dataclass(frozen=True, slots=True)
class ContactKeys:
    """What is remembered of a contact's keys, and never cleared by answers of nodes.

    seen_first_ms, seen_last_ms: when a valid record was seen; record: the last one that holds keys; vt_max_s: the
    time in the last one that was accepted; record_max_s: the latest time in any record with keys; withdrawn_s: time of
    a withdrawal that no record has followed; long_term_allowed: the user lets this conversation use long-term keys,
    until keys are seen again.
    """

    cache: KeyCache = field(default_factory=KeyCache)
    seen_first_ms: int | None = None
    seen_last_ms: int | None = None
    record: AccountRecord | None = None
    vt_max_s: int = 0
    withdrawn_s: int | None = None
    withdrawal_told: bool = False
    floor: Floor = Floor.AUTOMATIC
    long_term_allowed: bool = False
    record_max_s: int = 0

    @property
    def remembered(self) -> bool:
        """Whether the contact was ever seen to publish, or to withdraw."""
        return self.seen_first_ms is not None

    def judge(self, record: AccountRecord, now_ms: int) -> RecordVerdict:
        """What a record counts for; it was verified by the contact's own Account ID."""
        if record.signed_s is None and self.vt_max_s:
            return RecordVerdict.TIMELESS
        # Old withdrawals can be served again too; a wrong clock of the contact does not make them new.
        if record.withdrawn and (record.signed_s or 0) <= self.record_max_s:
            return RecordVerdict.OLDER
        # A time far ahead of ours was set by a wrong clock; it must not lock the contact out.
        binding = self.vt_max_s <= now_ms // SECOND_MS + RECORD_TIME_SLACK_S
        if binding and (record.signed_s or 0) < self.vt_max_s:
            return RecordVerdict.OLDER
        return RecordVerdict.ACCEPTED

    def accepted(self, record: AccountRecord, now_ms: int) -> ContactKeys:
        """After a record that is `RecordVerdict.ACCEPTED`, from a node or attached to a message of the contact."""
        seen = replace(
            self,
            cache=self.cache.found(record.keys, now_ms),
            seen_first_ms=now_ms if self.seen_first_ms is None else self.seen_first_ms,
            seen_last_ms=now_ms,
            vt_max_s=record.signed_s or 0,
        )
        if record.withdrawn:
            told = self.withdrawal_told and self.withdrawn_s is not None
            return replace(seen, record=None, withdrawn_s=record.signed_s, withdrawal_told=told)
        return replace(
            seen,
            record=record,
            record_max_s=max(self.record_max_s, record.signed_s or 0),
            withdrawn_s=None,
            withdrawal_told=False,
            long_term_allowed=False,
        )

    def absent(self, now_ms: int) -> ContactKeys:
        """After it is established that there is no acceptable record now. What is remembered stays."""
        return replace(self, cache=self.cache.absent(now_ms))

    def told(self) -> ContactKeys:
        """After the user was told that the contact has switched protection off."""
        return replace(self, withdrawal_told=True)

    def allowing_long_term(self) -> ContactKeys:
        """After the user has chosen long-term keys for this conversation."""
        return replace(self, long_term_allowed=True)


# -- sending ---------------------------------------------------------------------------------------------------


class Mark(Enum):
    """What is shown beside a message."""

    NONE = "none"
    UNCONFIRMED = "unconfirmed"  # keys not confirmed: sent under the last record that was seen
    SWITCHED_OFF = "switched_off"  # this contact switched protection off: shown once
    CHOSEN = "chosen"  # the user chose long-term keys


class Reason(Enum):
    """Why a message is not sent."""

    WAITING = "waiting"  # for keys; offer to wait, or long-term keys for this message or this conversation
    DROPPED = "dropped"  # a control message that is not worth a downgrade
    REFUSED = "refused"  # the user requires v2, and this contact was never seen to publish


@dataclass(frozen=True, slots=True)
class SendPfs:
    """Seal under these keys. echo: hash of their record, for the message's extension. resend: keep the message, and
    look at `resend_due` when a new record is seen.
    """

    keys: HybridPublic
    echo: bytes
    mark: Mark = Mark.NONE
    resend: bool = False


@dataclass(frozen=True, slots=True)
class SendLongTerm:
    """Send a message v1; after the transition, or if the user forces it, v2 in the fallback form (06.14)."""

    mark: Mark = Mark.NONE


@dataclass(frozen=True, slots=True)
class Withhold:
    """Do not send now. A message that waits is looked at again after each fetch for this contact."""

    reason: Reason


Decision: TypeAlias = SendPfs | SendLongTerm | Withhold


def decide(contact: ContactKeys, now_ms: int, *, user_content: bool = True, chosen: bool = False) -> Decision:
    """How a message goes out, or that it does not. A fetch that `KeyCache.send` asks for must be over.

    user_content: False for receipts, typing and the like; chosen: the user wants long-term keys for this message.
    """
    keys, record = contact.cache.usable(now_ms), contact.record
    if record is not None and record.keys is not None:
        if keys is not None and keys == record.keys:
            return SendPfs(keys, record.echo)
        if _trusted(contact, now_ms):
            return SendPfs(record.keys, record.echo, Mark.UNCONFIRMED, resend=user_content)
    if chosen or contact.long_term_allowed:
        return SendLongTerm(Mark.CHOSEN)
    if contact.floor is Floor.REQUIRE_V2:
        return _withheld(user_content, Reason.WAITING if contact.remembered else Reason.REFUSED)
    if record is not None:
        return _withheld(user_content, Reason.WAITING)
    if contact.withdrawn_s is not None:
        return SendLongTerm(Mark.NONE if contact.withdrawal_told else Mark.SWITCHED_OFF)
    return SendLongTerm()


def resend_due(contact: ContactKeys, sent_under: HybridPublic, sent_ms: int, heard_ms: int | None) -> bool:
    """Whether a message that went out unconfirmed is to be sent again, under the record that was seen since.

    heard_ms: when anything was last heard from the contact. The copy has the same content and T, so that a recipient of
    both shows one.
    """
    record = contact.record
    fresh = record is not None and record.keys is not None and record.keys != sent_under
    return fresh and (heard_ms is None or heard_ms < sent_ms)


def _trusted(contact: ContactKeys, now_ms: int) -> bool:
    return contact.seen_last_ms is not None and now_ms - contact.seen_last_ms <= CONTACT_RECORD_TRUST_MS


def _withheld(user_content: bool, reason: Reason) -> Withhold:
    return Withhold(reason if user_content else Reason.DROPPED)
