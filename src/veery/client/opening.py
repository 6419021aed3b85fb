"""From the bytes of a fetched item to a content, or to the reason why it has none (02.1.2, 06.13).

Opening needs no store, so it is done before the transaction that applies a batch, away from the event loop and from
the thread that writes. One item that cannot be opened is a value here, for it must not stop the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from veery.client.levels.own_keys import OpeningKeys
from veery.errors import ProtocolError
from veery.policy.level import Level
from veery.protocol import message, message_v1
from veery.protocol.account import Account, AccountId
from veery.protocol.content import Content, decode
from veery.protocol.devices.keys import HybridKeys
from veery.protocol.message_v2 import NoKey
from veery.protocol.receive_rules import Received
from veery.store.inbox import FetchedItem, Undecoded
from veery.store.tables import Tables

UNKNOWN_VERSION: Final = "message.unknown_version"  # kept for a later build
NO_KEY: Final = NoKey.default_kind  # kept: the key may come with the next group message, 06.13


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


def prepare_inbox(
    tables: Tables, account: Account, pairs: OpeningKeys
) -> Callable[[Iterable[FetchedItem]], Mapping[str, Opening]]:
    """What opens items of a user's namespace 0, by hash, with the keys that the store holds now. pairs: are kept."""
    keys = pairs.of(tables)

    def open_items(items: Iterable[FetchedItem]) -> Mapping[str, Opening]:
        found = [*items]
        held = keys() if any(_is_v2(item.data) for item in found) else ()
        return {item.hash: open_item(item.data, account, held) for item in found}

    return open_items


def open_item(data: bytes, account: Account, held: Sequence[HybridKeys] = ()) -> Opening:
    """Open one item. held: account keys, the active one first. `Undecoded` for what a later build or key may read."""
    try:
        return _open(data, account, held)
    except NoKey as error:
        return Undecoded(error.kind)
    except ProtocolError as error:
        return Broken(error)


def _open(data: bytes, account: Account, held: Sequence[HybridKeys]) -> Opened | Undecoded:
    match message.open(data, account, held):
        case message.UnknownVersion():
            return Undecoded(UNKNOWN_VERSION)
        case message_v1.OpenedMessage() as v1:
            content = decode(v1.content)
            timestamp_ms = v1.timestamp or content.timestamp or 0
            return Opened(AccountId(v1.sender), timestamp_ms, content, v1.content, Level.V1.label)
        case v2:
            content = decode(v2.content)
            level = Level.PFS if v2.pfs else Level.FALLBACK
            return Opened(AccountId(v2.sender), content.timestamp or 0, content, v2.content, level.label)


def _is_v2(data: bytes) -> bool:
    return bool(data) and message.version(data) is message.Version.V2
