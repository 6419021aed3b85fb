"""From the bytes of a fetched item to a content, or to the reason why it has none (02.1.2, 06.13).

Opening needs no store, so it is done before the transaction that applies a batch, away from the event loop and from
the thread that writes. One item that cannot be opened is a value here, for it must not stop the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from veery.errors import ProtocolError
from veery.protocol import message_v1
from veery.protocol.account import Account, AccountId
from veery.protocol.content import Content, decode
from veery.protocol.message_v1 import MessageMalformed
from veery.protocol.receive_rules import Received
from veery.store.inbox import FetchedItem, Undecoded
from veery.store.tables import Tables

NEWER_VERSION: Final = 0  # first byte of every later version; none begins a message of version 1, 06.11
UNKNOWN_VERSION: Final = "message.unknown_version"


@dataclass(frozen=True, slots=True)
class Opened:
    """An opened item. raw: its Content, unpadded. timestamp_ms: T. level: protocol level."""

    sender: AccountId
    timestamp_ms: int
    content: Content = field(repr=False)
    raw: bytes = field(repr=False)
    level: str = "v1"

    @property
    def received(self) -> Received:
        """The message as the receive rules look at it."""
        return Received(self.content, self.sender.raw, self.timestamp_ms)


@dataclass(frozen=True, slots=True)
class Broken:
    """An item that breaks a rule of the book: it is refused, and counts as seen."""

    error: ProtocolError


Opening: TypeAlias = Opened | Undecoded | Broken


def prepare_inbox(tables: Tables, account: Account) -> Callable[[Iterable[FetchedItem]], Mapping[str, Opening]]:
    """What opens items of a user's namespace 0, by hash, with the keys that the store holds now."""

    def open_items(items: Iterable[FetchedItem]) -> Mapping[str, Opening]:
        return {item.hash: open_item(item.data, account) for item in items}

    return open_items


def open_item(data: bytes, account: Account) -> Opening:
    """Open one item. `Undecoded` for what a later build may read."""
    try:
        return _open(data, account)
    except ProtocolError as error:
        return Broken(error)


def _open(data: bytes, account: Account) -> Opened | Undecoded:
    if not data:
        raise MessageMalformed("the item is empty", kind="message.empty")
    if data[0] == NEWER_VERSION:
        return Undecoded(UNKNOWN_VERSION)
    message = message_v1.open(data, x25519_public=account.x25519_public, x25519_secret=account.x25519_secret)
    content = decode(message.content)
    timestamp_ms = message.timestamp or content.timestamp or 0
    return Opened(AccountId(message.sender), timestamp_ms, content, message.content)
