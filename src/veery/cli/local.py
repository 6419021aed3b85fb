"""Reading a profile without an engine: one connection that only reads, beside whoever has the profile open."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from veery.runtime.sqlite import Options, open_encrypted
from veery.store.accounts import AccountRow
from veery.store.database import DATABASE_NAME
from veery.store.faults import store_faults
from veery.store.header import open_header, read_header
from veery.store.keys import Unlock
from veery.store.tables import Tables

T = TypeVar("T")


def own_account(directory: Path, unlock: Unlock) -> AccountRow:
    """The account of a profile. Raises WrongKey, StoreError."""
    key = open_header(read_header(directory), unlock)
    path = directory / DATABASE_NAME
    with store_faults():
        connection = open_encrypted(path, key, Options(read_only=True))
        try:
            return Tables(connection, path).accounts.get()
        finally:
            connection.close()
