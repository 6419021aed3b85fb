"""What the user is told about protection: one notice when a conversation falls, and warnings (06.18.4 R4, 14.1).

A `level` event tells that the level of a conversation has dropped, and a notice in the conversation keeps it. A
`security` event carries a warning; each is told once for the message that it is about, else once until what it speaks
of has changed. An `unreadable` event tells of a message that waits for a key of this device.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import Final

from veery.client import fates
from veery.client.core import Times
from veery.client.timestamps import next_timestamp
from veery.policy.level import Level, after_message
from veery.protocol.account import AccountId
from veery.store.inbox import FetchedItem
from veery.store.message_values import NewMessage
from veery.store.outbox import Copy, CopyRole
from veery.store.tables import Tables

LEVEL_EVENT: Final = "level"
SECURITY_EVENT: Final = "security"
UNREADABLE_EVENT: Final = "unreadable"
LEVEL_NOTICE: Final = "level"  # kind of a message that this device puts into a conversation whose level has dropped
WAITING: Final = "client.keys.waiting"  # why a message is held: the contact's keys are too old, and no newer are there
OWN_KEYS: Final = "client.keys.own"  # why a copy for own devices is held: this device has no key of the account
REQUIRED: Final = "client.keys.required"  # why a copy is held: the user demands v2, and no keys were ever seen
FOR_CONTACT: Final = (WAITING, REQUIRED)  # what the user may end by choosing long-term keys

_BY_LABEL: Final = {level.label: level for level in Level}


class Warn(Enum):
    """Warnings. The value is their name for programs."""

    WAITING = "waiting"
    REQUIRED = "required"
    SWITCHED_OFF = "switched_off"
    FOREIGN_RECORD = "foreign_record"
    DENIED = "denied"
    TIMELESS = "timeless"

    @property
    def text(self) -> str:
        """What a person reads."""
        return _TEXTS[self]


_TEXTS: Final = {
    Warn.WAITING: (
        "Messages to this contact wait for keys: theirs were not seen for more than 7 days. Keep waiting, or send a"
        " message with long-term keys this once, with `veery outbox send-anyway` and its number"
    ),
    Warn.REQUIRED: (
        "Messages to this contact wait for keys, because you require v2 and they publish none. Keep waiting, allow less"
        " with `veery contact security --no-require-v2`, or send a message with long-term keys this once, with `veery"
        " outbox send-anyway` and its number"
    ),
    Warn.SWITCHED_OFF: (
        "This contact switched protection off: messages to them go out with long-term keys, as they asked for with"
        " their signature"
    ),
    Warn.FOREIGN_RECORD: (
        "Someone else can read your messages; your recovery phrase has leaked. This contact was given keys in your name"
        " that are not yours. Tell your contacts by another way, and move to a new account"
    ),
    Warn.DENIED: (
        "Several contacts were told that you publish no keys, although you do: somebody keeps your keys from them, and"
        " their messages come with less protection"
    ),
    Warn.TIMELESS: (
        "Keys without a time were offered for this contact, whose keys had one before. They were refused: somebody may"
        " be serving old ones"
    ),
}


_UNREADABLE: Final = (
    "A message could not be decrypted: no key of this device opens it. It is kept, and read as soon as this device has"
    " caught up with your other devices"
)


def level_of(label: str) -> Level:
    """The level of a message by its label."""
    return _BY_LABEL[label]


def warn(tables: Tables, contact: AccountId, warning: Warn, now_ms: int, message: int | None = None) -> None:
    """Write a warning about a contact. message: the one that it is about."""
    fields = {"conversation": contact.hex, "warning": warning.value, "text": warning.text, "id": message}
    tables.events.append(SECURITY_EVENT, fields, now_ms)


def tell_unreadable(tables: Tables, item: FetchedItem, now_ms: int) -> None:
    """Tell that no key of this device opens a message; nobody knows whose it is."""
    fields = {"hash": item.hash, "stored_at": item.timestamp_ms, "expires": item.expires_ms, "text": _UNREADABLE}
    tables.events.append(UNREADABLE_EVENT, fields, now_ms)


def hold(tables: Tables, copy: Copy, reason: str, now_ms: int, next_ms: int) -> None:
    """Let a copy wait until it is looked at again (local time, ms), and tell so the first time."""
    if not tables.held.hold(copy, reason, now_ms, next_ms) or copy.message is None:
        return
    if reason in FOR_CONTACT:
        # Whoever has withdrawn their keys is waited for only because the user requires v2.
        seen = tables.contact_keys.get(copy.destination).keys.record is not None
        warning = Warn.WAITING if reason == WAITING and seen else Warn.REQUIRED
        warn(tables, copy.destination, warning, now_ms, copy.message)
    if copy.role is CopyRole.RECIPIENT:
        fates.tell_state(tables, copy.message, now_ms)


def note_level(tables: Tables, contact: AccountId, level: Level, message: int | None, times: Times) -> None:
    """Note the level of a message that was sent or received; tell and show it when the conversation has fallen."""
    known = tables.contact_keys.get(contact)
    shown, dropped = after_message(known.shown, level)
    if shown is not known.shown:
        tables.contact_keys.save(contact, replace(known, shown=shown))
    if dropped and known.shown is not None:
        text = _fallen(known.shown, level)
        fields = {
            "conversation": contact.hex,
            "id": message,
            "notice": _show(tables, contact, level, text, times),
            "protocol": level.label,
            "before": known.shown.label,
            "text": text,
        }
        tables.events.append(LEVEL_EVENT, fields, times.local_ms)


def _show(tables: Tables, contact: AccountId, level: Level, text: str, times: Times) -> int | None:
    """Put a notice into the conversation, from nobody; gives its id. It is of this device alone, and counts as read."""
    if tables.conversations.settings(contact.hex) is None:
        return None
    own = tables.accounts.get().account_id
    notice = NewMessage(
        conversation=contact.hex,
        author=own,
        timestamp_ms=next_timestamp(tables, own, times.network_ms),
        outgoing=False,
        kind=LEVEL_NOTICE,
        body=text,
        content=b"",
        received_ms=times.local_ms,
        level=level.label,
        read=True,
    )
    return tables.messages.insert(notice)


def _fallen(before: Level, level: Level) -> str:
    return (
        f"Protection of this conversation has dropped from {before.label} to {level.label}: whoever gets a long-term"
        " key later can read this message. `veery contact security` shows what is known"
    )
