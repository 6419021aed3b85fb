"""A file server over real sockets: direct, through onion requests by real nodes, and against the slow and greedy."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from tests.network.labs import Lab, lab_of
from tests.network.waiting import until
from tests.unit.fileserver.storages import Storage
from veery.fileserver.blobs import OWNER
from veery.fileserver.errors import AddressTaken
from veery.fileserver.server import FileServerService
from veery.fileserver.settings import FileServerSettings, LimitSettings
from veery.protocol import attachments, crypto
from veery.protocol.attachments import Domain, StreamFile, legacy, requests, stream
from veery.protocol.onion import (
    EncType,
    Hop,
    ServerReply,
    ServerRequest,
    ToServer,
    build,
    encode_v3_request,
    encode_v4_request,
    open_v3_reply,
    open_v4_reply,
    peel,
    read_outer,
)
from veery.protocol.onion.layers import ServerDestination
from veery.runtime.clock import ManualClock
from veery.runtime.locks import LockHeld
from veery.runtime.randomness import random_bytes
from veery.runtime.tls import KeyKind, ensure_identity, server_context
from veery.secret import Secret

pytestmark = pytest.mark.network

BLOB = b"an encrypted file" * 1_000
ID = attachments.http_id(BLOB).text
FREE_PORT = FileServerSettings(port=0)


@asynccontextmanager
async def server(
    directory: Path, settings: FileServerSettings = FREE_PORT, **limits: float
) -> AsyncIterator[FileServerService]:
    settings = replace(settings, limits=replace(LimitSettings(), **limits))  # type: ignore[arg-type]
    async with FileServerService(settings, directory / "server") as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as made:
        yield made


async def talk(port: int, *pieces: bytes) -> bytes:
    """Send the pieces and read until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await reader.read()
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


# -- direct ------------------------------------------------------------------------------------------------------


async def test_a_file_comes_and_goes_over_plain_http(
    tmp_path: Path, session: aiohttp.ClientSession, storage: Storage
) -> None:
    async with server(tmp_path, storage(FREE_PORT)) as running:
        async with session.post(f"{running.url}/file", data=BLOB, headers={"X-FS-TTL": "1000"}) as answer:
            assert answer.status == 200
            assert answer.content_type == "application/json"
            told = await answer.json()
        assert told["id"] == ID
        async with session.get(f"{running.url}/file/{ID}") as answer:
            assert (answer.status, await answer.read()) == (200, BLOB)
            assert answer.headers["Content-Type"] == "application/octet-stream"
            assert answer.headers["Expires"].endswith("GMT")
            assert answer.headers["Server"] == "veery"
        async with session.get(f"{running.url}/file/{ID}/info") as answer:
            assert await answer.json() == {
                "size": len(BLOB),
                "uploaded": told["expires"] - 1_000,
                "expires": told["expires"],
            }
        async with session.post(f"{running.url}/file/{ID}/extend") as answer:
            assert (await answer.json())["expires"] > told["expires"] + 1_000_000
        status = await running.status()
        assert (status["files"], status["bytes"]) == (1, len(BLOB))


