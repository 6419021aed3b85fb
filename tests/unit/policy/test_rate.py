"""Token buckets."""

from __future__ import annotations

from veery.policy.rate import LOOKED_AT, Bucket, BucketRules, Buckets

RULES = BucketRules(capacity=600, per_second=300)


def test_a_burst_then_the_rate() -> None:
    buckets = Buckets(RULES, 10)
    assert sum(buckets.take("a", 0.0) for _ in range(1_000)) == 600
    assert sum(buckets.take("a", 1.0) for _ in range(1_000)) == 300
    assert sum(buckets.take("a", 100.0) for _ in range(1_000)) == 600


def test_sources_do_not_share() -> None:
    buckets = Buckets(BucketRules(1, 1), 10)
    assert buckets.take("a", 0.0)
    assert not buckets.take("a", 0.0)
    assert buckets.take("b", 0.0)


def test_a_full_table_refuses_new_sources_until_one_is_full_again() -> None:
    buckets = Buckets(RULES, 3)
    for source in "abc":
        assert buckets.take(source, 0.0)
    assert not buckets.take("d", 0.0)
    assert buckets.take("a", 0.0)
    assert buckets.take("d", 1.0)
    assert len(buckets) == 3


def test_a_drained_source_does_not_keep_the_table_full() -> None:
    buckets = Buckets(RULES, 3)
    while buckets.take("a", 0.0):
        pass
    buckets.take("b", 0.0)
    buckets.take("c", 0.0)
    assert buckets.take("d", 0.1)  # b is full again, a is not
    assert sum(buckets.take("a", 0.1) for _ in range(100)) == 30


def test_making_room_looks_at_few() -> None:
    buckets = Buckets(BucketRules(10, 1), LOOKED_AT + 1)
    for number in range(LOOKED_AT):
        while buckets.take(str(number), 0.0):
            pass
    buckets.take("idle", 0.0)
    assert not buckets.take("new", 1.0)  # what is full again stands too far behind
    assert buckets.take("new", 10.0)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = Bucket(1.0, 100.0)
    rules = BucketRules(2, 1)
    assert bucket.take(rules, 100.0)
    assert not bucket.take(rules, 50.0)
    assert not bucket.is_full(rules, 50.0)
    assert not bucket.take(rules, 100.5)
    assert bucket.take(rules, 101.0)
