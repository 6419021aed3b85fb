"""Account records inside messages: gossip of the own one, and echoes of the one that a message was sent under (14.1).

Two people who talk attach their records to messages, so that they do not depend on any node's answer. And each message
names the record that it was encrypted to, under its sender's signature: a contact that was given a record which is not
ours tells us so, and whoever sits in between cannot change that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from veery.policy.downgrade import ContactKeys, RecordVerdict
from veery.policy.level import Level
from veery.protocol.constants import (
    RECORD_DENIED_AFTER_MS,
    RECORD_DENIED_CONTACTS,
    RECORD_ECHO_KEPT_MS,
    RECORD_GOSSIP_EVERY_MS,
    RECORD_GOSSIP_MAX,
)
from veery.protocol.devices import account_record
from veery.protocol.devices.account_record import AccountRecord
from veery.protocol.devices.faults import DeviceMalformed, DeviceRefused
from veery.protocol.extension import Extension


@dataclass(frozen=True, slots=True)
class Gossip:
    """What one contact was sent: the echo of the last record that was attached, and when."""

    echo: bytes | None = None
    attached_ms: int | None = None

    def due(self, own: AccountRecord, now_ms: int) -> bool:
        """Whether to attach the own record to a message of the user to this contact."""
        if own.echo == self.echo or len(own.raw) > RECORD_GOSSIP_MAX:
            return False
        return self.attached_ms is None or now_ms - self.attached_ms >= RECORD_GOSSIP_EVERY_MS

    def attached(self, own: AccountRecord, now_ms: int) -> Gossip:
        """After a message with the record went out."""
        return Gossip(own.echo, now_ms)


def receive_gossip(contact: ContactKeys, extension: Extension, sender: bytes, now_ms: int) -> ContactKeys:
    """The contact after a message with this extension. sender: proved Account ID of the message, 33 raw bytes.

    A record that is none, or not acceptable, changes nothing.
    """
    if extension.record is None:
        return contact
    try:
        record = account_record.open(extension.record, sender)
    except (DeviceMalformed, DeviceRefused):
        return contact
    accepted = contact.judge(record, now_ms) is RecordVerdict.ACCEPTED
    return contact.accepted(record, now_ms) if accepted else contact


class Echo(Enum):
    """What a message says about the record that its sender was given for us."""

    NOTHING = "nothing"  # nothing to learn
    CONFIRMED = "confirmed"  # one of ours
    FOREIGN = "foreign"  # none of ours: somebody else can read what is sent to us; our recovery phrase has leaked
    UNKNOWN = "unknown"  # not one that this device knows, but another own device may have published it
    DENIED = "denied"  # the sender was told that we publish none


@dataclass(frozen=True, slots=True)
class OwnEchoes:
    """Records that were published for this account. published: time (ms) by echo; since_ms: of publishing without a
    break, None while nothing is published; whole: all of them are known here, so that an unknown one is foreign.

    denied_by: Account IDs (33 raw bytes) of contacts that were told that we publish none.
    """

    published: Mapping[bytes, int] = field(default_factory=dict, repr=False)
    since_ms: int | None = None
    whole: bool = True
    denied_by: frozenset[bytes] = field(default=frozenset(), repr=False)

    def after_publishing(self, record: AccountRecord, now_ms: int) -> OwnEchoes:
        """After this device published a record, or learned of one that another own device published."""
        kept = {echo: time for echo, time in self.published.items() if now_ms - time <= RECORD_ECHO_KEPT_MS}
        since_ms = None if record.withdrawn else now_ms if self.since_ms is None else self.since_ms
        return OwnEchoes({**kept, record.echo: now_ms}, since_ms, self.whole, self.denied_by)

    def judge(self, level: Level, extension: Extension | None, sent_ms: int) -> Echo:
        """What a correctly signed message of a contact says. sent_ms: its T."""
        if extension is None:
            return Echo.NOTHING
        if extension.echo is not None:
            if extension.echo in self.published:
                return Echo.CONFIRMED
            return Echo.FOREIGN if self.whole else Echo.UNKNOWN
        settled = self.since_ms is not None and sent_ms - self.since_ms > RECORD_DENIED_AFTER_MS
        denied = settled and level is not Level.PFS and extension.capabilities is not None
        return Echo.DENIED if denied else Echo.NOTHING

    def after_denial(self, contact: bytes) -> OwnEchoes:
        """After a message that was judged DENIED."""
        return OwnEchoes(self.published, self.since_ms, self.whole, self.denied_by | {contact})

    @property
    def denial_shown(self) -> bool:
        """Whether so many contacts were denied our record that the user is told."""
        return len(self.denied_by) >= RECORD_DENIED_CONTACTS
