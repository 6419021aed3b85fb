"""Sessions of several commands on one profile: sharing, taking over, bounds, and who may come."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conversations.engines import NETWORK, account_of
from tests.conversations.memory_swarm import Fate, MemoryRoad, MemorySwarm
from veery.app import caller, control, wire
from veery.app.connection import Connection
from veery.app.methods import METHODS, REPEATABLE, STREAMS, NoSuchMethod
from veery.app.once import ONCE
from veery.app.session import OwnSession, RemoteSession, Session, SessionClosing, SessionLost, open_session
from veery.client.client import Client
from veery.client.profile import SOCKET_NAME, Profile, create
from veery.errors import ClientError, NotFound, Retry, StoreBusy, WrongKey
from veery.runtime.clock import SystemClock
from veery.runtime.locks import FileLock
from veery.store.database import LOCK_NAME
from veery.store.keys import KeyFile, Unlock

BOB = account_of(2).account_id.hex


class Home:
    """A profile, and processes that use it: each `open` stands for one."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "p"
        self.key = KeyFile(directory / "key")
        self.swarm = MemorySwarm(SystemClock())
        self.weather: Callable[[], Fate] = lambda: Fate.ARRIVES
        self.opened = 0

    async def client(self, profile: Profile) -> Client:
        client = await Client.open(profile, road=MemoryRoad(self.swarm, lambda: self.weather()))
        self.opened += 1
        return client

    def open(self, **options: Any) -> Any:
        options.setdefault("unlock", lambda: self.key)
        return open_session(self.directory, open_client=self.client, **options)


