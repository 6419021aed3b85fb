"""Token buckets against exact arithmetic."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from veery.policy.rate import Bucket, BucketRules, Buckets

# Times in eighths of a second: floats hold them exactly.
STEPS = st.lists(st.integers(0, 40), min_size=1, max_size=200)


@given(STEPS, st.integers(1, 20), st.integers(1, 16))
def test_a_bucket_gives_exactly_what_its_rules_allow(steps: list[int], capacity: int, per_second: int) -> None:
    rules = BucketRules(capacity, per_second)
    bucket = Bucket(capacity, 0.0)
    level, now = Fraction(capacity), 0
    for step in steps:
        now += step
        level = min(Fraction(capacity), level + Fraction(step, 8) * per_second)
        allowed = level >= 1
        level -= allowed
        assert bucket.take(rules, now / 8) == allowed


@given(STEPS, st.integers(1, 20), st.integers(1, 16))
def test_no_window_of_time_gives_more_than_burst_and_rate(steps: list[int], capacity: int, per_second: int) -> None:
    rules = BucketRules(capacity, per_second)
    bucket = Bucket(capacity, 0.0)
    now, taken = 0, []
    for step in steps:
        now += step
        if bucket.take(rules, now / 8):
            taken.append(now)
    for index, begin in enumerate(taken):
        for count, end in enumerate(taken[index:], start=1):
            assert count <= capacity + per_second * (end - begin) / 8


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), max_size=200), st.integers(1, 4))
def test_the_table_is_bounded_and_forgets_only_what_makes_no_difference(
    requests: list[tuple[int, int]], most: int
) -> None:
    rules = BucketRules(3, 2)
    table = Buckets(rules, most)
    apart: dict[str, Bucket] = {}
    now = 0
    for source, step in requests:
        now += step
        name = str(source)
        known = apart.get(name)
        fresh = known is None or known.is_full(rules, now / 8)
        before = len(table)
        allowed = table.take(name, now / 8)
        assert len(table) <= most
        if not allowed and fresh:
            assert before == most  # refused for want of room only
            continue
        bucket = apart.setdefault(name, Bucket(3, now / 8))
        assert bucket.take(rules, now / 8) == allowed
