"""Token buckets: how often one source may ask (04.1)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice
from typing import Final

LOOKED_AT: Final = 8  # sources that asked longest ago, when room is needed


@dataclass(frozen=True, slots=True)
class BucketRules:
    """capacity: requests at once; per_second: requests a second in the long run."""

    capacity: float
    per_second: float


@dataclass(slots=True)
class Bucket:
    """What one source has left at a moment, in requests."""

    tokens: float
    at: float

    def take(self, rules: BucketRules, now: float) -> bool:
        """Take one request at `now` (seconds, monotonic); False when there is none."""
        self.tokens = min(rules.capacity, self.tokens + max(0.0, now - self.at) * rules.per_second)
        self.at = max(self.at, now)
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True

    def is_full(self, rules: BucketRules, now: float) -> bool:
        """Whether the source has not asked for so long that it need not be remembered."""
        return self.tokens + max(0.0, now - self.at) * rules.per_second >= rules.capacity


class Buckets:
    """Buckets by source, at most `most` of them; a full table refuses new sources (04.1).

    Sources are kept in the order of their latest request, so those that can be forgotten come first.
    """

    def __init__(self, rules: BucketRules, most: int) -> None:
        self._rules = rules
        self._most = most
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, source: str, now: float) -> bool:
        """Take one request of a source; False when it has none left, or no room is left for a new source."""
        bucket = self._buckets.get(source)
        if bucket is None:
            if len(self._buckets) >= self._most and not self._forget(now):
                return False
            bucket = self._buckets[source] = Bucket(self._rules.capacity, now)
        else:
            self._buckets.move_to_end(source)
        return bucket.take(self._rules, now)

    def _forget(self, now: float) -> bool:
        """Make room: drop a source whose bucket is full again. Looking far would let strangers make us work."""
        for source, bucket in islice(self._buckets.items(), LOOKED_AT):
            if bucket.is_full(self._rules, now):
                del self._buckets[source]
                return True
        return False
