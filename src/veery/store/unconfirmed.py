"""Messages that went out under a record which was not current any more, kept to be sent again under the next (R3)."""

from __future__ import annotations

from dataclasses import dataclass, field

from veery.protocol.account import AccountId
from veery.protocol.devices.keys import HybridPublic
from veery.store.outbox import Copy, CopyRole, NewCopy
from veery.store.sql import Connection


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """One message. copy: what to send again; sent_under: keys that it was sealed with; sent_ms: network time."""

    id: int
    message: int
    copy: NewCopy = field(repr=False)
    sent_under: HybridPublic = field(repr=False)
    sent_ms: int


class UnconfirmedMessages:
    """Messages of which it is not known whether they can be read."""

    __slots__ = ("_db",)

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def add(self, copy: Copy, sent_under: HybridPublic, sent_ms: int) -> None:
        """Keep what a copy of a message holds; a copy that no message shows is not kept."""
        if copy.message is None:
            return
        self._db.execute(
            "INSERT INTO unconfirmed (message, destination, namespace, timestamp_ms, ttl_ms, content, x25519, mlkem,"
            " sent_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                copy.message,
                copy.destination.raw,
                copy.namespace,
                copy.timestamp_ms,
                copy.ttl_ms,
                copy.content,
                sent_under.x25519,
                sent_under.mlkem,
                sent_ms,
            ),
        )

    def of(self, destination: AccountId) -> tuple[Unconfirmed, ...]:
        """What was sent to an account, in the order of sending."""
        rows = self._db.execute(
            "SELECT id, message, namespace, timestamp_ms, ttl_ms, content, x25519, mlkem, sent_ms FROM unconfirmed"
            " WHERE destination = ? ORDER BY id",
            (destination.raw,),
        ).fetchall()
        return tuple(
            Unconfirmed(
                id_,
                message,
                NewCopy(CopyRole.CONTROL, destination, namespace, timestamp, ttl, bytes(content)),
                HybridPublic(bytes(x25519), bytes(mlkem)),
                sent,
            )
            for id_, message, namespace, timestamp, ttl, content, x25519, mlkem, sent in rows
        )

    def forget(self, id_: int) -> None:
        """One of them is settled."""
        self._db.execute("DELETE FROM unconfirmed WHERE id = ?", (id_,))

    def trim(self, network_ms: int) -> int:
        """Forget messages whose time to live is over; gives how many."""
        return self._db.execute("DELETE FROM unconfirmed WHERE sent_ms + ttl_ms < ?", (network_ms,)).rowcount