async def test_refusals_over_plain_http(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    async with server(tmp_path, replace(FREE_PORT, blob_max=100_000)) as running:
        for method, path, data, status in (
            ("GET", "/file/7", None, 404),
            ("GET", f"/file/..%2f..%2fkey{'a' * 30}", None, 404),
            ("DELETE", f"/file/{ID}", None, 405),
            ("POST", "/file", b"", 413),
            ("POST", "/file", bytes(100_001), 413),
            ("GET", "/session_version?platform=desktop", None, 502),
            ("POST", "/oxen/v4/lsrpc", b"nonsense", 400),
            ("POST", "/oxen/v3/lsrpc", b"", 400),
            ("GET", "/oxen/v4/lsrpc", None, 404),
        ):
            async with session.request(method, running.url + path, data=data) as answer:
                assert (method, path, answer.status) == (method, path, status)


async def test_files_survive_a_restart_and_expire_by_the_clock(
    tmp_path: Path, session: aiohttp.ClientSession, storage: Storage
) -> None:
    settings = storage(FREE_PORT)
    async with server(tmp_path, settings) as running:
        key = running.keys.ed25519
        async with session.post(f"{running.url}/file", data=BLOB, headers={"X-FS-TTL": "600"}) as answer:
            assert answer.status == 200
    clock = ManualClock()
    async with FileServerService(settings, tmp_path / "server", clock=clock) as again:
        assert again.keys.ed25519 == key
        clock.set_wall(0)
        async with session.get(f"{again.url}/file/{ID}") as answer:
            assert await answer.read() == BLOB
        clock.set_wall(2**42)
        async with session.get(f"{again.url}/file/{ID}") as answer:
            assert answer.status == 404
        await clock.advance(10)
        await until(lambda: again.files.used == 0)
        blobs = tmp_path / "server" / "blobs"
        await until(lambda: not [path for path in blobs.rglob("*") if path.is_file() and path.name != OWNER])


async def test_over_tls(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    ensure_identity(tmp_path / "tls.pem", 1_764_000_000_000, kind=KeyKind.EC_P256)
    service = FileServerService(FREE_PORT, tmp_path / "server", tls=server_context(tmp_path / "tls.pem"))
    async with service as running:
        assert running.url.startswith("https://127.0.0.1:")
        assert running.address().scheme == "https"
        async with session.post(f"{running.url}/file", data=BLOB, ssl=False) as answer:
            assert (await answer.json())["id"] == ID


async def test_one_server_in_a_directory_and_on_a_port(tmp_path: Path) -> None:
    async with server(tmp_path) as running:
        with pytest.raises(LockHeld):
            async with server(tmp_path):
                raise AssertionError("it started")
        with pytest.raises(AddressTaken):
            async with server(tmp_path / "other", replace(FREE_PORT, port=running.port)):
                raise AssertionError("it started")
    async with server(tmp_path):
        pass


# -- onion requests ----------------------------------------------------------------------------------------------


async def post_as_last_hop(
    session: aiohttp.ClientSession, running: FileServerService, request: ServerRequest, target: str
) -> ServerReply:
    """A path of one hop that is opened here, so that only the server's part is real."""
    seed = random_bytes(32)
    public, secret = crypto.ed25519_from_seed(seed)
    hop = Hop(public, crypto.ed25519_public_to_x25519(public))
    is_v4 = target == "/oxen/v4/lsrpc"
    payload = encode_v4_request(request) if is_v4 else encode_v3_request(request)
    destination = replace(running.address().destination(), target=target)
    built = build([hop], destination, payload, random=random_bytes, enc_type=EncType.AES_GCM)
    route = peel(
        read_outer(built.body), Secret(crypto.ed25519_secret_to_x25519(secret)), hop.x25519, allow_private_servers=True
    ).route
    assert isinstance(route, ToServer)
    async with session.post(running.url + target, data=route.payload) as answer:
        assert answer.status == 200
        body = await answer.read()
    return open_v4_reply(body, built.reply_key) if is_v4 else open_v3_reply(body, built.reply_key)


async def test_v4(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    async with server(tmp_path) as running:

        async def ask(request: ServerRequest) -> ServerReply:
            return await post_as_last_hop(session, running, request, "/oxen/v4/lsrpc")

        uploaded = requests.read_uploaded(await ask(requests.upload_request(BLOB)))
        assert uploaded.id == ID
        assert uploaded.expires is not None
        assert requests.read_download(await ask(requests.download_request(ID))) == BLOB
        info = requests.read_info(await ask(requests.info_request(ID)))
        assert (info.size, info.expires) == (len(BLOB), uploaded.expires)
        assert requests.read_info(await ask(requests.extend_request(ID))).expires >= uploaded.expires
        assert (await ask(requests.download_request("7"))).code == 404
        assert (await ask(requests.upload_request(BLOB, ttl_s=10**9))).code == 400


@pytest.mark.parametrize("target", ["/oxen/v3/lsrpc", "/loki/v3/lsrpc"])
async def test_v3(tmp_path: Path, session: aiohttp.ClientSession, target: str) -> None:
    async with server(tmp_path) as running:
        upload = ServerRequest("POST", "files", {}, json.dumps({"file": "YmxvYg=="}).encode())
        reply = await post_as_last_hop(session, running, upload, target)
        file_id = json.loads(reply.body)["result"]
        assert isinstance(file_id, int)
        reply = await post_as_last_hop(session, running, ServerRequest("GET", f"file/{file_id}"), target)
        assert (reply.code, reply.body) == (200, b"blob")
        reply = await post_as_last_hop(session, running, ServerRequest("GET", f"files/{file_id}"), target)
        assert json.loads(reply.body) == {"status_code": 200, "result": "YmxvYg=="}
        reply = await post_as_last_hop(session, running, ServerRequest("GET", "file/7"), target)
        assert (reply.code, reply.body) == (404, b"")


async def through_nodes(lab: Lab, request: ServerRequest, destination: ServerDestination) -> ServerReply:
    """Three real nodes in between."""
    built = build(
        [Hop(node.view.keys.ed25519, node.view.keys.x25519) for node in lab.nodes],
        destination,
        encode_v4_request(request),
        random=random_bytes,
        enc_type=EncType.XCHACHA20,
    )
    answer = await lab.https(1).send("/onion_req/v2", built.body)
    assert answer.code == 200, answer.text
    return open_v4_reply(answer.body, built.reply_key)


def largest_stream() -> StreamFile:
    return stream.encrypt(bytes(10_218_286), Secret(bytes(range(32))), Domain.ATTACHMENT)


# The warning is about how nodes post what they relay, not about the file server.
async def test_attachments_through_three_nodes(tmp_path: Path) -> None:
    """Both schemes, and the largest file that there may be; what the server keeps is not the file."""
    text = b"what only the two of them may read " * 30
    sealed = legacy.encrypt(text, random=random_bytes)
    largest = largest_stream()
    assert len(largest.blob) == 10_223_616
    async with lab_of(tmp_path, 3) as lab, server(tmp_path) as running:
        destination = running.address().destination()
        kept = {}
        for name, blob in (("legacy", sealed.blob), ("stream", largest.blob)):
            reply = await through_nodes(lab, requests.upload_request(blob), destination)
            kept[name] = requests.read_uploaded(reply).id
            assert text not in blob
        url = attachments.url_of(kept["legacy"], running.address(), stream=False)
        read = attachments.parse_url(url.text)
        assert read.server() == running.address()
        reply = await through_nodes(lab, requests.download_request(read.file_id), read.server().destination())
        opened = attachments.open_attachment(
            requests.read_download(reply), url=read, key=sealed.keys, digest=sealed.digest, size=len(text)
        )
        assert opened == text
        url = attachments.url_of(kept["stream"], running.address(), stream=True)
        reply = await through_nodes(lab, requests.download_request(url.file_id), destination)
        opened = attachments.open_attachment(
            requests.read_download(reply), url=url, key=largest.key, digest=None, size=10_218_286
        )
        assert opened == bytes(10_218_286)


# -- the slow and the greedy -------------------------------------------------------------------------------------


HEAD = b"POST /file HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize("sent", [b"", b"POST /fi", HEAD])
async def test_who_sends_no_whole_head_is_cut_off(tmp_path: Path, sent: bytes) -> None:
    async with server(tmp_path, head_s=0.2) as running, asyncio.timeout(20):
        assert await talk(running.port, sent) == b""


async def test_who_sends_no_whole_body_is_cut_off(tmp_path: Path) -> None:
    async with server(tmp_path, body_s=0.2) as running, asyncio.timeout(20):
        answer = await talk(running.port, HEAD + b"Content-Length: 1000\r\n\r\nsome")
        assert answer.split(b" ")[1:2] in ([b"408"], [])
        await until(lambda: running.connections == 0)


async def test_who_does_not_take_the_answer_is_cut_off(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    async with server(tmp_path, answer_s=0.2) as running, asyncio.timeout(20):
        blob = bytes(10_000_000)
        async with session.post(f"{running.url}/file", data=io.BytesIO(blob)) as answer:
            file_id = (await answer.json())["id"]
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=1_024)
        writer.write(f"GET /file/{file_id} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        await until(lambda: running.connections == 0)
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        del reader


@pytest.mark.parametrize("chunked", [False, True])
async def test_bodies_beyond_the_bound_are_not_read(tmp_path: Path, chunked: bool) -> None:
    async with server(tmp_path) as running, asyncio.timeout(30):
        if chunked:
            piece = b"100000\r\n" + bytes(0x100000) + b"\r\n"
            sent = [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[piece] * 11]
        else:
            sent = [HEAD + b"Content-Length: 10485761\r\n\r\n"]
        try:
            answer = await talk(running.port, *sent)
        except ConnectionError:  # it had enough before all was sent
            answer = b"HTTP/1.1 413"
        assert answer.split(b" ")[1] == b"413"
        assert (await running.status())["files"] == 0


async def test_the_memory_of_all_bodies_is_bounded(tmp_path: Path) -> None:
    async with server(tmp_path, bodies_mib=16) as running, asyncio.timeout(30):
        waiting = []
        for _ in range(2):
            _, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(HEAD + b"Content-Length: 10000000\r\n\r\n" + bytes(8_000_000))
            await writer.drain()
            waiting.append(writer)
        await until(lambda: running.bodies_in_flight >= 15_000_000)
        answer = await talk(running.port, HEAD + b"Content-Length: 2000000\r\n\r\n" + bytes(2_000_000))
        assert answer.split(b" ")[1] == b"503"
        for writer in waiting:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        await until(lambda: running.bodies_in_flight == 0)


async def test_the_number_of_connections_is_bounded(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    async with server(tmp_path, connections_per_address=3) as running, asyncio.timeout(20):
        held = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(3)]
        await until(lambda: running.connections == 3)
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        with pytest.raises(ConnectionError):
            if await reader.read() == b"":
                raise ConnectionResetError
        for _, each in [*held, (reader, writer)]:
            each.close()
            await asyncio.gather(each.wait_closed(), return_exceptions=True)
        await until(lambda: running.connections == 0)
        async with session.get(f"{running.url}/file/7") as answer:
            assert answer.status == 404


async def test_bytes_in_a_minute_and_the_quota(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    settings = replace(FREE_PORT, quota_mib=1)
    async with server(tmp_path, settings, minute_each_mib=16) as running:

        async def upload(blob: bytes) -> int:
            async with session.post(f"{running.url}/file", data=io.BytesIO(blob)) as answer:
                return answer.status

        assert await upload(bytes(1_000_000)) == 200
        assert await upload(b"x" * 1_000_000) == 507
        assert await upload(bytes(10_000_000)) == 507
        assert await upload(bytes(9_999_999)) == 429
        assert await upload(b"y" * 1_000) == 200


async def test_nonsense_gets_an_answer_and_no_trace(
    tmp_path: Path, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with server(tmp_path) as running:
        for sent, status in (
            (b"nonsense\r\n\r\n", b"400"),
            (b"POST /file HTTP/1.1\r\nHost: a\r\nContent-Length: ten\r\n\r\n", b"400"),
            (b"GET /%ff HTTP/1.0\r\n\r\n", b"404"),
        ):
            told = await talk(running.port, sent)
            assert told.split(b" ")[1] == status
        async with session.post(f"{running.url}/file", data=BLOB) as answer:
            assert answer.status == 200
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("veery")]
    assert not [text for text in logged if ID in text]


async def test_what_runs_is_answered_before_the_server_closes(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    running = FileServerService(FREE_PORT, tmp_path / "server")
    await running.start()
    begun, go = asyncio.Event(), asyncio.Event()
    upload = running.files.upload

    async def slow(*arguments: object) -> object:
        begun.set()
        await go.wait()
        return await upload(*arguments)  # type: ignore[arg-type]

    running.files.upload = slow  # type: ignore[method-assign, assignment]

    async def post() -> int:
        async with session.post(f"{running.url}/file", data=BLOB) as answer:
            return answer.status

    posting = asyncio.create_task(post())
    await begun.wait()
    closing = asyncio.create_task(running.close())
    await asyncio.sleep(0)
    go.set()
    assert await posting == 200
    await closing
    async with server(tmp_path) as again:
        assert (await again.status())["files"] == 1
