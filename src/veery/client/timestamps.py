"""The T of own messages: network time, strictly increasing within the account (02.4.1).

Receivers take (author, T) for the identity of a message, and some drop a second one of any kind, so control messages
count as well. The last T stands in the store; whatever the clocks do, the next one is above it.
"""

from __future__ import annotations

from typing import Final

from veery.protocol.account import AccountId
from veery.store.tables import Tables

_LAST: Final = "last_timestamp_ms"


def next_timestamp(tables: Tables, own: AccountId, network_ms: int, *, lead_ms: int = 0) -> int:
    """Take the next T. The `lead_ms` milliseconds before it are free for what must come first."""
    last = int(tables.accounts.setting(_LAST) or 0)
    timestamp_ms = max(network_ms, last + 1 + lead_ms)
    while tables.messages.find(own, timestamp_ms) is not None:  # of another own device
        timestamp_ms += 1
    tables.accounts.set_setting(_LAST, str(timestamp_ms))
    return timestamp_ms
