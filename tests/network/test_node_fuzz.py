"""A real node and requests that nobody wrote on purpose: always an answer of the chapters, never an internal error."""

from __future__ import annotations

import asyncio
import copy
import json
import ssl
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.network import by_hand as hand
from tests.network.by_hand import Json, Member, Someone, bencode, now_ms, raw
from tests.network.by_hand_roads import Queue, frame, onion_to_node, subscription, unverified
from tests.network.labs import Lab, lab_of

pytestmark = pytest.mark.network

T = TypeVar("T")
person, group = Someone.new(), Someone.new(group=True)
NAME = "A" * 43


class Place:
    """A lab of three nodes in a loop of its own, for tests that are not asynchronous themselves."""

    def __init__(self, directory: Path) -> None:
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.lab: Lab = self.run(self.stack.enter_async_context(lab_of(directory, 3, _generous)))
        secret = self.lab.node(2).view.keys.x25519_secret.reveal()
        self.member: Queue = self.run(self.stack.enter_async_context(self.lab.queue_to(1, secret=secret)))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def close(self) -> None:
        self.run(self.stack.aclose())
        self.runner.close()


def _generous(settings: Any) -> Any:
    return replace(settings, limits=replace(settings.limits, rate=1e6, burst=10**6))


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as directory:
        made = Place(Path(directory))
        yield made
        assert made.run(made.lab.https(1).rpc("info", {})).code == 200
        made.close()


# -- requests with something wrong in them -----------------------------------------------------------------------


def requests() -> list[tuple[str, Json]]:
    """One good request of every method."""
    member = Member(group, 15)
    at = now_ms()
    batch = {"requests": [{"method": "info", "params": {}}, {"method": "retrieve", "params": hand.retrieve(person)}]}
    return [
        ("info", {}),
        ("get_swarm", {"pubkey": person.id}),
        ("oxend_request", {"endpoint": "get_service_nodes", "params": {"limit": 1, "fields": {"public_ip": True}}}),
        ("active_nodes_bin", {}),
        ("store", hand.store(person, b"data", 2)),
        ("store", member.act(hand.store(group, b"data", 11, at=at), "store", 11, at)),
        ("retrieve", hand.retrieve(person, 3, max_size=-2, max_count=3, last_hash=NAME)),
        ("delete", hand.delete(person, [NAME, "B" * 43])),
        ("delete_all", hand.delete_all(person, "all")),
        ("delete_before", hand.delete_before(person, at, 0)),
        ("expire", hand.expire(person, [NAME, "B" * 43], [at, at], "extend")),
        ("expire_all", hand.expire_all(person, at, 2)),
        ("get_expiries", hand.get_expiries(person, [NAME])),
        ("revoke_subaccount", hand.revoke(group, [member.token])),
        ("unrevoke_subaccount", hand.revoke(group, [member.token], undo=True)),
        ("revoked_subaccounts", hand.revoked(group)),
        ("batch", batch),
        ("sequence", batch),
        ("ifelse", {"if": {"hf_at_least": [19, 4], "v_before": [9]}, "then": {"method": "batch", "params": batch}}),
    ]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=50)
    | st.sampled_from(["", NAME, "all", person.id, "0" * 66, "A" * 86, 2**63, -(2**63), 10**400]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


def places_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in items for found in ((*path, key), *places_in(item, (*path, key)))]


@st.composite
def mutated(draw: Callable[[st.SearchStrategy[Any]], Any]) -> tuple[str, Json]:
    """A good request of which one to three fields were replaced, dropped or renamed."""
    method, params = copy.deepcopy(draw(st.sampled_from(requests())))
    for _ in range(draw(st.integers(1, 3))):
        places = places_in(params)
        if not places:
            params[draw(st.text(max_size=8))] = draw(values)
            continue
        *path, key = draw(st.sampled_from(places))
        holder: Any = params
        for step in path:
            holder = holder[step]
        what = draw(st.sampled_from(["replace", "drop", "rename"]))
        if what == "replace":
            holder[key] = draw(values)
        elif what == "drop":
            del holder[key]
        elif isinstance(holder, dict):
            holder[draw(st.text(max_size=8))] = holder.pop(key)
    return method, params


CODES = {200, 400, 401, 403, 404, 406, 421}


@given(request=mutated())
def test_mutated_requests(place: Place, request: tuple[str, Json]) -> None:
    method, params = request
    answer = place.run(place.lab.https(1).rpc(method, params))
    assert answer.code in CODES, answer.text
    if answer.headers["Content-Type"] == "application/json":
        assert isinstance(answer.value, dict)
    if answer.code == 400 and method != "oxend_request":  # whose errors are the daemon's
        assert answer.text.startswith(("invalid request: ", "invalid json", "no method "))


@given(request=mutated())
def test_mutated_requests_in_bencode(place: Place, request: tuple[str, Json]) -> None:
    method, params = request
    try:
        body = bencode(raw(params))
    except (TypeError, AttributeError):
        return  # not everything that JSON holds can be written
    queue = place.run(place.lab.queue(1))
    parts = place.run(queue.ask(f"storage.{method}", body))
    assert len(parts) in (1, 2)
    assert len(parts) == 1 or int(parts[0]) in CODES, parts


