"""Subscriptions: who is told of new messages of which accounts (04.8).

A subscription is bound to the routing id *and* the proven key of its caller: when somebody else takes the id, what was
held for it is dropped, so that nobody can listen in by naming another's id (15.1.3). It lives for 65 minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from veery.errors import Unreachable
from veery.network.queue_links import Sender
from veery.node.message_table import StoredMessage
from veery.node.view import NodeView
from veery.protocol import bt
from veery.protocol.constants import NO_SWARM, SECOND_MS, SUBSCRIPTION_LIFE_S
from veery.protocol.storage_rpc.encoding import Encoding
from veery.protocol.storage_rpc.notifications import (
    SUCCESS,
    MonitorEnded,
    Notification,
    Reply,
    encode_monitor_ended,
    encode_notification,
    encode_replies,
    refusal_reply,
)
from veery.protocol.storage_rpc.subscriptions import (
    MonitorCode,
    MonitorRefused,
    Subscription,
    check_subscription,
    parse_subscriptions,
    read_subscription,
)

NOTIFY = b"notify.message"
ENDED = b"notify.monitor_ended"
_TURN = 50  # entries that are checked before other work gets its turn, about 5 ms

Caller = tuple[int, bytes | None, bytes | None]  # link, routing id, proven key
Tell = Callable[[Sender, bytes, bytes], None]  # raises Unreachable


@dataclass(slots=True)
class Watch:
    """One caller's subscription to one account, until a time of the table's clock."""

    sender: Sender
    subscription: Subscription
    until_ms: int


class Subscriptions:
    """The table of subscriptions. most: in all; most_each: of one caller; ticks_ms: a clock that never jumps."""

    def __init__(self, view: NodeView, tell: Tell, *, most: int, most_each: int, ticks_ms: Callable[[], int]) -> None:
        self._view = view
        self._tell = tell
        self._most = most
        self._most_each = most_each
        self._ticks_ms = ticks_ms
        self._watches: dict[bytes, dict[Caller, Watch]] = {}
        self._accounts: dict[Caller, set[bytes]] = {}  # what each caller watches
        self._callers: dict[bytes | None, set[Caller]] = {}  # by routing id
        self._count = 0
        self._ring: tuple[Sequence[int], int] = ((), NO_SWARM)

    def __len__(self) -> int:
        return self._count

    # -- subscribing -------------------------------------------------------------------------------------------

    async def subscribe(self, sender: Sender, parts: tuple[bytes, ...]) -> bytes:
        """Answer `monitor.messages`: one dict, or a list in the order of the request (04.8.1)."""
        try:
            if len(parts) != 1:
                raise MonitorRefused(MonitorCode.BAD_ARGUMENTS, "exactly one message part was expected")
            request = parse_subscriptions(parts[0])
        except MonitorRefused as refusal:
            return encode_replies([refusal_reply(refusal)], single=True)
        replies: list[Reply] = []
        for place, entry in enumerate(request.entries):
            if place % _TURN == _TURN - 1:
                await asyncio.sleep(0)
            replies.append(self._one(sender, entry))
        return encode_replies(replies, single=request.single)

    def _one(self, sender: Sender, entry: dict[bytes, bt.Value]) -> Reply:
        try:
            subscription = read_subscription(entry)
            check_subscription(subscription, self._view.now_ms() // 1000)
            if not self._view.holds(subscription.account):
                return self._wrong_swarm(subscription.account)
            self._keep(sender, subscription)
        except MonitorRefused as refusal:
            return refusal_reply(refusal)
        return SUCCESS

    def _wrong_swarm(self, account: bytes) -> Reply:
        refusal = MonitorRefused(MonitorCode.WRONG_SWARM, "account is not in this swarm")
        return refusal_reply(refusal, **self._swarm(account))

    def _swarm(self, account: bytes) -> Mapping[str, bt.Encodable]:
        body = self._view.swarm_info(account).body(Encoding.BENCODED)
        return {"snodes": body["snodes"], "swarm": body["swarm"]}  # type: ignore[dict-item]

    def _keep(self, sender: Sender, subscription: Subscription) -> None:
        caller = _caller(sender)
        watchers = self._watches.setdefault(subscription.account, {})
        known = watchers.get(caller)
        if known is None:
            if len(self._accounts.get(caller, ())) >= self._most_each or self._count >= self._most:
                if not watchers:
                    del self._watches[subscription.account]
                raise MonitorRefused(MonitorCode.BAD_ARGUMENTS, "too many subscriptions")
            self._count += 1
            self._accounts.setdefault(caller, set()).add(subscription.account)
            self._callers.setdefault(sender.routing_id, set()).add(caller)
        merged = subscription if known is None else known.subscription.merged(subscription)
        watchers[caller] = Watch(sender, merged, self._ticks_ms() + SUBSCRIPTION_LIFE_S * SECOND_MS)

    # -- telling -----------------------------------------------------------------------------------------------

    def on_stored(self, message: StoredMessage) -> None:
        """Tell everybody who watches the account and namespace of a newly stored message (04.8.2)."""
        watchers = self._watches.get(message.account)
        if not watchers:
            return
        now = self._ticks_ms()
        for caller, watch in [*watchers.items()]:
            if watch.until_ms <= now:
                self._drop(message.account, caller)
            elif message.namespace in watch.subscription.namespaces:
                self._tell_or_drop(message.account, caller, watch, NOTIFY, _notice(message, watch.subscription))

    def swarms_changed(self) -> None:
        """End the subscriptions of accounts that are not held here any more, saying where they are now."""
        snapshot, own = self._view.snapshot, self._view.own_swarm
        ring: tuple[Sequence[int], int] = (() if snapshot is None else snapshot.ring.ids, own)
        if ring == self._ring:
            return
        self._ring = ring
        for account in [account for account in self._watches if not self._view.holds(account)]:
            body = encode_monitor_ended(MonitorEnded(account, details=self._swarm(account)))
            for caller, watch in [*self._watches[account].items()]:
                self._tell_or_drop(account, caller, watch, ENDED, body)
                self._drop(account, caller)

    def _tell_or_drop(self, account: bytes, caller: Caller, watch: Watch, command: bytes, body: bytes) -> None:
        try:
            self._tell(watch.sender, command, body)
        except Unreachable as error:
            if error.kind != "network.queue.full":
                self._drop(account, caller)

    # -- ends --------------------------------------------------------------------------------------------------

    def route_taken(self, routing_id: bytes) -> None:
        """A routing id came with another key: forget all that was held for it."""
        for caller in [*self._callers.get(routing_id, ())]:
            for account in [*self._accounts[caller]]:
                self._drop(account, caller)

    def sweep(self) -> None:
        """Forget what has run out."""
        now = self._ticks_ms()
        for account, watchers in [*self._watches.items()]:
            for caller in [caller for caller, watch in watchers.items() if watch.until_ms <= now]:
                self._drop(account, caller)

    def _drop(self, account: bytes, caller: Caller) -> None:
        watchers = self._watches.get(account, {})
        if watchers.pop(caller, None) is None:
            return
        self._count -= 1
        if not watchers:
            del self._watches[account]
        self._accounts[caller].discard(account)
        if not self._accounts[caller]:
            del self._accounts[caller]
            _, routing_id, _ = caller
            self._callers[routing_id].discard(caller)
            if not self._callers[routing_id]:
                del self._callers[routing_id]


def _caller(sender: Sender) -> Caller:
    return (sender.link.number, sender.routing_id, sender.key)


def _notice(message: StoredMessage, subscription: Subscription) -> bytes:
    data = message.data if subscription.want_data else None
    return encode_notification(
        Notification(message.account, message.hash, message.namespace, message.timestamp, message.expiry, data)
    )
