"""What is told of searches, storage and rules: plain JSON values, and what they are made of. Needs no event loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from veery.client.views import Json, message_view
from veery.protocol.constants import DAY_MS
from veery.store.search import Search
from veery.store.tables import Tables
from veery.store.trimming import Share, TrimFile, TrimRule
from veery.store.usage import Usage

MIB: Final = 1024**2
AGES: Final = ("month", "year", "older")  # of `Share.age`


@dataclass(frozen=True, slots=True)
class StorageState:
    """What takes space. files, file_bytes: local files; fitting, fitting_bytes: of these, what the rules would take."""

    usage: Usage
    shares: tuple[Share, ...]
    files: int
    file_bytes: int
    fitting: int
    fitting_bytes: int


def found_page(tables: Tables, search: Search, limit: int, now_ms: int) -> Sequence[Json]:
    """A page of what is found. Raises SearchWrong."""
    asking: dict[str, bool] = {}
    views: list[Json] = []
    for message in tables.search.page(search, limit, now_ms):
        if message.conversation not in asking:
            held = tables.conversations.get(message.conversation)
            asking[message.conversation] = held is not None and held.is_request
        views.append(message_view(tables, message, request=asking[message.conversation]))
    return views


def storage_state(tables: Tables, now_ms: int) -> StorageState:
    """What takes space now. Walks all messages."""
    usage, shares = tables.usage.get(), tables.trimming.shares(now_ms)
    return StorageState(usage, shares, *tables.blobs.total(), *tables.trimming.fitting_total(now_ms))


def storage_view(state: StorageState) -> Json:
    """The state; sizes in bytes."""
    return {
        "messages": state.usage.messages,
        "database_bytes": state.usage.file_bytes,
        "unused_bytes": state.usage.free_bytes,
        "files": state.files,
        "file_bytes": state.file_bytes,
        "would_trim": state.fitting,
        "would_free_bytes": state.fitting_bytes,
        "shares": [
            {
                "conversation": each.conversation,
                "kind": each.kind,
                "age": AGES[each.age],
                "count": each.count,
                "bytes": each.size,
                "would_free_bytes": each.freed,
            }
            for each in state.shares
        ],
    }


def rule_view(rule: TrimRule) -> Json:
    """A rule."""
    return {
        "id": rule.id,
        "conversation": rule.conversation,
        "older_days": None if rule.older_ms is None else rule.older_ms // DAY_MS,
        "larger_mib": None if rule.larger_bytes is None else rule.larger_bytes // MIB,
    }


def file_view(file: TrimFile) -> Json:
    """A file that rules fit."""
    return {
        "message": file.message,
        "conversation": file.conversation,
        "name": file.name,
        "kind": file.kind,
        "bytes": file.size,
        "received_at": file.received_ms,
    }
