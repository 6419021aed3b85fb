"""Counters of a node in the Prometheus format, and its health; both without identifiers, on a loopback port."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from veery.node.http import JSON, HttpAnswer, HttpRequest, text


class Metrics:
    """What a node counts. Labels are methods, codes and kinds; never accounts, addresses or keys of others."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "veery_requests_total", "Requests answered over HTTPS", ["path", "code"], registry=self.registry
        )
        self.seconds = Counter(
            "veery_request_seconds_total", "Time spent on answers over HTTPS", ["path"], registry=self.registry
        )
        self._observed: dict[tuple[str, int], tuple[Counter, Counter]] = {}
        self.stored = Counter("veery_messages_stored_total", "Messages newly stored", registry=self.registry)
        self.expired = Counter("veery_messages_expired_total", "Messages removed by expiry", registry=self.registry)
        self.missed = Counter("veery_members_missed_total", "Requests that a member missed", registry=self.registry)
        self.pushed = Counter(
            "veery_push_batches_total", "Batches pushed to other members", ["result"], registry=self.registry
        )

    def gauge(self, name: str, what: str, value: Callable[[], float]) -> None:
        """Add a value that is asked for at each scrape."""
        Gauge(name, what, registry=self.registry).set_function(value)

    def observe(self, path: str, code: int, seconds: float) -> None:
        """Count one answered request; unknown paths share one label."""
        counters = self._observed.get((path, code))
        if counters is None:  # kept: looking labels up takes longer than counting
            counters = self._observed[path, code] = (self.requests.labels(path, str(code)), self.seconds.labels(path))
        counters[0].inc()
        counters[1].inc(seconds)


class MetricsPort:
    """Answers `/healthz` and `/metrics`. health: what stands in the answer; ready when its `reasons` are empty."""

    def __init__(self, metrics: Metrics, health: Callable[[], Mapping[str, object]]) -> None:
        self._metrics = metrics
        self._health = health

    async def handle(self, request: HttpRequest) -> HttpAnswer:
        """Answer one request."""
        if request.path == "/healthz":
            health = self._health()
            return HttpAnswer(503 if health.get("reasons") else 200, json.dumps(health).encode(), JSON)
        if request.path == "/metrics":
            return HttpAnswer(200, generate_latest(self._metrics.registry), CONTENT_TYPE_LATEST)
        return text(404)
