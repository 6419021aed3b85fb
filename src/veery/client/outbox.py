"""What is not stored yet, as a person sees it: what waits, what was given up, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from veery.client import fates
from veery.client.core import Core
from veery.client.faults import no_copy
from veery.client.levels.key_fetching import KeyFetching
from veery.client.levels.notices import FOR_CONTACT
from veery.store.held_copies import Held
from veery.store.message_values import AttachmentState
from veery.store.outbox import Copy, CopyState, NewCopy
from veery.store.tables import Tables

_LISTED_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class WaitingCopy:
    """A copy that is not stored. id: of the copy; message: None for what no message shows (receipts, reactions, …).

    role: recipient, sync or control; next_attempt_ms: local time; last_error: its kind, the reason if it failed. held:
    why it waits for keys, None if it does not.
    """

    id: int
    message: int | None
    destination: str
    role: str
    state: CopyState
    attempts: int
    next_attempt_ms: int
    last_error: str | None
    held: Held | None = None

    @property
    def sealed(self) -> bool:
        """Whether its bytes are fixed, and it is still to be stored."""
        return self.state is CopyState.SEALED

    @property
    def failed(self) -> bool:
        """Whether it was given up."""
        return self.state is CopyState.FAILED


@dataclass(frozen=True, slots=True)
class Uploading:
    """A message that waits for files. files: how many are not on the file server yet."""

    message: int
    conversation: str
    files: int


class OutboxService:
    """Looks into the outbox. Messages are tried again and dropped by `Sending.retry` and `Sending.drop`."""

    def __init__(self, core: Core, keys: KeyFetching) -> None:
        self._core = core
        self._keys = keys

    async def listed(self) -> tuple[WaitingCopy, ...]:
        """The copies that are not stored, the next one first and those that were given up last; at most a thousand."""
        rows, held = await self._core.read(lambda tables: (tables.outbox.listed(_LISTED_MAX), tables.held.all()))
        return tuple(
            WaitingCopy(
                row.id,
                row.message,
                row.destination.hex,
                row.role.value,
                row.state,
                row.attempts,
                row.next_attempt_ms,
                row.last_error,
                held.get(row.id),
            )
            for row in rows
        )

    async def uploading(self) -> tuple[Uploading, ...]:
        """Messages that wait for their files to be uploaded, oldest first."""

        def work(tables: Tables) -> tuple[Uploading, ...]:
            left: dict[int, int] = {}
            for each in tables.attachments.in_state(AttachmentState.UPLOADING, _LISTED_MAX):
                left[each.message] = left.get(each.message, 0) + 1
            found = ((tables.messages.get(message), files) for message, files in left.items())
            return tuple(Uploading(held.id, held.conversation, files) for held, files in found if held is not None)

        return await self._core.read(work)

    async def waiting(self) -> tuple[WaitingCopy, ...]:
        """The copies that are not stored yet and not given up, the next one first; at most a thousand."""
        return tuple(each for each in await self.listed() if not each.failed)

    async def retry_copy(self, copy: int) -> None:
        """Try a copy again now that no message shows; one that waits for keys has them looked up. Raises NotFound."""
        now_ms = self._core.clock.now_ms()
        held, waits = await self._core.read(lambda tables: (_needed(tables, copy), tables.held.get(copy)))
        if waits is not None and waits.reason in FOR_CONTACT:
            await self._keys.look_again(held.destination)
        await self._core.write(lambda tables: _retry(tables, copy, now_ms))
        self._core.outbox_changed.set()

    async def drop_copy(self, copy: int) -> None:
        """Give up a copy that no message shows. Raises NotFound."""
        await self._core.write(lambda tables: tables.outbox.cancel(_needed(tables, copy).id))


def try_now(tables: Tables, copy: Copy, now_ms: int) -> None:
    """Let a copy be tried now that failed, waits out a pause, or waits for keys."""
    if tables.held.get(copy.id) is not None:
        tables.held.wake(copy.destination, now_ms)
    elif copy.state is CopyState.FAILED or copy.attempts:
        fates.revive(tables, copy, now_ms)


def _needed(tables: Tables, copy: int) -> Copy:
    held = tables.outbox.get(copy)
    if held is None or held.message is not None:
        raise no_copy(copy)
    return held


def _retry(tables: Tables, copy: int, now_ms: int) -> None:
    held = _needed(tables, copy)
    if now_ms < held.created_ms + held.ttl_ms:
        try_now(tables, held, now_ms)
        return
    tables.outbox.finish(held.id)
    new = NewCopy(held.role, held.destination, held.namespace, held.timestamp_ms, held.ttl_ms, held.content)
    tables.outbox.insert(new, now_ms)
