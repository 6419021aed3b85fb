"""Reading again what could not be read when it came: kept items, by a later build or with what is known by now.

Items of an unknown kind are kept with their bytes (`store.inbox`). Whoever learns something that may open them (a build
that knows more, a key that arrived, a group that was joined) has them read again: `reread` hands them to the handler of
their namespace exactly as if they had just been fetched. What is still not readable stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from veery.client.arrivals import Batch
from veery.client.core import Core
from veery.client.expiring import Expiring
from veery.client.fetching import by_time
from veery.client.mailbox import Handler, Mailbox
from veery.store.inbox import KeptItem
from veery.store.tables import Tables

_PAGE: Final = 100  # items of one transaction


class Rereading:
    """Kept items of the mailboxes of one account."""

    def __init__(self, core: Core, expiring: Expiring) -> None:
        self._core = core
        self._expiring = expiring

    async def reread(self, mailbox: Mailbox, reasons: Container[str] | None = None) -> int:
        """Read the kept items of a mailbox again; gives how many were read.

        reasons: only those that were kept for one of these; None: all. Raises StoreError.
        """
        read, after = 0, 0
        while page := await self._page(after):
            after = page[-1].id
            wanted = [each for each in page if _is_wanted(each, mailbox, reasons)]
            for namespace in sorted({each.namespace for each in wanted}, key=list(mailbox.handlers).index):
                items = [each for each in wanted if each.namespace == namespace]
                read += await self._apply(mailbox, mailbox.handlers[namespace], items)
        return read

    async def _page(self, after: int) -> Sequence[KeptItem]:
        return await self._core.read(lambda tables: tables.inbox.kept(_PAGE, after))

    async def _apply(self, mailbox: Mailbox, handler: Handler[Any], kept: Sequence[KeptItem]) -> int:
        core, times = self._core, self._core.times()
        opener = await core.read(lambda tables: handler.prepare(tables, core.account))
        openings = await asyncio.to_thread(opener, [each.item for each in kept])

        def work(tables: Tables) -> tuple[int, Batch]:
            batch = Batch(tables, core.own, times, account=mailbox.account)
            apply = partial(handler.apply, batch, openings)
            return sum(tables.inbox.reread(each, apply) for each in _in_order(kept, openings)), batch

        read, batch = await core.write(work)
        for event in batch.live:
            core.hub.publish(event)
        if batch.queued:
            core.outbox_changed.set()
        if batch.shorten:
            await self._expiring.shorten(batch.shorten)
        return read


def _is_wanted(kept: KeptItem, mailbox: Mailbox, reasons: Container[str] | None) -> bool:
    ours = kept.account == mailbox.account and kept.namespace in mailbox.handlers
    return ours and (reasons is None or kept.reason in reasons)


def _in_order(kept: Iterable[KeptItem], openings: Mapping[str, object]) -> Sequence[KeptItem]:
    by_hash = {each.item.hash: each for each in kept}
    return [by_hash[item.hash] for item in by_time([each.item for each in by_hash.values()], openings)]
