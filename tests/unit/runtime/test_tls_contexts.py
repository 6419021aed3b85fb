"""Contexts over real sockets: asyncio, uvloop and aiohttp."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import uvloop

from veery.errors import RuntimeFault
from veery.runtime.faults import FileUnsafe
from veery.runtime.tls import (
    KeyKind,
    PinMismatch,
    TlsIdentity,
    TlsIdentityBroken,
    generate_identity,
    node_context,
    pinned_context,
    renewed_identity,
    save_identity,
    server_context,
    verifying_context,
)

NOW_MS = 1_764_000_000_000
Main = Callable[[], Awaitable[None]]
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@dataclass
class Listener:
    """A TLS listener on loopback that keeps what it received."""

    port: int
    received: list[bytes]


@pytest.fixture(scope="module", params=list(KeyKind), ids=[kind.value for kind in KeyKind])
def identity(request: pytest.FixtureRequest) -> TlsIdentity:
    return generate_identity(NOW_MS, kind=request.param)


@pytest.fixture
def file(tmp_path: Path, identity: TlsIdentity) -> Path:
    save_identity(tmp_path / "tls.pem", identity)
    return tmp_path / "tls.pem"


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Main], None]:
    def runs(main: Main) -> None:
        async def awaited() -> None:
            await main()

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(awaited())

    return runs


@asynccontextmanager
async def listening(context: ssl.SSLContext) -> AsyncIterator[Listener]:
    tasks: set[asyncio.Task[None]] = set()
    listener = Listener(0, [])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            listener.received.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(ANSWER)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            listener.received.append(b"")
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.gather(*tasks, return_exceptions=True)


async def ask(port: int, context: ssl.SSLContext) -> tuple[bytes, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        version: str = writer.get_extra_info("ssl_object").version()
        return await reader.read(), version
    finally:
        writer.close()
        await writer.wait_closed()


async def get(port: int, context: ssl.SSLContext) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"https://localhost:{port}/", ssl=context) as answer:
        return await answer.text()


def wrong(pin: bytes) -> bytes:
    return bytes([pin[0] ^ 1]) + pin[1:]


def test_nodes_are_not_verified(run: Callable[[Main], None], file: Path) -> None:
    async def main() -> None:
        async with listening(server_context(file)) as listener:
            assert await ask(listener.port, node_context()) == (ANSWER, "TLSv1.3")
            assert await get(listener.port, node_context()) == "ok"

    run(main)


def test_tls_1_2_is_taken_and_older_refused(run: Callable[[Main], None], file: Path) -> None:
    async def main() -> None:
        async with listening(server_context(file)) as listener:
            context = node_context()
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            assert await ask(listener.port, context) == (ANSWER, "TLSv1.2")

    run(main)
    for made in (server_context(file), node_context(), verifying_context(), pinned_context(certificates=[bytes(32)])):
        assert made.minimum_version is ssl.TLSVersion.TLSv1_2


def test_the_right_pin_passes(run: Callable[[Main], None], file: Path, identity: TlsIdentity) -> None:
    async def main() -> None:
        async with listening(server_context(file)) as listener:
            for context in (
                pinned_context(certificates=[identity.fingerprint]),
                pinned_context(certificates=[bytes(32), identity.fingerprint]),
                pinned_context(public_keys=[identity.public_key_hash]),
                pinned_context(certificates=[bytes(32)], public_keys=[identity.public_key_hash]),
            ):
                assert (await ask(listener.port, context))[0] == ANSWER
                assert await get(listener.port, context) == "ok"

    run(main)


def test_a_wrong_pin_fails_before_a_byte_of_the_request(
    run: Callable[[Main], None], file: Path, identity: TlsIdentity
) -> None:
    async def main() -> None:
        async with listening(server_context(file)) as listener:
            for context in (
                pinned_context(certificates=[wrong(identity.fingerprint)]),
                pinned_context(public_keys=[wrong(identity.public_key_hash), identity.fingerprint]),
            ):
                with pytest.raises(PinMismatch):
                    await ask(listener.port, context)
                with pytest.raises(aiohttp.ClientConnectorCertificateError) as caught:
                    await get(listener.port, context)
                assert isinstance(caught.value.certificate_error, PinMismatch)
        assert set(listener.received) <= {b""}

    run(main)


def test_a_pin_of_the_key_outlives_a_renewal(run: Callable[[Main], None], file: Path, identity: TlsIdentity) -> None:
    async def main() -> None:
        context = server_context(file)
        async with listening(context) as listener:
            renewed = renewed_identity(identity, NOW_MS)
            save_identity(file, renewed)
            context.load_cert_chain(file)
            by_key = pinned_context(public_keys=[identity.public_key_hash])
            assert (await ask(listener.port, by_key))[0] == ANSWER
            assert (await ask(listener.port, pinned_context(certificates=[renewed.fingerprint])))[0] == ANSWER
            with pytest.raises(PinMismatch):
                await ask(listener.port, pinned_context(certificates=[identity.fingerprint]))

    run(main)


def test_verification(run: Callable[[Main], None], tmp_path: Path, file: Path, identity: TlsIdentity) -> None:
    authorities = tmp_path / "authorities.pem"
    authorities.write_bytes(identity.certificate)

    async def main() -> None:
        async with listening(server_context(file)) as listener:
            assert (await ask(listener.port, verifying_context(authorities)))[0] == ANSWER
            with pytest.raises(ssl.SSLCertVerificationError):
                await ask(listener.port, verifying_context())

    run(main)


def test_sessions_are_resumed(file: Path) -> None:
    server, client = server_context(file), node_context()

    def shake(session: ssl.SSLSession | None) -> ssl.SSLObject:
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        near = client.wrap_bio(to_client, to_server, session=session)
        far = server.wrap_bio(to_server, to_client, server_side=True)
        waiting = [near, far]
        while waiting:
            side = waiting.pop(0)
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                waiting.append(side)
        far.write(b"x")
        assert near.read(1) == b"x"
        return near

    first = shake(None)
    assert not first.session_reused
    assert shake(first.session).session_reused


def test_a_pinned_context_needs_a_pin_and_memory_buffers() -> None:
    with pytest.raises(RuntimeFault):
        pinned_context()
    context = pinned_context(certificates=[bytes(32)])
    assert not context.accepts(None)
    assert not pinned_context(public_keys=[bytes(32)]).accepts(b"no certificate")
    with socket.socket() as plain, pytest.raises(RuntimeFault):
        context.wrap_socket(plain)


def test_files_that_cannot_be_used(tmp_path: Path, file: Path, identity: TlsIdentity) -> None:
    file.chmod(0o644)
    with pytest.raises(FileUnsafe):
        server_context(file)
    file.write_bytes(identity.certificate)
    file.chmod(0o600)
    with pytest.raises(TlsIdentityBroken):
        server_context(file)
    with pytest.raises(TlsIdentityBroken):
        verifying_context(tmp_path / "none")
