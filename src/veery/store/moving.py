"""An offer of this profile to another device over the file server, until it has arrived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from veery.secret import Secret
from veery.store.sql import Connection


@dataclass(frozen=True, slots=True)
class MovingRow:
    """An offer. id: 16 bytes; secret: 32 bytes; guesses: wrong proofs of the code so far; begun_ms: local time."""

    id: bytes
    code: str = field(repr=False)
    passphrase: Secret
    secret: Secret
    guesses: int
    begun_ms: int


class Moving:
    """The offer that is under way, if there is one, and the pieces that are on the file server (id and key)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self) -> MovingRow | None:
        """The offer."""
        row = self._connection.execute("SELECT id, code, passphrase, secret, guesses, begun_ms FROM moving").fetchone()
        if row is None:
            return None
        return MovingRow(
            bytes(row[0]), str(row[1]), Secret(str(row[2]).encode()), Secret(bytes(row[3])), int(row[4]), int(row[5])
        )

    def begin(self, offer: MovingRow) -> None:
        """Keep a new offer in place of any other."""
        self.forget()
        self._connection.execute(
            "INSERT INTO moving (one, id, code, passphrase, secret, guesses, begun_ms) VALUES (1, ?, ?, ?, ?, ?, ?)",
            (
                offer.id,
                offer.code,
                offer.passphrase.reveal().decode(),
                offer.secret.reveal(),
                offer.guesses,
                offer.begun_ms,
            ),
        )

    def forget(self) -> None:
        """There is no offer any more."""
        self._connection.execute("DELETE FROM moving_pieces")
        self._connection.execute("DELETE FROM moving")

    def pieces(self) -> Mapping[int, tuple[str, bytes]]:
        """Id and key of each piece that is on the file server, by number."""
        rows = self._connection.execute("SELECT number, file, key FROM moving_pieces")
        return {int(row[0]): (str(row[1]), bytes(row[2])) for row in rows}

    def add_piece(self, number: int, file: str, key: bytes) -> None:
        """A piece is on the file server."""
        self._connection.execute(
            "INSERT OR REPLACE INTO moving_pieces (number, file, key) VALUES (?, ?, ?)", (number, file, key)
        )

    def guessed(self, guesses: int) -> None:
        """So many proofs of the code were wrong."""
        self._connection.execute("UPDATE moving SET guesses = ?", (guesses,))
