"""Profile pictures that are on this device: the own one, and those of contacts that somebody looked at (09.6)."""

from __future__ import annotations

from dataclasses import dataclass, field

from veery.protocol.account import AccountId
from veery.secret import Secret
from veery.store.blobs import Blobs
from veery.store.sql import Connection, one


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """A picture here. url: where it lies on the file server; checked_ms: local time of upload, renewal or fetching."""

    url: str = field(repr=False)
    file: str
    file_key: Secret
    checked_ms: int


class Pictures:
    """The pictures. Their files are counted here."""

    __slots__ = ("_blobs", "_db")

    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self._blobs = Blobs(connection)

    def get(self, owner: AccountId) -> KeptPicture | None:
        """The picture of an account."""
        row = one(self._db, "SELECT url, file, file_key, checked_ms FROM pictures WHERE owner = ?", (owner.raw,))
        return None if row is None else KeptPicture(row[0], row[1], Secret(row[2]), row[3])

    def keep(self, owner: AccountId, picture: KeptPicture) -> None:
        """Keep a picture in place of an older one."""
        self.remove(owner)
        self._blobs.refer(picture.file)
        self._db.execute(
            "INSERT INTO pictures (owner, url, file, file_key, checked_ms) VALUES (?, ?, ?, ?, ?)",
            (owner.raw, picture.url, picture.file, picture.file_key.reveal(), picture.checked_ms),
        )

    def set_checked(self, owner: AccountId, now_ms: int) -> None:
        """The file server has it for two more weeks."""
        self._db.execute("UPDATE pictures SET checked_ms = ? WHERE owner = ?", (now_ms, owner.raw))

    def remove(self, owner: AccountId) -> None:
        """Remove the picture of an account."""
        held = self.get(owner)
        if held is not None:
            self._db.execute("DELETE FROM pictures WHERE owner = ?", (owner.raw,))
            self._blobs.release(held.file)
