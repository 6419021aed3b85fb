"""One onion request: what is sent, and how every kind of answer is classified and opened."""

from __future__ import annotations

import base64
import random

import pytest

from tests.network.memory_nodes import MemoryNetwork, MemoryNode
from veery.errors import Misuse
from veery.network.onion_requests import Exchange, OnionRequester
from veery.network.transport import AnswerTooLarge, ProxyFailed, TransportAnswer
from veery.policy.blame import (
    Answered,
    DestinationError,
    GuardUnreachable,
    PathError,
    RequestTimeout,
    Undecryptable,
)
from veery.protocol.crypto import x25519_public
from veery.protocol.onion import (
    EncType,
    NodeReply,
    ReplyForm,
    ServerDestination,
    ServerReply,
    ServerRequest,
    ToDestination,
    peel,
    peel_outer,
    seal_reply,
)
from veery.protocol.storage_rpc.requests import Info
from veery.protocol.storage_rpc.write import write_call
from veery.secret import Secret

INFO = write_call(Info())
KEY = Secret(bytes(range(32)))
SERVER = ServerDestination(x25519_public(KEY.reveal()), "files.example", protocol="http", port=80)
URL = "http://files.example/oxen/v4/lsrpc"


class Case:
    """A network, a requester, and a path of its first three nodes to the fourth."""

    def __init__(self, enc_type: EncType = EncType.XCHACHA20) -> None:
        self.network = MemoryNetwork(6)
        self.nodes = list(self.network.nodes.values())
        self.requester = OnionRequester(self.network, self.network.clock, random.Random(5).randbytes, enc_type=enc_type)

    @property
    def destination(self) -> MemoryNode:
        return self.nodes[3]

    async def ask(self, payload: bytes = INFO) -> Exchange[NodeReply]:
        hops = [node.node for node in self.nodes[:3]]
        return await self.requester.to_node(hops, self.destination.node, payload)

    async def ask_server(self, request: ServerRequest) -> Exchange[ServerReply]:
        return await self.requester.to_server([node.node for node in self.nodes[:3]], SERVER, request)


@pytest.fixture
def case() -> Case:
    return Case()


# -- nodes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("enc_type", [EncType.XCHACHA20, EncType.AES_GCM])
async def test_answer_of_a_node(enc_type: EncType) -> None:
    case = Case(enc_type)
    exchange = await case.ask()
    assert exchange.outcome == Answered()
    assert exchange.reply is not None
    assert exchange.reply.content()["version"] == [2, 12, 0]
    assert case.network.answered == [(case.destination.key, "info")]
    assert case.network.touched == {case.nodes[0].key}


async def test_guard_sees_neither_request_nor_destination(case: Case) -> None:
    await case.ask()
    (contact,) = case.network.contacts
    assert contact.path == "/onion_req/v2"
    for told in (b"info", *(node.key.hex().encode() for node in case.nodes[1:4])):
        assert told not in contact.body


async def test_times_are_taken_around_the_request(case: Case) -> None:
    exchange = await case.ask()
    assert exchange.sent_ms <= exchange.received_ms == case.network.clock.now_ms()


@pytest.mark.parametrize(("code", "body"), [(401, "no"), (421, {"snodes": []}), (500, "request failed"), (406, "t")])
async def test_other_status_of_a_node(case: Case, code: int, body: object) -> None:
    case.destination.storage = lambda node, request: (code, body)
    exchange = await case.ask()
    assert isinstance(exchange.outcome, DestinationError)
    assert (exchange.outcome.code, exchange.outcome.server) == (code, False)
    assert exchange.reply is not None and exchange.reply.content() == body


async def test_reply_in_the_other_encryption_is_opened(case: Case) -> None:
    """A destination that cannot do xchacha20 may answer in aes-gcm under the same secret (03.11.7)."""

    class Old(MemoryNetwork):
        async def post(self, *arguments: object, **options: object) -> TransportAnswer:
            body = arguments[2]
            assert isinstance(body, bytes)
            peeled = peel_outer(body, nodes[0].x_secret, nodes[0].node.x25519)
            for node in nodes[1:4]:
                assert not isinstance(peeled.route, ToDestination)
                peeled = peel(peeled.route.layer, node.x_secret, node.node.x25519)  # type: ignore[union-attr]
            assert isinstance(peeled.route, ToDestination)
            from veery.protocol.onion.encryption import LayerKey, _gcm_key

            key = LayerKey(EncType.AES_GCM, Secret(_gcm_key(peeled.key.shared.reveal())), peeled.key.shared)
            return TransportAnswer(200, {}, seal_reply(key, 200, "old", ReplyForm(), random.Random(1).randbytes))

    nodes = case.nodes
    case.requester = OnionRequester(Old(6), case.network.clock, random.Random(6).randbytes)
    exchange = await case.ask()
    assert exchange.outcome == Answered()
    assert exchange.reply is not None and exchange.reply.body == "old"


# -- the path ------------------------------------------------------------------------------------------------------


async def test_guard_that_is_down(case: Case) -> None:
    case.nodes[0].down = True
    assert (await case.ask()).outcome == GuardUnreachable()


async def test_guard_that_is_silent(case: Case) -> None:
    case.nodes[0].silent = True
    assert (await case.ask()).outcome == RequestTimeout()


