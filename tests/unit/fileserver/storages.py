"""The storages that the tests of a file server run with: the default one, and servers started for the run.

Every test that takes the fixture `opened` or `storage` runs with each.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from tests.unit.fileserver.rooms import Rooms, rooms
from tests.unit.fileserver.stores import BUCKET, needs_package, postgres_server, s3_server
from veery.fileserver.settings import FileServerSettings, S3Settings
from veery.runtime.randomness import Randomness
from veery.runtime.settings import load
from veery.secret import Secret

DEFAULT = "sqlite and disk"
STORAGES = (DEFAULT, "postgresql and s3")
Storage = Callable[[FileServerSettings], FileServerSettings]


class Opened(Protocol):
    def __call__(
        self, settings: FileServerSettings | None = None, randomness: Randomness | None = None
    ) -> AbstractAsyncContextManager[Rooms]: ...


class Servers:
    """Servers that are started when they are first asked for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._postgres = ""
        self._s3 = ""

    def postgres(self) -> str:
        """The URL of an empty schema."""
        needs_package("asyncpg")
        import asyncpg

        self._postgres = self._postgres or self._stack.enter_context(postgres_server())
        base = f"postgresql://postgres@/postgres?host={self._postgres}"
        schema = f"test_{uuid.uuid4().hex}"

        async def create() -> None:
            connection = await asyncpg.connect(base)
            await connection.execute(f"CREATE SCHEMA {schema}")
            await connection.close()

        with ThreadPoolExecutor(1) as thread:  # a test has a loop of its own in this one
            thread.submit(asyncio.run, create()).result()
        return f"{base}&search_path={schema}"

    def s3(self) -> S3Settings:
        """An empty part of a bucket."""
        self._s3 = self._s3 or self._stack.enter_context(s3_server())
        return S3Settings(
            bucket=BUCKET,
            endpoint=self._s3,
            prefix=f"{uuid.uuid4().hex}/",
            access_key="tester",
            secret_key=Secret(b"tester's secret"),
        )


@pytest.fixture(scope="session")
def storage_servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack)


@pytest.fixture(params=STORAGES)
def storage(request: pytest.FixtureRequest, storage_servers: Servers) -> Storage:
    """What makes settings use one storage, the same and at first empty one for the whole test."""
    if request.param == DEFAULT:
        return lambda settings: settings
    s3, postgres = storage_servers.s3(), Secret(storage_servers.postgres().encode())
    return lambda settings: replace(settings, postgres=postgres, s3=s3)


def as_environment(settings: FileServerSettings) -> dict[str, str]:
    """The storage of settings as a process is told of it; `from_environment` reads it."""
    if settings.postgres is None or settings.s3.bucket is None:
        return {}
    given = {"VEERY_POSTGRES": settings.postgres.reveal().decode(), "VEERY_S3_SECRET_KEY": "tester's secret"}
    for name in ("bucket", "endpoint", "prefix", "access_key"):
        given[f"VEERY_S3_{name.upper()}"] = getattr(settings.s3, name)
    return given


def from_environment() -> FileServerSettings:
    """Settings of a process that a test has started."""
    return load(FileServerSettings, environment=os.environ).values


@pytest.fixture
def opened(storage: Storage, tmp_path: Path) -> Opened:
    """Opens the rooms of one file server, which a test may do several times in turn."""

    def opened(
        settings: FileServerSettings | None = None, randomness: Randomness | None = None
    ) -> AbstractAsyncContextManager[Rooms]:
        return rooms(tmp_path / "server", storage(settings or FileServerSettings()), randomness)

    return opened
