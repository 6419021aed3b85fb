"""Several commands on one profile: one process has the engine, the others speak to it over the control socket."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from veery.app import wire
from veery.app.session import OwnSession, RemoteSession, Session, open_session
from veery.client import profile as profiles
from veery.client.profile import SOCKET_NAME
from veery.errors import NotFound, StoreBusy
from veery.lab.network import LabNetwork
from veery.protocol.account import Account
from veery.runtime.randomness import random_bytes
from veery.store.keys import KeyFile, Unlock

pytestmark = pytest.mark.network


async def made(directory: Path, name: str, network: str) -> Path:
    account = Account.create(random_bytes)
    await profiles.create(directory / name, account, name, network, KeyFile(directory / f"{name}.key"))
    return directory / name


def opened(profile: Path, **options: Any) -> Any:
    return open_session(profile, lambda: KeyFile(profile.parent / f"{profile.name}.key"), **options)


@asynccontextmanager
async def two(directory: Path) -> AsyncIterator[tuple[Path, Path]]:
    async with LabNetwork(directory / "lab", 8) as lab:
        network = lab.network_file.read_text()
        yield await made(directory, "alice", network), await made(directory, "bob", network)


async def first(session: Session, kind: str, **params: Any) -> Any:
    async for event in session.stream("follow", **params):
        if event["event"] == kind:
            return event
    raise AssertionError("the stream ended")


async def test_one_profile_serves_several_sessions(tmp_path: Path) -> None:
    async with two(tmp_path) as (alice, bob), AsyncExitStack() as stack:
        own = await stack.enter_async_context(opened(alice))
        remote = await stack.enter_async_context(opened(alice))
        other = await stack.enter_async_context(opened(bob))
        assert isinstance(own, OwnSession)
        assert isinstance(remote, RemoteSession)
        assert stat.S_IMODE((alice / SOCKET_NAME).stat().st_mode) == 0o600
        to = (await other.call("account"))["account_id"]
        arriving = asyncio.create_task(first(other, "message"))
        sent = await remote.call("send", to=to, text="by the socket", wait=True)
        assert sent["state"] == "stored"
        assert sent["stored_on"] == sent["swarm_size"] == 8
        assert len(sent["hash"]) == 43
        arrived = await asyncio.wait_for(arriving, 30)
        assert (arrived["text"], arrived["hash"]) == ("by the socket", sent["hash"])
        (listed,) = await own.call("messages", conversation=to)
        assert listed["text"] == "by the socket"
        (request,) = await other.call("requests")
        answer = await other.call("send", to=request["name"], text="hello alice", wait=True)
        assert answer["conversation"] == request["id"]


async def test_errors_cross_the_socket(tmp_path: Path) -> None:
    async with two(tmp_path) as (alice, _), opened(alice) as own, opened(alice) as remote:
        for session in (own, remote):
            with pytest.raises(NotFound) as caught:
                await session.call("send", to="nobody", text="x")
            assert "no contact or group is called" in str(caught.value)
            assert caught.value.remedy


async def test_a_session_takes_over_when_the_owner_ends(tmp_path: Path) -> None:
    async with two(tmp_path) as (alice, _):
        async with opened(alice):
            pass
        assert not (alice / SOCKET_NAME).exists()
        async with AsyncExitStack() as stack:
            sessions = await asyncio.gather(*(stack.enter_async_context(opened(alice)) for _ in range(4)))
            assert sum(isinstance(session, OwnSession) for session in sessions) == 1
            ids = {json.dumps(await session.call("account")) for session in sessions}
            assert len(ids) == 1


async def test_a_busy_profile_is_told_at_the_end(tmp_path: Path) -> None:
    async with two(tmp_path) as (alice, _), opened(alice):
        (alice / SOCKET_NAME).unlink()
        with pytest.raises(StoreBusy):
            async with opened(alice, wait_s=0.2):
                pass


async def test_no_passphrase_is_asked_for_when_the_engine_runs(tmp_path: Path) -> None:
    def unlock() -> Unlock:
        raise AssertionError("nobody should be asked")

    async with two(tmp_path) as (alice, _), opened(alice), open_session(alice, unlock) as remote:
        assert (await remote.call("status"))["name"] == "alice"


@pytest.mark.parametrize(
    "line", [b"nonsense\n", b"[]\n", b'{"id": 1, "method": "nosuch"}\n', b'{"id": 1, "method": "send"}\n']
)
async def test_bad_lines_hurt_nobody_else(tmp_path: Path, line: bytes) -> None:
    async with two(tmp_path) as (alice, _), opened(alice), opened(alice) as remote:
        reader, writer = await asyncio.open_unix_connection(str(alice / SOCKET_NAME))
        writer.write(line)
        answer = await reader.readline()
        assert answer == b"" or wire.read(answer)["error"]["kind"].startswith("app.")
        writer.close()
        await writer.wait_closed()
        assert (await remote.call("account"))["name"] == "alice"


async def test_the_doctor_finds_a_whole_road(tmp_path: Path) -> None:
    async with two(tmp_path) as (alice, _), opened(alice) as own:
        steps = [step async for step in own.stream("doctor")]
        assert [step["name"] for step in steps if not step["ok"]] == []
        assert {"clock", "seeds", "guard", "path", "swarm", "store", "retrieve"} <= {step["name"] for step in steps}
