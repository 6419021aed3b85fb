"""Full-text search in what was said, as a person sees it."""

from __future__ import annotations

from collections.abc import Sequence

from veery.client.core import Core
from veery.client.storage_views import found_page
from veery.client.views import Json
from veery.store.message_values import Message
from veery.store.search import Search

FOUND_DEFAULT = 20


class Searching:
    """Searches of one account."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def __call__(self, search: Search, limit: int = FOUND_DEFAULT) -> Sequence[Json]:
        """At most `limit` messages as `client.views.message_view` shows them, the last that came first.

        The next page: the same search with `before` set to the id of the last one. Raises SearchWrong when there is
        nothing to look for, and KindUnknown.
        """
        now_ms = self._core.clock.now_ms()
        return await self._core.read(lambda tables: found_page(tables, search, limit, now_ms))

    async def messages(self, search: Search, limit: int = FOUND_DEFAULT) -> tuple[Message, ...]:
        """As calling it, with everything that the store knows of each message."""
        now_ms = self._core.clock.now_ms()
        return await self._core.read(lambda tables: tables.search.page(search, limit, now_ms))
