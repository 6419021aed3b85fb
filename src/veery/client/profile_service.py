"""The own profile: display name, and what travels with messages (01.4, 02.7.2)."""

from __future__ import annotations

from dataclasses import dataclass, field

from veery.client.core import Core
from veery.protocol.account import AccountId, display_name
from veery.protocol.constants import SECOND_MS
from veery.store.tables import Tables

PROFILE_EVENT = "profile"


@dataclass(frozen=True, slots=True)
class OwnProfile:
    """The own account as contacts see it. updated_s: seconds, of the last change; restored: see `client.profile`."""

    account: AccountId
    name: str = field(repr=False)
    updated_s: int
    restored: bool


class ProfileService:
    """The profile of one account."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def get(self) -> OwnProfile:
        """The profile as it is now."""
        row = await self._core.read(lambda tables: tables.accounts.get())
        return OwnProfile(row.account_id, row.display_name, row.updated_s, row.restored)

    async def set_name(self, name: str) -> None:
        """Change the display name; contacts see it with the next message. Raises DisplayNameWrong."""
        wanted = display_name(name)
        times = self._core.times()

        def work(tables: Tables) -> None:
            held = tables.accounts.get()
            updated = max(times.network_ms // SECOND_MS, held.updated_s + 1)
            tables.accounts.set_profile(wanted, updated)
            tables.events.append(PROFILE_EVENT, {"name": wanted}, times.local_ms)

        await self._core.write(work)
