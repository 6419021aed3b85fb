"""The table of subscriptions under random use: its indexes agree, bounds hold, and nobody is told who should not be."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from veery.errors import Unreachable
from veery.network.queue_links import Link, Sender
from veery.node.keys import NodeKeys
from veery.node.message_table import StoredMessage
from veery.node.subscriptions import NOTIFY, Subscriptions
from veery.node.view import NodeView
from veery.protocol.constants import SUBSCRIPTION_LIFE_S
from veery.protocol.storage_rpc.subscriptions import MonitorRefused, Subscription
from veery.registry.snapshot import Snapshot
from veery.secret import Secret

ACCOUNTS = [b"\x03" + bytes([at]) * 32 for at in range(4)]
ROUTES = [b"L" + bytes([at]) * 32 for at in range(3)]
KEYS = [bytes([at]) * 32 for at in range(3)]
LIFE_MS = SUBSCRIPTION_LIFE_S * 1000
MOST, MOST_EACH = 6, 3


@dataclass(slots=True)
class Told:
    """What was sent to whom. gone: routing ids that cannot be reached."""

    sent: list[tuple[Sender, bytes]] = field(default_factory=list)
    gone: set[bytes] = field(default_factory=set)

    def __call__(self, sender: Sender, command: bytes, body: bytes) -> None:
        if sender.routing_id in self.gone:
            raise Unreachable("gone", kind="network.queue.gone")
        self.sent.append((sender, command))


class Table(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.told = Told()
        keys = NodeKeys.from_seed(Secret(bytes(32)))
        view = NodeView(keys, (2, 11, 3), lambda: 1_700_000_000_000)
        view.snapshot = Snapshot(1, bytes(32))
        self.table = Subscriptions(view, self.told, most=MOST, most_each=MOST_EACH, ticks_ms=lambda: self.now)
        self.link = Link(None, 1)  # type: ignore[arg-type]
        self.model: dict[tuple[bytes, bytes, bytes], tuple[set[int], int]] = {}

    def held(self, route: bytes, key: bytes) -> int:
        return sum((at[1], at[2]) == (route, key) for at in self.model)

    @rule(
        account=st.sampled_from(ACCOUNTS),
        route=st.sampled_from(ROUTES),
        key=st.sampled_from(KEYS),
        space=st.integers(0, 3),
    )
    def subscribe(self, account: bytes, route: bytes, key: bytes, space: int) -> None:
        known = self.model.get((account, route, key))
        room = known is not None or (len(self.model) < MOST and self.held(route, key) < MOST_EACH)
        subscription = Subscription(account, (space,), want_data=False, timestamp_s=0)
        try:
            self.table._keep(Sender(self.link, key, route), subscription)
        except MonitorRefused:
            assert not room
            return
        assert room
        self.model[account, route, key] = ((known[0] if known else set()) | {space}, self.now + LIFE_MS)

    @rule(account=st.sampled_from(ACCOUNTS), space=st.integers(0, 3))
    def store(self, account: bytes, space: int) -> None:
        self.told.sent.clear()
        self.table.on_stored(StoredMessage(account, space, "A" * 43, 1, 2, b"x"))
        wanted = {
            (route, key)
            for (each, route, key), (spaces, until) in self.model.items()
            if each == account and space in spaces and until > self.now and route not in self.told.gone
        }
        assert {(sender.routing_id, sender.key) for sender, command in self.told.sent if command == NOTIFY} == wanted
        for at, (spaces, until) in [*self.model.items()]:
            if at[0] == account and (until <= self.now or (space in spaces and at[1] in self.told.gone)):
                del self.model[at]

    @rule(route=st.sampled_from(ROUTES))
    def take_route(self, route: bytes) -> None:
        self.table.route_taken(route)
        self.model = {at: kept for at, kept in self.model.items() if at[1] != route}

    @rule(route=st.sampled_from(ROUTES))
    def lose(self, route: bytes) -> None:
        self.told.gone ^= {route}

    @rule(ms=st.sampled_from([1, LIFE_MS // 2, LIFE_MS]))
    def let_time_pass(self, ms: int) -> None:
        self.now += ms
        self.table.sweep()
        self.model = {at: kept for at, kept in self.model.items() if kept[1] > self.now}

    @invariant()
    def indexes_agree(self) -> None:
        table = self.table
        watches = {(account, caller) for account, callers in table._watches.items() for caller in callers}
        assert len(table) == len(watches) == len(self.model)
        assert {(account, caller) for caller, held in table._accounts.items() for account in held} == watches
        assert {caller for callers in table._callers.values() for caller in callers} == {each for _, each in watches}
        assert all(table._watches.values())
        assert all(table._accounts.values())
        assert all(table._callers.values())


TestTable = Table.TestCase
TestTable.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
