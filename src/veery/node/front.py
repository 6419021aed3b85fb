"""The paths of the node's HTTPS port (03.3, 04.1): what a client can reach, and what is refused before it is read."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping

from veery.node.dispatch import Dispatcher
from veery.node.http import JSON, HttpAnswer, HttpRequest, text
from veery.node.relay import OnionHop
from veery.node.view import NodeView

STORAGE = "/storage_rpc/v1"
ONION = "/onion_req/v2"
PING = "/ping_test/v1"
STATS = "/get_stats/v1"

_PATHS = frozenset({STORAGE, ONION, PING, STATS})

Handler = Callable[[HttpRequest], Awaitable[HttpAnswer]]


class Front:
    """Answers HTTP requests. `admit(peer)` is the rate limit of direct storage requests; onion requests have none.

    on_ping: told that somebody reached this node by HTTPS (05.8). cors: origins that browsers may come from, `*` for
    all; empty for none.
    """

    def __init__(
        self,
        view: NodeView,
        dispatcher: Dispatcher,
        hop: OnionHop,
        *,
        admit: Callable[[str], bool],
        on_ping: Callable[[], None] = lambda: None,
        cors: frozenset[str] = frozenset(),
    ) -> None:
        self._view = view
        self._dispatcher = dispatcher
        self._hop = hop
        self._admit = admit
        self._on_ping = on_ping
        self._cors = cors
        self._routes: Mapping[tuple[str, str], Handler] = {
            ("POST", STORAGE): self._storage,
            ("POST", ONION): self._onion,
            ("POST", PING): self._ping,
            ("GET", STATS): self._stats,
        }

    def knows(self, path: str) -> bool:
        """Whether a path is one of the node's."""
        return path in _PATHS

    def early(self, path: str, peer: str) -> HttpAnswer | None:
        """An answer that needs no body: not ready, or too many requests (04.1)."""
        if path not in (STORAGE, ONION):
            return None
        reasons = self._view.not_ready()
        if reasons:
            return text(503, f"Service node is not ready: {'; '.join(reasons)}\n", close=True)
        if path == STORAGE and not self._admit(peer):
            return text(429, close=True)
        return None

    async def handle(self, request: HttpRequest) -> HttpAnswer:
        """Answer one request."""
        handler = self._routes.get((request.method, request.path))
        if handler is None:
            return text(404, f"{request.method.lower()} {request.path} Not Found")
        answer = await handler(request)
        return self._with_cors(request, answer) if self._cors else answer

    async def _storage(self, request: HttpRequest) -> HttpAnswer:
        if "x-loki-long-poll" in request.headers:
            return text(410, "long polling is no longer supported, client upgrade required")
        return (await self._dispatcher.from_json(request.body)).to_http()

    async def _onion(self, request: HttpRequest) -> HttpAnswer:
        return await self._hop.from_client(request.body)

    async def _ping(self, request: HttpRequest) -> HttpAnswer:
        self._on_ping()
        key = b64encode(self._view.keys.legacy).decode()
        return HttpAnswer(200, headers={"X-Oxen-Snode-Pubkey": key})

    async def _stats(self, request: HttpRequest) -> HttpAnswer:
        version = ".".join(map(str, self._view.version))
        return HttpAnswer(200, f'{{"version":"{version}"}}'.encode(), JSON)

    def _with_cors(self, request: HttpRequest, answer: HttpAnswer) -> HttpAnswer:
        origin = request.headers.get("origin", "")
        allowed = "*" if "*" in self._cors else origin if origin in self._cors else None
        if allowed is None:
            return answer
        headers = {**answer.headers, "Access-Control-Allow-Origin": allowed}
        return HttpAnswer(answer.status, answer.body, answer.content_type, headers, answer.close)
