"""Shared by all tests: hypothesis profiles, strict about nothing but what is random; and every event is a known one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from veery.client.event_kinds import EVENT_KINDS
from veery.client.hub import Hub
from veery.store.events import Events

settings.register_profile("default", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fuzz", max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True, scope="session")
def _only_known_events() -> Any:
    """Whatever an engine tells is in `event_kinds`, with its fields. Tests of the store alone write what they like."""
    append, publish = Events.append, Hub.publish

    def checked_append(events: Events, kind: str, payload: Mapping[str, Any], now_ms: int) -> int:
        if str(sys._getframe(1).f_globals.get("__name__")).startswith("veery.client"):
            _check(kind, payload, durable=True)
        return append(events, kind, payload, now_ms)

    def checked_publish(hub: Hub, event: Mapping[str, Any]) -> None:
        if str(sys._getframe(1).f_globals.get("__name__")).startswith("veery.client"):
            _check(event["event"], {name: value for name, value in event.items() if name != "event"}, durable=False)
        publish(hub, event)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Events, "append", checked_append)
        patch.setattr(Hub, "publish", checked_publish)
        yield


def _check(name: str, payload: Mapping[str, Any], *, durable: bool) -> None:
    kind = EVENT_KINDS.get(name)
    assert kind is not None, f"events of kind `{name}` are not in veery.client.event_kinds"
    assert kind.durable == durable, name
    assert not kind.differences(payload), f"an event of kind `{name}`: {kind.differences(payload)}"
