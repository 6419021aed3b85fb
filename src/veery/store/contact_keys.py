"""What is remembered of each contact's keys, and never forgotten because somebody says that there are none (14.1).

A row belongs to an account, not to a conversation. The record is kept as it was signed, and verified again when it is
read: whatever stands in the database, nothing is sealed under keys that the contact did not sign.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from veery.policy.contact_keys import KeyCache
from veery.policy.downgrade import ContactKeys, Floor
from veery.policy.level import Level
from veery.policy.record_exchange import Echo, Gossip
from veery.protocol.account import AccountId
from veery.protocol.devices import account_record
from veery.protocol.devices.account_record import AccountRecord
from veery.store.sql import Connection, Row, clamp, one


@dataclass(frozen=True, slots=True)
class ContactSecurity:
    """One contact. Times are network time, ms.

    keys: as the policy sees them; gossip: the own record that the contact was sent; shown: the level that the
    conversation shows; heard_ms: greatest T of a message of theirs; echo, echo_ms: what their latest message that said
    anything says of the record that they have of us; timeless_told: the user knows of a record without a time.
    """

    keys: ContactKeys = field(default_factory=ContactKeys)
    gossip: Gossip = field(default_factory=Gossip)
    shown: Level | None = None
    heard_ms: int | None = None
    echo: Echo | None = None
    echo_ms: int | None = None
    timeless_told: bool = False


_SELECT: Final = (
    "SELECT fetched_ms, nak_ms, seen_first_ms, seen_last_ms, record, vt_max_s, record_max_s, withdrawn_s,"
    " withdrawal_told, floor, long_term_allowed, gossip_echo, gossip_ms, shown, heard_ms, echo, echo_ms, timeless"
    " FROM contact_keys WHERE account = ?"
)
_SAVE: Final = (
    "INSERT OR REPLACE INTO contact_keys (account, fetched_ms, nak_ms, seen_first_ms, seen_last_ms, record, vt_max_s,"
    " record_max_s, withdrawn_s, withdrawal_told, floor, long_term_allowed, gossip_echo, gossip_ms, shown, heard_ms,"
    " echo, echo_ms, timeless) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@lru_cache(maxsize=256)
def _verified(raw: bytes, account: bytes) -> AccountRecord:
    # Verifying takes a millisecond, and the same few contacts are looked at again and again.
    return account_record.open(raw, account)


class ContactKeysTable:
    """What is known of the keys of contacts."""

    __slots__ = ("_db",)

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def get(self, contact: AccountId) -> ContactSecurity:
        """What is known of a contact; of somebody who was never asked about, that nothing is."""
        row = one(self._db, _SELECT, (contact.raw,))
        return ContactSecurity() if row is None else _read(row, contact)

    def save(self, contact: AccountId, known: ContactSecurity) -> None:
        """Keep what is known now."""
        keys, cache, gossip = known.keys, known.keys.cache, known.gossip
        self._db.execute(
            _SAVE,
            (
                contact.raw,
                cache.fetched_ms,
                cache.nak_ms,
                keys.seen_first_ms,
                keys.seen_last_ms,
                None if keys.record is None else keys.record.raw,
                clamp(keys.vt_max_s),
                clamp(keys.record_max_s),
                None if keys.withdrawn_s is None else clamp(keys.withdrawn_s),
                keys.withdrawal_told,
                keys.floor.value,
                keys.long_term_allowed,
                gossip.echo,
                gossip.attached_ms,
                None if known.shown is None else int(known.shown),
                None if known.heard_ms is None else clamp(known.heard_ms),
                None if known.echo is None else known.echo.value,
                known.echo_ms,
                known.timeless_told,
            ),
        )


def _read(row: Row, contact: AccountId) -> ContactSecurity:
    fetched, nak, first, last, raw, vt_max, record_max, withdrawn, told, floor, allowed, *rest = row
    gossip_echo, gossip_ms, shown, heard, echo, echo_ms, timeless = rest
    record: AccountRecord | None = None if raw is None else _verified(bytes(raw), contact.raw)
    # The cache holds the keys of the last record, and none after a withdrawal.
    cache = KeyCache(fetched, nak, None if record is None else record.keys)
    keys = ContactKeys(
        cache=cache,
        seen_first_ms=first,
        seen_last_ms=last,
        record=record,
        vt_max_s=vt_max,
        record_max_s=record_max,
        withdrawn_s=withdrawn,
        withdrawal_told=bool(told),
        floor=Floor(floor),
        long_term_allowed=bool(allowed),
    )
    return ContactSecurity(
        keys=keys,
        gossip=Gossip(None if gossip_echo is None else bytes(gossip_echo), gossip_ms),
        shown=None if shown is None else Level(shown),
        heard_ms=heard,
        echo=None if echo is None else Echo(echo),
        echo_ms=echo_ms,
        timeless_told=bool(timeless),
    )