async def settle() -> None:
    """Let other tasks come to where they wait."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    await create(home.directory, account_of(1), "alice", NETWORK, home.key)
    return home


@asynccontextmanager
async def kept_open(home: Home) -> AsyncIterator[tuple[Session, Callable[[], Any]]]:
    """A session of another process, and what ends it."""
    stack = AsyncExitStack()
    session = await stack.enter_async_context(home.open())
    try:
        yield session, stack.aclose
    finally:
        await stack.aclose()


async def test_the_second_session_uses_the_engine_of_the_first(home: Home) -> None:
    async with home.open() as own, home.open() as remote:
        assert isinstance(own, OwnSession)
        assert isinstance(remote, RemoteSession)
        sent = await remote.call("send", to=BOB, text="hello", wait=True)
        assert (sent["state"], sent["stored_on"], sent["swarm_size"]) == ("stored", 5, 5)
        (message,) = await own.call("messages", conversation=BOB)
        assert (message["text"], message["id"]) == ("hello", sent["id"])
        assert home.opened == 1
    assert not (home.directory / SOCKET_NAME).exists()


async def test_many_at_once_never_meet_a_lock(home: Home) -> None:
    async def command(number: int) -> str:
        async with home.open() as session:
            sent = await session.call("send", to=BOB, text=str(number))
            await session.call("wait_stored", id=sent["id"])
            return str(sent["state"])

    states = await asyncio.gather(*(command(number) for number in range(12)))
    assert len(states) == 12
    async with home.open() as session:
        texts = {each["text"] for each in await session.call("messages", conversation=BOB)}
        assert texts == {str(number) for number in range(12)}


async def test_errors_cross_the_socket_with_kind_and_remedy(home: Home) -> None:
    async with home.open() as own, home.open() as remote:
        for session in (own, remote):
            with pytest.raises(NotFound) as missing:
                await session.call("accept", conversation=BOB)
            assert missing.value.kind == "client.not_found.conversation"
            assert missing.value.remedy
            with pytest.raises((ClientError, wire.RemoteError)) as refused:
                await session.call("send", to=BOB, text="x" * 2_001)
            assert refused.value.kind == "client.text.too_long"
            with pytest.raises((NoSuchMethod, wire.RemoteError)):
                await session.call("nosuch")
            with pytest.raises((NoSuchMethod, wire.RemoteError)):
                await anext(session.stream("nosuch"))


async def test_calls_go_on_beside_a_stream(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "WINDOW", 6)
    async with home.open(), home.open() as remote, aclosing(remote.stream("follow", after=0)) as events:
        for number in range(10):
            await remote.call("send", to=BOB, text=str(number))
        seen = []
        async for event in events:
            if event["event"] == "message":
                seen.append(event["text"])
                await remote.call("ack", name="test", seq=event["seq"])
            if len(seen) == 10:
                break
        assert seen == [str(number) for number in range(10)]
        assert (await remote.call("acknowledged", name="test"))["seq"] > 20


async def test_a_slow_reader_is_not_buried(home: Home) -> None:
    async with home.open() as own:
        for number in range(6):
            await own.call("send", to=BOB, text=str(number))
        reader, writer = await asyncio.open_unix_connection(str(home.directory / SOCKET_NAME))
        writer.write(wire.write({"id": 1, "method": "follow", "params": {}, "window": 10}))
        for _ in range(10):
            assert "event" in wire.read(await reader.readline())
        writer.write(wire.write({"id": 2, "method": "account", "params": {}}))
        assert wire.read(await reader.readline())["id"] == 2  # nothing of the stream came between
        writer.write(wire.write({"id": 1, "more": 1}))
        assert wire.read(await reader.readline())["event"]["seq"] == 11
        writer.close()
        await writer.wait_closed()


async def test_a_session_goes_on_when_the_owner_ends(home: Home) -> None:
    async with kept_open(home) as (owner, end), home.open() as remote:
        home.weather = lambda: Fate.LOST
        sent = await remote.call("send", to=BOB, text="hello")
        waiting = asyncio.create_task(remote.call("wait_stored", id=sent["id"]))
        async with aclosing(remote.stream("follow", after=0)) as events:
            first = await anext(events)
            await end()
            home.weather = lambda: Fate.ARRIVES
            assert (await waiting)["state"] == "stored"
            seqs = [first["seq"]] + [(await anext(events))["seq"] for _ in range(4)]
            assert seqs == [1, 2, 3, 4, 5]
        assert isinstance(owner, OwnSession)
        assert home.opened == 2
        assert (await remote.call("account"))["name"] == "alice"
        async with home.open() as third:
            assert isinstance(third, RemoteSession)
    async with home.open() as again:
        assert isinstance(again, OwnSession)


async def test_what_was_begun_is_finished_when_the_owner_ends(home: Home) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(client: Client, params: Any) -> Any:
        begun.set()
        await go_on.wait()
        return "done"

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METHODS, "send", slowly)
        async with kept_open(home) as (_, end), home.open() as remote:
            call = asyncio.create_task(remote.call("send"))
            await begun.wait()
            ending = asyncio.create_task(end())
            await settle()
            assert not (home.directory / SOCKET_NAME).exists()
            go_on.set()
            assert await call == "done"
            await ending


async def test_a_change_that_may_have_been_made_is_not_made_again(home: Home) -> None:
    calls = 0
    begun = asyncio.Event()

    async def stuck(client: Client, params: Any) -> Any:
        nonlocal calls
        calls += 1
        begun.set()
        await asyncio.Event().wait()

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METHODS, "send", stuck)
        patch.setattr(control, "DRAIN_S", 0.05)
        async with kept_open(home) as (_, end), home.open() as remote:
            call = asyncio.create_task(remote.call("send"))
            await begun.wait()
            await end()
            with pytest.raises(SessionLost) as lost:
                await call
            assert not isinstance(lost.value, SessionClosing)
            assert calls == 1
            assert (await remote.call("account"))["name"] == "alice"


async def test_a_request_that_the_owner_did_not_take_is_made_elsewhere(home: Home) -> None:
    async with kept_open(home) as (_, end), home.open() as remote:
        ending = asyncio.create_task(end())
        sent = await asyncio.gather(*(remote.call("send", to=BOB, text=str(number)) for number in range(5)))
        await ending
        assert len({each["id"] for each in sent}) == 5
        assert len(await remote.call("messages", conversation=BOB)) == 5


async def test_a_killed_owner_leaves_a_socket_that_is_no_obstacle(home: Home) -> None:
    async with home.open():
        pass
    left = home.directory / SOCKET_NAME
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(left))
    dead.close()
    assert left.exists()
    async with home.open() as session:
        assert isinstance(session, OwnSession)
        assert stat.S_IMODE(left.stat().st_mode) == 0o600


async def test_whoever_holds_the_profile_without_serving_is_named_at_the_end(home: Home) -> None:
    with FileLock(home.directory / LOCK_NAME), pytest.raises(StoreBusy) as busy:
        async with home.open(wait_s=0.15):
            pass
    assert str(os.getpid()) in busy.value.message
    assert busy.value.remedy
    assert busy.value.retry is Retry.LATER


async def test_a_profile_that_becomes_free_is_opened(home: Home) -> None:
    lock = FileLock(home.directory / LOCK_NAME)
    lock.acquire_now()
    asyncio.get_running_loop().call_later(0.1, lock.release)
    async with home.open() as session:
        assert isinstance(session, OwnSession)


async def test_a_running_engine_asks_for_no_key(home: Home) -> None:
    def unlock() -> Unlock:
        raise AssertionError("nobody should be asked")

    async with home.open(), home.open(unlock=unlock) as remote:
        assert (await remote.call("status"))["name"] == "alice"


async def test_a_wrong_key_is_told_and_frees_the_profile(home: Home, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(bytes(32))
    other.chmod(0o600)
    with pytest.raises(WrongKey):
        async with home.open(unlock=lambda: KeyFile(other)):
            pass
    async with home.open() as session:
        assert isinstance(session, OwnSession)


async def test_directories_may_lie_deep(tmp_path: Path) -> None:
    home = Home(tmp_path / ("d" * 100) / ("e" * 100))
    await create(home.directory, account_of(1), "alice", NETWORK, home.key)
    async with home.open(), home.open() as remote:
        assert (await remote.call("account"))["name"] == "alice"


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b"[]\n",
        b"[" * 100_000 + b"\n",
        b'{"method": "account"}\n',
        b'{"id": "x", "method": "account"}\n',
        b'{"id": 1, "more": -1}\n{"id": 1, "method": "follow", "window": "x"}\n',
        b'{"id": 1, "method": "account", "params": "' + b"x" * wire.REQUEST_MAX + b'"}\n',
    ],
)
async def test_bad_lines_end_their_connection_alone(home: Home, line: bytes) -> None:
    async with home.open(), home.open() as remote:
        reader, writer = await asyncio.open_unix_connection(str(home.directory / SOCKET_NAME))
        writer.write(line)
        async with asyncio.timeout(10):
            try:
                assert await reader.read() == b""
            except ConnectionResetError:
                assert len(line) > wire.REQUEST_MAX  # what was not read makes the kernel say so
        writer.close()
        assert (await remote.call("account"))["name"] == "alice"


@pytest.mark.parametrize(
    ("request_", "kind"),
    [
        ({"id": 1, "method": "nosuch"}, "app.method"),
        ({"id": 1, "method": "send", "params": []}, "app.parameters"),
        ({"id": 1, "method": "send", "params": {"to": 5}}, "app.parameters"),
        ({"id": 1, "method": "events", "params": {"after": "x"}}, "app.parameters"),
        ({"id": 1, "method": "send", "params": {"to": BOB, "text": "x", "wait": 1}}, "app.parameters"),
    ],
)
async def test_bad_parameters_are_told(home: Home, request_: dict[str, Any], kind: str) -> None:
    async with home.open():
        reader, writer = await asyncio.open_unix_connection(str(home.directory / SOCKET_NAME))
        writer.write(wire.write(request_))
        answer = wire.read(await reader.readline())
        assert (answer["id"], answer["error"]["kind"]) == (1, kind)
        writer.close()
        await writer.wait_closed()


async def test_other_users_are_turned_away(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async with home.open():
        monkeypatch.setattr(os, "geteuid", lambda: 12_345)
        reader, writer = await asyncio.open_unix_connection(str(home.directory / SOCKET_NAME))
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


async def test_who_goes_away_cancels_what_was_asked(home: Home) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def waits(client: Client, params: Any) -> Any:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METHODS, "fetch", waits)
        async with home.open():
            for leave in ("cancel", "disconnect"):
                begun.clear()
                cancelled.clear()
                connection = await Connection.open(home.directory / SOCKET_NAME)
                assert connection is not None
                call = asyncio.create_task(connection.call("fetch", {}))
                await begun.wait()
                if leave == "cancel":
                    call.cancel()
                else:
                    await connection.close()
                async with asyncio.timeout(10):
                    await cancelled.wait()
                assert isinstance((await asyncio.gather(call, return_exceptions=True))[0], BaseException)
                await connection.close()


async def test_too_much_at_once_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller, "CALLS_MAX", 3)
    async with home.open(), home.open() as remote:
        streams = [remote.stream("follow", after=0) for _ in range(4)]
        waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]
        done, _ = await asyncio.wait(waiting, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        assert [str(getattr(task.exception(), "kind", "")) for task in done] == ["app.too_many"]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for stream in streams:
            await stream.aclose()


async def test_an_answer_that_is_too_long_is_an_error(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async with home.open(), home.open() as remote:
        monkeypatch.setattr(wire, "LINE_MAX", 500)
        with pytest.raises(wire.RemoteError) as caught:
            await remote.call("status")
        assert caught.value.kind == "app.too_long"


async def test_a_fault_of_a_method_is_told_and_logged(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(client: Client, params: Any) -> Any:
        raise ZeroDivisionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METHODS, "status", broken)
        async with home.open(), home.open() as remote:
            with pytest.raises(wire.RemoteError) as caught:
                await remote.call("status")
            assert caught.value.kind == "app.fault"
    assert "ZeroDivisionError" in caplog.text


async def test_only_what_doubles_is_not_repeatable() -> None:
    once = {*METHODS, *STREAMS} - REPEATABLE
    assert once == ONCE  # so no name is there that no method has
    assert {each for each in METHODS if each.startswith("group_")} - once == {"group_show"}
    for_messages = {each for each in once if not each.startswith(("group_", "device_"))}
    files = {"attachment_save", "picture_save", "set_picture"}
    assert for_messages == {"send", "send_anyway", "drop", "delete", "forget", "disappear", "screenshot", *files}
    assert {"group_leave", "device_leave"} <= once
    assert "group_show" not in once
