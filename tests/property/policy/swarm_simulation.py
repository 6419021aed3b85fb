"""Nodes that keep their swarms alike with the policy alone: a small model of the node's shell and of its network.

A request is under way until the test decides its fate: it arrives and is answered, it is lost, or its answer is lost.
What a node keeps on disk (messages, dumps, missed requests) survives a crash; handshakes do not, so a node that starts
asks every member for a dump.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from veery.policy.replication import (
    Dump,
    Handshakes,
    PushMapped,
    ShakeHands,
    changes,
    repair_after,
)
from veery.protocol.swarm.mapping import Ring
from veery.protocol.swarm.nodes import ServiceNode

Membership = dict[int, list[ServiceNode]]
BATCH = 2  # messages
ROWS = 3  # read for one batch


@dataclass(frozen=True)
class Message:
    """A message and its place on the ring."""

    hash: str
    place: int


@dataclass(eq=False)  # two requests that look alike are two requests
class Request:
    """Something under way. kind: hello, push, missed."""

    kind: str
    source: bytes
    target: bytes
    messages: tuple[Message, ...] = ()
    wants_dump: bool = False
    dump: Dump | None = None
    last: int = 0
    window: int = 0
    boot: int = 0
    repair: int = 0


@dataclass(eq=False)
class Node:
    """One node. rows: its database in the order of insertion, numbers from 1."""

    key: bytes
    rows: list[Message] = field(default_factory=list)
    handshakes: Handshakes = field(default_factory=Handshakes)
    dumps: dict[tuple[bytes, int], Dump] = field(default_factory=dict)
    missed: dict[int, tuple[bytes, Message, int, int]] = field(default_factory=dict)  # peer, what, attempts, due
    flying: set[int] = field(default_factory=set)
    up: bool = True
    boot: int = 0  # how often it started

    def store(self, message: Message) -> None:
        if message not in self.rows:
            self.rows.append(message)


class Network:
    """All nodes, one list that all of them follow, and the requests between them."""

    def __init__(self, membership: Membership, keys: list[bytes]) -> None:
        self.nodes = {key: Node(key) for key in keys}
        self.membership = membership
        self.flying: list[Request] = []
        self.now = 0
        self.repairs = 0
        for node in self.nodes.values():
            self._follow(node, {})

    # -- lists -----------------------------------------------------------------------------------------------------

    def swarm_of(self, message: Message) -> int:
        found = Ring.of(self.membership).nearest(message.place)
        assert found is not None
        return found

    def members(self, message: Message) -> list[Node]:
        return [self.nodes[each.ed25519] for each in self.membership[self.swarm_of(message)]]

    def change(self, membership: Membership) -> None:
        before, self.membership = self.membership, membership
        for node in self.nodes.values():
            if node.up:
                self._follow(node, before)

    def _follow(self, node: Node, before: Membership) -> None:
        for change in changes(before, self.membership, node.key):
            match change:
                case ShakeHands(peer, want_dump):
                    node.handshakes.begin(peer, want_dump=want_dump, now_ms=self.now)
                case PushMapped(peer, swarm):
                    node.dumps[peer, swarm] = Dump(0, len(node.rows))
        own = self._swarm(node.key)
        active = {(each.ed25519, swarm) for swarm, nodes in self.membership.items() for each in nodes}
        node.handshakes.keep_only(frozenset(peer for peer, swarm in active if swarm == own))
        node.dumps = {key: dump for key, dump in node.dumps.items() if key in active}

    def _swarm(self, key: bytes) -> int | None:
        found = (swarm for swarm, nodes in self.membership.items() if any(each.ed25519 == key for each in nodes))
        return next(found, None)

    # -- nodes -----------------------------------------------------------------------------------------------------

    def crash(self, node: Node) -> None:
        node.up = False

    def start(self, node: Node) -> None:
        node.up = True
        node.boot += 1
        node.handshakes = Handshakes()
        node.flying = set()
        node.dumps = {key: Dump(dump.cursor, dump.up_to) for key, dump in node.dumps.items()}
        self._follow(node, {})

    def client_stores(self, message: Message, asked: Node, missing: set[bytes]) -> None:
        """A client's store: the asked member forwards to the others, some of which miss it."""
        asked.store(message)
        for member in self.members(message):
            if member.up and member.key not in missing:
                member.store(message)
            elif member is not asked:
                self.repairs += 1
                asked.missed[self.repairs] = (member.key, message, 0, repair_after(0, self.now))

    def work(self, node: Node) -> None:
        """What a running node does now: handshakes, batches, repairs."""
        if not node.up:
            return
        for peer, wants_dump in node.handshakes.due(self.now):
            self.flying.append(Request("hello", node.key, peer, wants_dump=wants_dump, boot=node.boot))
        for (peer, swarm), dump in list(node.dumps.items()):
            self._push_on(node, peer, swarm, dump)
        for number, (peer, message, _, due) in list(node.missed.items()):
            if self._swarm(peer) is None:
                del node.missed[number]
            elif due <= self.now and number not in node.flying:
                node.flying.add(number)
                self.flying.append(Request("missed", node.key, peer, (message,), boot=node.boot, repair=number))

    def _push_on(self, node: Node, peer: bytes, swarm: int, dump: Dump) -> None:
        while dump.may_send(self.now):
            begin = dump.reads_from
            rows = node.rows[begin : min(begin + ROWS, dump.up_to)]
            chosen: list[Message] = []
            last = begin
            for message in rows:
                if self.swarm_of(message) == swarm:
                    if len(chosen) == BATCH:
                        break
                    chosen.append(message)
                last += 1
            if not chosen:
                dump.skipped_to(last)
                continue
            window = dump.sent(last)
            self.flying.append(Request("push", node.key, peer, tuple(chosen), False, dump, last, window, node.boot))
        if dump.done:
            del node.dumps[peer, swarm]

    # -- requests --------------------------------------------------------------------------------------------------

    def decide(self, request: Request, *, arrives: bool, answered: bool) -> None:
        """The fate of a request under way."""
        self.flying.remove(request)
        source, target = self.nodes[request.source], self.nodes[request.target]
        arrives = arrives and target.up
        accepted = arrives and self._receive(request, target)
        if source.up and source.boot == request.boot:
            self._end(request, source, ok=accepted and answered)

    def _receive(self, request: Request, target: Node) -> bool:
        if request.kind == "hello":
            own = self._swarm(target.key)
            if own is None or own != self._swarm(request.source):
                return False
            if request.wants_dump:
                target.dumps[request.source, own] = Dump(0, len(target.rows))
            target.handshakes.hasten(request.source, self.now)
            return True
        for message in request.messages:
            target.store(message)
        return True

    def _end(self, request: Request, source: Node, *, ok: bool) -> None:
        if request.kind == "hello":
            if ok:
                source.handshakes.answered(request.target)
        elif request.dump is not None:
            if ok:
                request.dump.confirmed(request.last, request.window)
            else:
                request.dump.failed(self.now)
        else:
            source.flying.discard(request.repair)
            entry = source.missed.pop(request.repair, None)
            if entry is not None and not ok:
                peer, message, attempts, _ = entry
                again = repair_after(attempts + 1, self.now)
                source.missed[request.repair] = (peer, message, attempts + 1, again)

    def settle(self) -> None:
        """Everything runs and arrives, until nothing is left to do."""
        for node in self.nodes.values():
            if not node.up and self._swarm(node.key) is not None:
                self.start(node)
        for _ in range(200):
            for node in self.nodes.values():
                self.work(node)
            for request in list(self.flying):
                self.decide(request, arrives=True, answered=True)
            if not self._busy():
                return
            self.now += 15_000
        raise AssertionError("the swarm never comes to rest")

    def _busy(self) -> bool:
        running = [node for node in self.nodes.values() if node.up]
        return bool(self.flying) or any(node.dumps or node.missed or len(node.handshakes) for node in running)
