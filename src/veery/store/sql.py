"""What the tables need of a connection, so that they do not depend on the driver, and two helpers for rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol, TypeAlias

from veery.protocol.account import AccountId

Value: TypeAlias = "int | str | bytes | None"
Row: TypeAlias = tuple[Any, ...]
INTEGER_MAX: Final = 2**63 - 1  # what an integer column holds; numbers of the wire go up to 2^64 - 1


class Cursor(Protocol):
    """The result of one statement."""

    @property
    def lastrowid(self) -> int | None:
        """Row id of the last insert."""

    @property
    def rowcount(self) -> int:
        """Rows that the statement changed."""

    def fetchone(self) -> Any:
        """The next row, or None."""

    def fetchall(self) -> list[Any]:
        """All further rows."""

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """An open database, inside a transaction that somebody else begins and ends."""

    def execute(self, sql: str, parameters: Sequence[Value] = ..., /) -> Cursor:
        """Run one statement."""

    def executemany(self, sql: str, parameters: Iterable[Sequence[Value]], /) -> Cursor:
        """Run one statement for each row of parameters."""


def account(raw: Any) -> AccountId:
    """An account column."""
    return AccountId(bytes(raw))


def one(connection: Connection, sql: str, parameters: Sequence[Value] = ()) -> Row | None:
    """The first row of a query, or None."""
    row = connection.execute(sql, parameters).fetchone()
    return None if row is None else tuple(row)


def clamp(value: int) -> int:
    """The nearest number that an integer column holds."""
    return max(-INTEGER_MAX, min(value, INTEGER_MAX))