@given(body=st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
def test_bodies_of_anything(place: Place, body: bytes) -> None:
    answer = place.run(place.lab.https(1).send("/storage_rpc/v1", body))
    assert answer.code in CODES
    answer = place.run(place.lab.https(1).send("/onion_req/v2", body))
    assert answer.code == 400
    assert answer.text.startswith("Error parsing onion request: ")


# -- onions ------------------------------------------------------------------------------------------------------


CONTROLS = [
    "headers",
    "json",
    "base64",
    "host",
    "target",
    "port",
    "protocol",
    "destination",
    "ephemeral_key",
    "enc_type",
]


@given(
    control=st.dictionaries(
        st.sampled_from(CONTROLS),
        values,
        max_size=6,
    ),
    blob=st.binary(max_size=60),
    outer=st.dictionaries(st.sampled_from(["hop_no", "x", "enc_type"]), values, max_size=2),
)
def test_layers_of_anything(place: Place, control: Json, blob: bytes, outer: Json) -> None:
    onion = onion_to_node([place.lab.hop(1)], place.lab.hop(2), blob, "xchacha20", control, **outer)
    answer = place.run(place.lab.https(1).send("/onion_req/v2", onion.body))
    if answer.code == 200:
        is_raw = "headers" in control and control.get("base64") is False
        assert isinstance(onion.open(answer.body, is_base64=not is_raw)["status"], int)
    else:
        assert answer.code in (400, 502, 503)
        assert answer.text


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_flipped_bits(place: Place, at: int, bit: int) -> None:
    onion = onion_to_node([place.lab.hop(1), place.lab.hop(3)], place.lab.hop(2), b'{"method":"info","params":{}}')
    body = bytearray(onion.body)
    body[at % len(body)] ^= 1 << bit
    answer = place.run(place.lab.https(1).send("/onion_req/v2", bytes(body)))
    assert answer.code in (200, 400)


# -- the queue ---------------------------------------------------------------------------------------------------

COMMANDS = ["storage.info", "storage.store", "monitor.messages", "nosuch.command", "HI", "REPLY", "BYE", "", "sn.ping"]
MEMBERS = ["sn.data", "sn.data_ready", "sn.storage_cc", "sn.onion_request"]


@given(parts=st.lists(st.binary(max_size=60) | st.sampled_from([each.encode() for each in COMMANDS]), max_size=6))
def test_queue_messages_of_anything(place: Place, parts: list[bytes]) -> None:
    queue = place.run(place.lab.queue(1))
    if parts:
        place.run(queue.send(*parts))
    assert len(place.run(queue.ask("storage.info"))) == 1
    queue.told.clear()


@given(command=st.sampled_from(MEMBERS), parts=st.lists(st.binary(max_size=80), max_size=4))
def test_messages_of_a_member_gone_mad(place: Place, command: str, parts: list[bytes]) -> None:
    place.run(place.member.send(command.encode(), b"tag", *parts))
    assert place.run(place.member.ask("sn.ping")) == [b"pong"]
    place.member.told.clear()


@given(
    entry=st.dictionaries(
        st.sampled_from([b"P", b"S", b"T", b"d", b"n", b"p", b"s", b"t", b"x"]),
        st.integers(-(2**40), 2**40) | st.binary(max_size=70) | st.lists(st.integers(-40_000, 40_000), max_size=4),
    ),
    good=st.booleans(),
)
def test_subscriptions_of_anything(place: Place, entry: dict[bytes, Any], good: bool) -> None:
    request = subscription(person, [0]) | entry if good else entry
    queue = place.run(place.lab.queue(1))
    (answer,) = place.run(queue.ask("monitor.messages", bencode(request)))
    found = hand.bdecode(answer)
    assert found == {b"success": 1} or 1 <= found[b"errcode"] <= 6


# -- below the requests ------------------------------------------------------------------------------------------


async def _talk(port: int, data: bytes, tls: ssl.SSLContext | None) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    try:
        writer.write(data)
        if writer.can_write_eof():
            writer.write_eof()
        async with asyncio.timeout(10):
            return await reader.read(300)
    except OSError:  # the node ended the connection, in one way or another
        return b""
    finally:
        writer.transport.abort()


HEADS = [
    b"POST /storage_rpc/v1 HTTP/1.1\r\n",
    b"GET / HTTP/1.0\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01",
]


@given(head=st.sampled_from(HEADS), data=st.binary(max_size=200))
def test_http_of_anything(place: Place, head: bytes, data: bytes) -> None:
    answer = place.run(_talk(place.lab.node(1).https_port, head + data + b"\r\n\r\n", unverified()))
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")


@given(data=st.binary(max_size=100))
def test_connections_that_are_no_tls_and_no_queue(place: Place, data: bytes) -> None:
    for port in (place.lab.node(1).https_port, place.lab.node(1).queue_port):
        place.run(_talk(port, data, None))
    assert place.run(place.lab.https(1).rpc("info", {})).code == 200


def test_frames_that_lie_about_their_length(place: Place) -> None:
    for size in (0, 3, 2**31, 2**32 - 1):
        body = size.to_bytes(4, "little") + frame(b"", {})[4:]
        assert place.run(place.lab.https(1).send("/onion_req/v2", body)).code == 400
