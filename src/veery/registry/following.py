"""How a seed follows the leader: fetch the entries behind its own latest one, check each, keep them."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from veery.registry.entries import Entry, decode_entry
from veery.registry.membership import HistoryBroken
from veery.registry.seed import Seed
from veery.registry.seed_call import SeedCaller, SeedMalformed, SeedRefused
from veery.registry.seed_rpc import UNKNOWN_BLOCK


class HistoryDiverged(HistoryBroken):
    """The leader does not know the latest entry of this seed: one of the two has lost or changed entries."""

    default_kind = "registry.history.diverged"
    default_remedy = "If the leader came back from an old backup, give it the history of this seed and restart it"


async def catch_up(seed: Seed, leader: SeedCaller) -> int:
    """Fetch and keep all entries that the leader has beyond ours; gives how many.

    Raises SeedUnreachable and the other errors of a call, EntryMalformed, HistoryBroken, HistoryDiverged.
    """
    count = 0
    while True:
        entries, more = await fetch_page(leader, seed.head_hash)
        seed.adopt(entries)
        count += len(entries)
        if not more:
            return count


async def fetch_page(source: SeedCaller, after: bytes | None) -> tuple[list[Entry], bool]:
    """One page of entries behind a block, and whether there are more. Raises as `catch_up` does."""
    params = {} if after is None else {"after": after.hex()}
    try:
        result = await source.call("veery_history", params)
    except SeedRefused as error:
        if error.code == UNKNOWN_BLOCK:
            raise HistoryDiverged(
                f"The seed {source.name} does not know the latest entry that is known here"
            ) from error
        raise
    return _page(result, source.name)


def _page(result: Mapping[str, Any], name: str) -> tuple[list[Entry], bool]:
    match result:
        case {"entries": list(texts), "more": bool(more)} if all(isinstance(text, str) for text in texts):
            pass
        case _:
            raise SeedMalformed(f"The seed {name} gave no entries")
    if more and not texts:
        raise SeedMalformed(f"The seed {name} promises entries and gives none")
    try:
        return [decode_entry(b64decode(text, validate=True)) for text in texts], more
    except (binascii.Error, ValueError) as error:
        raise SeedMalformed(f"The seed {name} gave entries that are not base64") from error
