"""Messages of namespace 21: opened off the event loop, applied in the transaction of their batch (06.6.5, 06.8.4).

A message that breaks a rule is refused whole and changes nothing. One of a type that nobody knows yet is kept for a
later build, and so is a request that no key opens: the key may come with the next group message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from veery.client.arrivals import Batch
from veery.client.devices.following import follow
from veery.client.devices.telling import tell
from veery.errors import ProtocolError
from veery.policy import device_linking, device_membership
from veery.policy.device_group import Change, DeviceGroup
from veery.policy.device_membership import ArrivedGroup
from veery.protocol.account import Account
from veery.protocol.constants import TTL_DEVICE_GROUP_MS, TTL_LINK_REQUEST_MS
from veery.protocol.devices import HybridKeys, MessageType, link_request, message_type
from veery.protocol.devices.link_request import LinkRequest
from veery.runtime.randomness import random_bytes
from veery.store.devices import opening_secrets
from veery.store.inbox import FetchedItem, Undecoded
from veery.store.tables import Tables

UNKNOWN_TYPE: Final = "devices.unknown_type"  # kept for a later build
NO_LINK_KEY: Final = "devices.no_link_key"  # a request to a group whose key this device has not


@dataclass(frozen=True, slots=True)
class OpenedRequest:
    """A request that was opened, with its emoji: making them takes time."""

    request: LinkRequest
    emoji: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that breaks a rule."""

    error: ProtocolError


Opening: TypeAlias = ArrivedGroup | OpenedRequest | Undecoded | Refused | None


@dataclass(frozen=True, slots=True)
class _Opener:
    """What opens messages, with the keys of one moment."""

    account: Account
    state: DeviceGroup
    device_keys: Sequence[HybridKeys] = field(repr=False)
    account_keys: Sequence[HybridKeys] = field(repr=False)

    @classmethod
    def of(cls, account: Account, state: DeviceGroup) -> _Opener:
        """With the keys of a state; deriving them takes time."""
        own = [key.keys for key in state.device_keys]
        return cls(account, state, own, [key.keys for key in state.account_keys])

    def open(self, item: FetchedItem) -> Opening:
        """Open one message."""
        try:
            match message_type(item.data):
                case MessageType.GROUP:
                    return device_membership.open_group(
                        item.data,
                        self.account,
                        self.state,
                        self.device_keys,
                        hash=item.hash,
                        stored_ms=item.timestamp_ms,
                        expires_ms=item.expires_ms,
                    )
                case MessageType.LINK_REQUEST:
                    request = link_request.open(item.data, self.account, self.account_keys)
                    return Undecoded(NO_LINK_KEY) if request is None else _with_emoji(request)
                case MessageType.LINK_REQUEST_EARLIER:
                    return None  # anybody with the recovery phrase can forge it: nobody is ever asked about it
                case _:
                    return Undecoded(UNKNOWN_TYPE)
        except ProtocolError as error:
            return Refused(error)


def _with_emoji(request: LinkRequest) -> OpenedRequest:
    return OpenedRequest(request, request.emoji().short)


@dataclass(frozen=True, slots=True)
class Found:
    """One message, and what opened it; opener: None on a device that is none yet."""

    opener: _Opener | None
    opening: Opening


def prepare_devices(tables: Tables, account: Account) -> Callable[[Iterable[FetchedItem]], Mapping[str, Found]]:
    """What opens items of namespace 21, by hash, with the keys that the store holds now."""
    state = tables.devices.group()

    def open_items(items: Iterable[FetchedItem]) -> Mapping[str, Found]:
        found = [*items]
        if state is None or not found:
            return {item.hash: Found(None, Undecoded(UNKNOWN_TYPE)) for item in found}
        opener = _Opener.of(account, state)
        return {item.hash: Found(opener, opener.open(item)) for item in found}

    return open_items


def apply_devices(batch: Batch, openings: Mapping[str, Found], item: FetchedItem) -> Undecoded | None:
    """Take one message. Raises DeviceMalformed, DeviceRefused: the message is dropped whole."""
    found, state = openings[item.hash], batch.tables.devices.group()
    opener, opening = found.opener, found.opening
    if opener is not None and state is not None and not _same_keys(opener.state, state):
        opening = _Opener.of(opener.account, state).open(item)  # a message before it has brought keys
    if isinstance(opening, Refused):
        raise opening.error
    if state is None or opening is None or isinstance(opening, Undecoded):
        return opening if isinstance(opening, Undecoded) else None
    emoji = opening.emoji if isinstance(opening, OpenedRequest) else None
    change = _taken(state, opening, item, batch.times.network_ms)
    if change.state != state:
        batch.tables.devices.save(change.state)
        follow(batch.tables, state, change.state)
        tell(batch.tables, state, change, batch.times.local_ms, emoji)
    return None


def _taken(state: DeviceGroup, opening: ArrivedGroup | OpenedRequest, item: FetchedItem, now_ms: int) -> Change:
    if isinstance(opening, OpenedRequest):
        expires_ms = min(item.expires_ms, now_ms + TTL_LINK_REQUEST_MS)
        return Change(device_linking.receive_request(state, opening.request, expires_ms, now_ms))
    # Times are the word of one member, which may say anything; none is later than is possible.
    arrived = replace(
        opening,
        stored_ms=min(opening.stored_ms, now_ms),
        expires_ms=min(opening.expires_ms, now_ms + TTL_DEVICE_GROUP_MS),
    )
    return device_membership.receive(state, arrived, now_ms, random_bytes)


def _same_keys(held: DeviceGroup, now: DeviceGroup) -> bool:
    return held.own_id == now.own_id and opening_secrets(held) == opening_secrets(now)