async def test_hop_that_loses_the_request(case: Case) -> None:
    case.nodes[2].loses = True
    assert (await case.ask()).outcome == RequestTimeout()


@pytest.mark.parametrize("place", [0, 1, 2, 3])
async def test_clear_answers_of_the_path(case: Case, place: int) -> None:
    case.nodes[place].refuses = (503, "Snode not ready: " + case.nodes[place].key.hex())
    exchange = await case.ask()
    assert exchange.outcome == PathError(503, "Snode not ready: " + case.nodes[place].key.hex())
    assert exchange.reply is None


async def test_unknown_next_hop(case: Case) -> None:
    case.nodes[2].unknown.add(case.destination.key)
    assert (await case.ask()).outcome == PathError(502, f"Next node not found: {case.destination.key.hex()}")


async def test_long_clear_answers_are_clipped(case: Case) -> None:
    case.nodes[0].refuses = (500, "x" * 100_000)
    outcome = (await case.ask()).outcome
    assert isinstance(outcome, PathError) and len(outcome.text) == 1_000


async def test_clear_answer_that_is_not_text(case: Case) -> None:
    network = case.network

    async def post(*_: object, **__: object) -> TransportAnswer:
        return TransportAnswer(502, {}, b"\xff\xfe" * 10)

    network.post = post  # type: ignore[method-assign]
    assert isinstance((await case.ask()).outcome, PathError)


@pytest.mark.parametrize(
    "raw", [b"", b"garbage", base64.b64encode(bytes(200)), b'{"result":"AAAA"}', b"{}", b"\x00" * 100, b"=" * 50]
)
async def test_success_that_does_not_decrypt(case: Case, raw: bytes) -> None:
    case.nodes[0].onion_answer = raw
    exchange = await case.ask()
    assert exchange.outcome == Undecryptable()
    assert exchange.reply is None


async def test_answer_to_another_request_does_not_decrypt(case: Case) -> None:
    """A guard that replays an old answer: the layer's key was for one request alone."""
    kept: list[TransportAnswer] = []
    post = case.network.post

    async def replaying(*arguments: object, **options: object) -> TransportAnswer:
        kept.append(await post(*arguments, **options))  # type: ignore[arg-type]
        return kept[0]

    case.network.post = replaying  # type: ignore[method-assign]
    assert (await case.ask()).outcome == Answered()
    assert (await case.ask()).outcome == Undecryptable()


async def test_error_text_with_status_200_is_not_read_as_clear_text(case: Case) -> None:
    case.nodes[0].onion_answer = b"Next node not found: " + case.nodes[1].key.hex().encode()
    assert (await case.ask()).outcome == Undecryptable()


@pytest.mark.parametrize("reply", [b"[]", b"{}", b'{"status":"200","body":""}', b'{"status":true}', b"nothing"])
async def test_decrypted_answer_in_the_wrong_form(case: Case, reply: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("veery.protocol.onion.replies.encode_reply", lambda *_: reply)
    assert (await case.ask()).outcome == Undecryptable()


async def test_answer_that_is_too_large(case: Case) -> None:
    async def post(*_: object, **__: object) -> TransportAnswer:
        raise AnswerTooLarge("too large")

    case.network.post = post  # type: ignore[method-assign]
    assert (await case.ask()).outcome == Undecryptable()


async def test_low_order_key_in_the_list(case: Case) -> None:
    """A node list can name a key that no layer can be encrypted to; nothing is sent then."""
    from dataclasses import replace

    case.nodes[1].node = replace(case.nodes[1].node, x25519=bytes(32))
    assert (await case.ask()).outcome == Undecryptable()
    assert case.network.contacts == []


async def test_proxy_faults_are_raised(case: Case) -> None:
    case.network.proxy_down = ProxyFailed("down")
    with pytest.raises(ProxyFailed):
        await case.ask()


async def test_request_that_is_too_large(case: Case) -> None:
    with pytest.raises(Misuse):
        await case.ask(bytes(11_000_000))
    assert case.network.contacts == []


# -- servers -------------------------------------------------------------------------------------------------------


async def test_answer_of_a_server(case: Case) -> None:
    def server(request: ServerRequest) -> ServerReply:
        assert (request.method, request.endpoint, request.body) == ("POST", "/file?x=1", b"\x00content")
        return ServerReply(201, {"Content-Type": "application/json"}, b'{"id":"7"}')

    case.network.servers[URL] = (KEY, SERVER.x25519, server)
    exchange = await case.ask_server(ServerRequest("POST", "/file?x=1", {"A": "b"}, b"\x00content"))
    assert exchange.outcome == Answered()
    assert exchange.reply is not None
    assert (exchange.reply.code, exchange.reply.content()) == (201, {"id": "7"})


@pytest.mark.parametrize("code", [404, 425, 500])
async def test_other_code_of_a_server(case: Case, code: int) -> None:
    case.network.servers[URL] = (KEY, SERVER.x25519, lambda request: ServerReply(code, {}, b"no\xff"))
    exchange = await case.ask_server(ServerRequest("GET", "/file/7"))
    assert exchange.outcome == DestinationError(code, "no\ufffd", server=True)
    assert exchange.reply is not None and exchange.reply.body == b"no\xff"


async def test_server_that_is_not_there(case: Case) -> None:
    assert (await case.ask_server(ServerRequest("GET", "/"))).outcome == PathError(502, "Could not connect")
