"""The file server's rows in PostgreSQL.

All writes go over one connection, which holds a lock of the database: no second server can use the same rows, and after
a break the new connection gets the lock only when the database has done with the old one. So a write that comes after
one that failed sees what became of it. Reads take connections of a pool.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import asyncpg

from veery.fileserver.errors import FileServerError, StorageFault, StorageRefused, StorageTaken
from veery.fileserver.metadata import StoredFile, Totals
from veery.runtime.faults import DiskFull
from veery.secret import Secret

_SCHEMA: Final = (
    """
    CREATE TABLE files (
        id varchar(44) PRIMARY KEY,
        size bigint NOT NULL,
        uploaded bigint NOT NULL,
        expiry bigint NOT NULL
    );
    CREATE INDEX files_by_expiry ON files (expiry);
    CREATE TABLE version_checks (
        day integer NOT NULL,
        id bytea NOT NULL,
        platform text NOT NULL,
        channel text NOT NULL,
        PRIMARY KEY (day, id, platform, channel)
    );
    CREATE TABLE own_name (name text NOT NULL);
    INSERT INTO own_name (name) VALUES (replace(gen_random_uuid()::text, '-', ''));
    """,
)
_LOCK: Final = 0x7665_6572  # "veer": the first half of an advisory lock's number; the second names the schema
_LOCK_WAIT_S: Final = 10.0  # that a server which was killed is given to be noticed by the database
_CONNECT_S: Final = 10.0
_COMMAND_S: Final = 30.0
_READERS: Final = 8


class PostgresMetadata:
    """`Metadata` in a PostgreSQL database. url: as in `postgresql://user@host/database`.

    Raises also StorageFault leaves: StorageTaken, StorageRefused.
    """

    def __init__(self, url: Secret) -> None:
        self._url = url
        self._turn = asyncio.Lock()
        self._writer: asyncpg.Connection | None = None
        self._readers: asyncpg.Pool | None = None

    async def start(self) -> None:
        """See `Metadata`. Raises also StorageTaken, StorageRefused."""
        async with self._writing() as writer:
            await _migrate(writer)
        with _mapped():
            self._readers = await asyncpg.create_pool(
                self._url.reveal().decode(), min_size=1, max_size=_READERS, **_OPTIONS
            )

    async def close(self) -> None:
        """See `Metadata`."""
        async with self._turn:
            readers, self._readers = self._readers, None
            writer, self._writer = self._writer, None
            with _mapped():
                if readers is not None:
                    await readers.close()
                if writer is not None:
                    await writer.close()

    async def name(self) -> str:
        """See `Metadata`."""
        return str((await self._rows("SELECT name FROM own_name"))[0][0])

    async def find(self, file_id: str) -> StoredFile | None:
        """See `Metadata`."""
        found = await self._rows("SELECT id, size, uploaded, expiry FROM files WHERE id = $1", file_id)
        return StoredFile(*found[0]) if found else None

    async def keep(self, file: StoredFile) -> StoredFile:
        """See `Metadata`."""
        found = await self._write(
            "INSERT INTO files (id, size, uploaded, expiry) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO UPDATE"
            " SET uploaded = excluded.uploaded, expiry = greatest(files.expiry, excluded.expiry)"
            " RETURNING id, size, uploaded, expiry",
            file.id,
            file.size,
            file.uploaded_ms,
            file.expiry_ms,
        )
        return StoredFile(*found[0])

    async def extend(self, file_id: str, expiry_ms: int) -> StoredFile | None:
        """See `Metadata`."""
        found = await self._write(
            "UPDATE files SET expiry = greatest(expiry, $2) WHERE id = $1 RETURNING id, size, uploaded, expiry",
            file_id,
            expiry_ms,
        )
        return StoredFile(*found[0]) if found else None

    async def expired(self, now_ms: int, limit: int) -> Sequence[str]:
        """See `Metadata`."""
        found = await self._rows("SELECT id FROM files WHERE expiry <= $1 ORDER BY expiry LIMIT $2", now_ms, limit)
        return [str(row[0]) for row in found]

    async def remove_expired(self, file_ids: Sequence[str], now_ms: int) -> Sequence[StoredFile]:
        """See `Metadata`."""
        found = await self._write(
            "DELETE FROM files WHERE id = ANY($1) AND expiry <= $2 RETURNING id, size, uploaded, expiry",
            list(file_ids),
            now_ms,
        )
        return [StoredFile(*row) for row in found]

    async def totals(self) -> Totals:
        """See `Metadata`."""
        found = await self._rows("SELECT count(*), coalesce(sum(size), 0)::bigint FROM files")
        return Totals(*found[0])

    async def count_check(self, day: int, key: bytes, platform: str, channel: str) -> int:
        """See `Metadata`."""
        found = await self._write(
            "INSERT INTO version_checks (day, id, platform, channel) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT DO NOTHING RETURNING 1",
            day,
            key,
            platform,
            channel,
        )
        return len(found)

    async def checks_of(self, day: int) -> int:
        """See `Metadata`."""
        found = await self._rows("SELECT count(*) FROM version_checks WHERE day = $1", day)
        return int(found[0][0])

    async def forget_checks(self, before_day: int) -> None:
        """See `Metadata`."""
        await self._write("DELETE FROM version_checks WHERE day < $1", before_day)

    async def checks(self, since_day: int) -> Mapping[tuple[str, str], int]:
        """See `Metadata`."""
        found = await self._rows(
            "SELECT platform, channel, count(DISTINCT id) FROM version_checks WHERE day >= $1"
            " GROUP BY platform, channel",
            since_day,
        )
        return {(str(platform), str(channel)): int(number) for platform, channel, number in found}

    # -- connections -------------------------------------------------------------------------------------------

    async def _rows(self, sql: str, *values: object) -> Sequence[Any]:
        if self._readers is None:
            raise _closed()
        with _mapped():
            return await self._readers.fetch(sql, *values)

    async def _write(self, sql: str, *values: object) -> Sequence[Any]:
        if self._readers is None:
            raise _closed()
        async with self._writing() as writer:
            return await writer.fetch(sql, *values)

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[asyncpg.Connection]:
        """The connection that holds the lock, for one at a time. After a fault it is made anew."""
        async with self._turn:
            with _mapped():
                writer = self._writer
                if writer is None or writer.is_closed():
                    writer = self._writer = await self._locked_connection()
                try:
                    yield writer
                except asyncpg.PostgresError as error:
                    if isinstance(error, asyncpg.PostgresConnectionError):
                        self._drop(writer)
                    raise
                except BaseException:  # cut off in the middle: what became of the statement is not known
                    self._drop(writer)
                    raise

    def _drop(self, writer: asyncpg.Connection) -> None:
        writer.terminate()
        self._writer = None

    async def _locked_connection(self) -> asyncpg.Connection:
        made = await asyncpg.connect(self._url.reveal().decode(), timeout=_CONNECT_S, **_OPTIONS)
        try:
            await made.execute(f"SET lock_timeout = {round(_LOCK_WAIT_S * 1000)}")
            await made.execute(f"SELECT pg_advisory_lock({_LOCK}, hashtext(current_schema()))")
        except asyncpg.LockNotAvailableError as error:
            made.terminate()
            raise StorageTaken("Another file server uses the database") from error
        except BaseException:
            made.terminate()
            raise
        return made


_OPTIONS: Final[dict[str, Any]] = {
    "command_timeout": _COMMAND_S,
    "server_settings": {"application_name": "veery fileserver", "synchronous_commit": "on"},
}


async def _migrate(writer: asyncpg.Connection) -> None:
    """Bring the schema up to date, each step in one transaction. Raises StorageRefused for a newer one."""
    await writer.execute("CREATE TABLE IF NOT EXISTS veery_schema (version integer NOT NULL)")
    known = int(await writer.fetchval("SELECT coalesce(max(version), 0) FROM veery_schema"))
    if known > len(_SCHEMA):
        raise StorageRefused(
            f"The database has schema {known}, this version of Veery knows {len(_SCHEMA)}",
            remedy="Use the newer version of Veery, or another database",
        )
    for version, statements in enumerate(_SCHEMA[known:], known + 1):
        async with writer.transaction():
            await writer.execute(statements)
            await writer.execute("INSERT INTO veery_schema (version) VALUES ($1)", version)


@contextmanager
def _mapped() -> Iterator[None]:
    """Raise leaves of the error tree in place of what asyncpg raises. Its texts can hold values, so they go no further
    than the cause."""
    try:
        yield
    except (asyncpg.DiskFullError, asyncpg.OutOfMemoryError) as error:
        raise DiskFull("The database has no more room") from error
    except (
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
        asyncpg.InsufficientPrivilegeError,
        asyncpg.ClientConfigurationError,
    ) as error:
        raise StorageRefused(
            f"The database cannot be used ({type(error).__name__})", remedy="Check the setting `postgres`"
        ) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise StorageFault(f"The database failed ({type(error).__name__})") from error
    except (OSError, TimeoutError) as error:
        raise StorageFault(f"The database does not answer ({type(error).__name__})") from error


def _closed() -> FileServerError:
    return FileServerError("the database of files is closed", kind="fileserver.closed")
