"""How much of the waiting messages one retrieve takes (04.6.2), and how a client shares one answer out (04.9).

Sizes are counted by a rule of their own, the same for JSON and bencoded answers: 100, the hash, and the data as base64
without padding. The first message is always taken; `more` says that something was left.
"""

from __future__ import annotations

from collections.abc import Sequence

from veery.protocol.constants import (
    POLL_PRIORITY_HIGH,
    POLL_PRIORITY_LOW,
    RETRIEVE_DEFAULT_FRACTION,
    RETRIEVE_MAX,
    RETRIEVE_MESSAGE_OVERHEAD,
)
from veery.protocol.storage_rpc.namespaces import Namespace
from veery.protocol.storage_rpc.requests import Retrieve


def counted_size(data_size: int) -> int:
    """The size that one message of so many bytes counts for."""
    return RETRIEVE_MESSAGE_OVERHEAD + 4 * data_size // 3


def size_limit(max_size: int | None, max_count: int | None) -> int:
    """The limit in counted bytes; 0 and None are "not given", -k is a k-th of the most."""
    if not max_size:
        return RETRIEVE_MAX if max_count else RETRIEVE_MAX // RETRIEVE_DEFAULT_FRACTION
    return RETRIEVE_MAX // -max_size if max_size < 0 else min(max_size, RETRIEVE_MAX)


class RetrieveWindow:
    """Takes messages in order until a limit is reached. most: counted bytes that are left for it, besides its limits.

    A node asks `take` with the data's size of each waiting message in turn and stops at the first refusal, which sets
    `more`.
    """

    __slots__ = ("count_left", "more", "size_left", "taken")

    def __init__(self, request: Retrieve, most: int = RETRIEVE_MAX) -> None:
        self.size_left = min(most, size_limit(request.max_size, request.max_count))
        self.count_left = max(1, request.max_count) if request.max_count else None
        self.taken = 0
        self.more = False

    def take(self, data_size: int) -> bool:
        """Whether the next message, of so many bytes of data, goes into the answer."""
        size = counted_size(data_size)
        full = self.count_left == 0 or size > self.size_left
        if self.more or (full and self.taken):
            self.more = True
            return False
        self.taken += 1
        self.size_left -= size
        if self.count_left is not None:
            self.count_left -= 1
        return True


def poll_fractions(namespaces: Sequence[int]) -> dict[int, int]:
    """The negative `max_size` of each namespace of one poll, so that the sum fits one reply (04.9)."""
    high = [namespace for namespace in namespaces if _is_high(namespace)]
    low = [namespace for namespace in namespaces if not _is_high(namespace)]
    levels = [level for level in (high, low) if level]
    divisor = 1
    fractions: dict[int, int] = {}
    for place, level in enumerate(levels):
        lowest = place == len(levels) - 1
        divisor *= len(level) + (0 if lowest else 1)
        fractions |= dict.fromkeys(level, -divisor)
    return fractions


def poll_priority(namespace: int) -> int:
    """The priority of a namespace in a poll: 10 for the inboxes of people and groups, else 1 (04.9)."""
    return POLL_PRIORITY_HIGH if _is_high(namespace) else POLL_PRIORITY_LOW


def _is_high(namespace: int) -> bool:
    return namespace in (Namespace.INBOX, Namespace.GROUP_MESSAGES)
