"""What is known of files besides their bytes. `Metadata` is all that the server knows of it.

`database` keeps it in SQLite beside the blobs, `postgres` in PostgreSQL. Nothing here holds an account, an address, or
anything that leads from a file to who sent or fetched it (09.7.4). Version checks are counted by day under a key that
leads back to nobody, and are forgotten after some days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file: its id, bytes of its blob, and Unix times in milliseconds."""

    id: str
    size: int
    uploaded_ms: int
    expiry_ms: int


@dataclass(frozen=True, slots=True)
class Totals:
    """How many files there are, and their bytes."""

    files: int
    size: int


class Metadata(Protocol):
    """Keeps rows. What a call changes is durable when it returns, all of it or nothing. All raise RuntimeFault leaves.

    One server uses it at a time: `start` refuses a second one, or the lock of the server's directory does. A write that
    raised may have been done all the same; the writes after it see what became of it, reads may not yet.
    """

    async def start(self) -> None:
        """Open it, bringing its schema up to date."""

    async def close(self) -> None:
        """Finish the writes that wait, then close."""

    async def name(self) -> str:
        """A random name that was given to these rows when they were first opened."""

    async def find(self, file_id: str) -> StoredFile | None:
        """One file, expired or not."""

    async def keep(self, file: StoredFile) -> StoredFile:
        """Add a file; a known one is uploaded anew and keeps the later expiry (09.7.2). The file as it is then."""

    async def extend(self, file_id: str, expiry_ms: int) -> StoredFile | None:
        """Give a file the expiry if it is later than its own; the file as it is then, None if there is none."""

    async def expired(self, now_ms: int, limit: int) -> Sequence[str]:
        """Ids of at most `limit` files whose time is up, longest ago first."""

    async def remove_expired(self, file_ids: Sequence[str], now_ms: int) -> Sequence[StoredFile]:
        """Remove those of the files whose time is (still) up, and give them."""

    async def totals(self) -> Totals:
        """Sum over all files."""

    async def count_check(self, day: int, key: bytes, platform: str, channel: str) -> int:
        """Count who asked for the newest version, once a day (days since 1970); 1 if it was not counted yet, else 0."""

    async def checks_of(self, day: int) -> int:
        """How many checks a day has."""

    async def forget_checks(self, before_day: int) -> None:
        """Forget the checks of earlier days."""

    async def checks(self, since_day: int) -> Mapping[tuple[str, str], int]:
        """How many asked since a day, by platform and channel."""
