"""The account of this device, and its settings: one row, and pairs of name and text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from veery.errors import StoreError
from veery.protocol.account import AccountId
from veery.secret import Secret
from veery.store.sql import Connection, account, one

DEVICE_ID_SIZE: Final = 32  # bytes, random, 06.5.1


class NoAccount(StoreError):
    """The store holds no account: its creation was not finished."""

    default_kind = "store.no_account"


@dataclass(frozen=True, slots=True, eq=False)
class AccountRow:
    """The account of this device.

    profile_s: time of the last profile update, in seconds (07.10.1); 1 for a name typed at a restore (01.4).
    restored: whether it came from a recovery password; such a device may not push configs before it has merged (07.9).
    network: the whole text of the network file that the account lives in.
    picture_again_s: when a client has last seen to it by itself that the picture lives on, in seconds (`T` of 07.10.1).
    """

    account_id: AccountId
    seed: Secret
    device_id: bytes
    display_name: str = field(repr=False)
    profile_s: int
    restored: bool
    network: str = field(repr=False)
    created_ms: int
    picture_url: str | None = field(default=None, repr=False)
    picture_key: Secret | None = None
    picture_again_s: int = 0

    @property
    def updated_s(self) -> int:
        """The later of both times: what others compare, in seconds."""
        return max(self.profile_s, self.picture_again_s)


class Accounts:
    """The account row and the settings."""

    __slots__ = ("_db",)

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def insert(self, row: AccountRow) -> None:
        """Write the account of a new store, once."""
        self._db.execute(
            "INSERT INTO account (only, account_id, seed, device_id, display_name, profile_s, restored, network,"
            " created_ms) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.account_id.raw,
                row.seed.reveal(),
                row.device_id,
                row.display_name,
                row.profile_s,
                int(row.restored),
                row.network,
                row.created_ms,
            ),
        )

    def get(self) -> AccountRow:
        """The account. Raises NoAccount."""
        row = one(
            self._db,
            "SELECT account_id, seed, device_id, display_name, profile_s, restored, network, created_ms, picture_url,"
            " picture_key, picture_again_s FROM account",
        )
        if row is None:
            raise NoAccount("this profile holds no account", remedy="Remove its directory and make the profile again")
        account_id, seed, device_id, name, profile_s, restored, network, created_ms, url, key, again_s = row
        return AccountRow(
            account_id=account(account_id),
            seed=Secret(seed),
            device_id=device_id,
            display_name=name,
            profile_s=profile_s,
            restored=bool(restored),
            network=network,
            created_ms=created_ms,
            picture_url=url,
            picture_key=None if key is None else Secret(key),
            picture_again_s=again_s,
        )

    def set_profile(self, display_name: str, profile_s: int) -> None:
        """Change the display name and the time of the last profile update (seconds)."""
        self._db.execute("UPDATE account SET display_name = ?, profile_s = ?", (display_name, profile_s))

    def set_picture(self, url: str | None, key: Secret | None, profile_s: int) -> None:
        """Change the picture that others see, url and 32-byte key or neither, and the time of the update (seconds)."""
        self._db.execute(
            "UPDATE account SET picture_url = ?, picture_key = ?, profile_s = ?",
            (url, None if key is None else key.reveal(), profile_s),
        )

    def set_picture_again(self, url: str, key: Secret, again_s: int) -> None:
        """The same picture lives on, there or at another place, since a moment (seconds, 09.6)."""
        self._db.execute(
            "UPDATE account SET picture_url = ?, picture_key = ?, picture_again_s = ?", (url, key.reveal(), again_s)
        )

    def set_restored(self, restored: bool) -> None:
        """Mark whether the account still waits for what is on the swarm."""
        self._db.execute("UPDATE account SET restored = ?", (int(restored),))

    def set_network(self, network: str) -> None:
        """Replace the text of the network file."""
        self._db.execute("UPDATE account SET network = ?", (network,))

    def setting(self, name: str) -> str | None:
        """The value of a setting, or None."""
        row = one(self._db, "SELECT value FROM settings WHERE name = ?", (name,))
        return None if row is None else str(row[0])

    def settings(self) -> Mapping[str, str]:
        """All settings, by name."""
        return {str(name): str(value) for name, value in self._db.execute("SELECT * FROM settings ORDER BY name")}

    def set_setting(self, name: str, value: str | None) -> None:
        """Write a setting; None removes it."""
        if value is None:
            self._db.execute("DELETE FROM settings WHERE name = ?", (name,))
            return
        self._db.execute(
            "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )
