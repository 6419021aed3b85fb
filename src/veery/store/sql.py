"""Small helpers for rows. Connections are those of `runtime.sqlite`, inside a transaction that somebody else ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from veery.protocol import given
from veery.protocol.account import AccountId
from veery.runtime.sqlite import Connection, SqlValue

Row: TypeAlias = tuple[Any, ...]
INTEGER_MAX: Final = 2**63 - 1  # what an integer column holds; numbers of the wire go up to 2^64 - 1

__all__ = ["INTEGER_MAX", "Connection", "Row", "account", "clamp", "one"]


def account(raw: Any) -> AccountId:
    """An account column."""
    return AccountId(bytes(raw))


def one(connection: Connection, sql: str, parameters: Sequence[SqlValue] = ()) -> Row | None:
    """The first row of a query, or None."""
    row = connection.execute(sql, parameters).fetchone()
    return None if row is None else tuple(row)


def clamp(value: int) -> int:
    """The nearest number that an integer column holds. Raises WrongType for what is no number."""
    given.whole(value, "a number or an id")
    return max(-INTEGER_MAX, min(value, INTEGER_MAX))
