"""Requests that change nothing, answered from this node's database alone (04.6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from veery.node import message_table as table
from veery.node.view import NodeView
from veery.protocol.constants import DATA_MAX, RETRIEVE_MAX
from veery.protocol.storage_rpc.answers import ExpiriesAnswer, RetrieveAnswer, RevokedAnswer, StoredMessage
from veery.protocol.storage_rpc.namespaces import is_testing
from veery.protocol.storage_rpc.requests import GetExpiries, Retrieve, RevokedSubaccounts
from veery.protocol.storage_rpc.retrieve_window import RetrieveWindow, counted_size
from veery.runtime.sqlite import Connection

T = TypeVar("T")


class Reader(Protocol):
    """A committed view of the message database."""

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run a short read now. Raises RuntimeFault leaves."""
        ...


@dataclass(slots=True)
class Room:
    """What one answer has left for messages, in counted bytes.

    The retrieves of one batch share it: each takes its first message whatever is left, and tells `more`. Without it, 20
    retrieves make an answer of 150 MB (04.7), which no road carries.
    """

    left: int = RETRIEVE_MAX

    @classmethod
    def shared_by(cls, retrieves: int) -> Room:
        """The room of so many retrieves together, with space for the first message of each."""
        return cls(RETRIEVE_MAX - counted_size(DATA_MAX) * max(0, retrieves - 1))


class Reads:
    """Answers reading requests that were checked."""

    def __init__(self, view: NodeView, store: Reader) -> None:
        self._view = view
        self._store = store

    def retrieve(self, request: Retrieve, room: Room) -> RetrieveAnswer:
        """Messages after the cursor, as many as the request's window takes and there is room for (04.6.2)."""
        window = RetrieveWindow(request, room.left)
        offered = window.size_left
        messages: tuple[StoredMessage, ...] = ()
        if not is_testing(request.namespace):
            messages = self._store.read(lambda db: tuple(_windowed(db, request, window)))
        room.left = max(0, room.left - (offered - window.size_left))
        return RetrieveAnswer(messages, window.more, t=self._view.now_ms(), hf=self._view.hardfork)

    def expiries(self, request: GetExpiries) -> ExpiriesAnswer:
        """Expiries of the account's messages that exist."""
        return ExpiriesAnswer(self._store.read(lambda db: table.expiries(db, request.account, request.messages)))

    def revoked_list(self, request: RevokedSubaccounts) -> RevokedAnswer:
        """The account's revoked tokens, sorted."""
        tokens = tuple(sorted(self.revoked(request.account)))
        return RevokedAnswer(tokens, t=self._view.now_ms(), hf=self._view.hardfork)

    def revoked(self, account: bytes) -> frozenset[bytes]:
        """The revoked tokens of an account (36 bytes each)."""
        return self._store.read(lambda db: table.revoked(db, account))


def _windowed(db: Connection, request: Retrieve, window: RetrieveWindow) -> list[StoredMessage]:
    rows = table.messages_after(
        db, request.account, request.namespace, request.last_hash, newest_first=request.reverse_direction
    )
    found: list[StoredMessage] = []
    for text, timestamp, expiry, data in rows:
        if not window.take(len(data)):
            break
        found.append(StoredMessage(text, timestamp, expiry, data))
    return found
