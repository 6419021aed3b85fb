"""The cache of contacts' keys."""

from __future__ import annotations

from tests.vectors.harness import Case, topic
from veery.policy.contact_keys import KeyCache, SendStep
from veery.protocol.constants import SECOND_MS
from veery.protocol.devices import HybridPublic

STEPS = {
    SendStep.SEND: "send-pfs",
    SendStep.DECIDE: "decide-now",
    SendStep.FETCH_THEN_DECIDE: "fetch-then-decide",
}


def milliseconds(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * SECOND_MS


@topic("v2-key-cache")
def v2_key_cache(inputs: Case, expected: Case) -> None:
    fetched_ms, nak_ms = milliseconds(inputs["fetched_at"]), milliseconds(inputs["nak_at"])
    keys = None if fetched_ms is None else HybridPublic(bytes(32), bytes(1184))
    cache, now_ms = KeyCache(fetched_ms, nak_ms, keys), inputs["now"] * SECOND_MS
    prefetch, send = cache.prefetch(now_ms), cache.send(now_ms)
    assert prefetch.status.value == expected["prefetch_status"]
    assert prefetch.fetch is expected["prefetch_fetches"]
    assert STEPS[send.step] == expected["send_action"]
    assert send.fetch is expected["send_fetches"]
