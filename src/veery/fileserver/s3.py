"""Blobs in an object store that speaks S3.

A put there is whole or not at all, and durable when it is answered, so nothing is left to clean up. Requests are signed
and, after failures that pass, repeated by the library. Objects have the names that files have on the disk (09.7.4).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import obstore
from obstore import exceptions
from obstore.store import S3Store

from veery.fileserver.blobs import OWNER, OWNER_MAX
from veery.fileserver.errors import StorageFault, StorageRefused
from veery.fileserver.settings import S3Settings
from veery.protocol.attachments import FileId, FileIdMalformed
from veery.runtime.faults import DiskFull

_BATCH: Final = 256  # names that are listed at a time
_REQUEST_S: Final = 30
_TRIES_S: Final = 60
_RETRIES: Final = 3
_FULL: Final = ("QuotaExceeded", "StorageFull", "InsufficientStorage", "status: 507")


class S3Blobs:
    """`BlobStore` in a bucket. Raises also StorageFault leaves: StorageRefused."""

    def __init__(self, settings: S3Settings) -> None:
        """Nothing is asked yet. Raises StorageRefused when the settings make no sense."""
        self._prefix = settings.prefix
        with _mapped():
            self._store = S3Store(settings.bucket, config=_config(settings), **_transport(settings))

    async def start(self) -> None:
        """See `BlobStore`. Asks the store for one name, to find out about wrong settings at once."""
        with _mapped():
            async for _ in obstore.list(self._store, self._prefix or None, chunk_size=1):
                return

    async def close(self) -> None:
        """See `BlobStore`."""

    async def claim(self, name: str) -> str:
        """See `BlobStore`."""
        place = self._prefix + OWNER
        found = await self._read(place)
        if found is None:
            with _mapped():
                await obstore.put_async(self._store, place, name.encode(), use_multipart=False)
            return name
        return found[:OWNER_MAX].decode("ascii", "replace")

    async def put(self, file_id: FileId, blob: bytes) -> None:
        """See `BlobStore`."""
        with _mapped():
            await obstore.put_async(self._store, self._name(file_id), blob, use_multipart=False)

    async def get(self, file_id: FileId) -> bytes | None:
        """See `BlobStore`."""
        return await self._read(self._name(file_id))

    async def has(self, file_id: FileId) -> bool:
        """See `BlobStore`."""
        try:
            with _mapped():
                await obstore.head_async(self._store, self._name(file_id))
        except FileNotFoundError:
            return False
        return True

    async def remove(self, file_ids: Sequence[FileId]) -> None:
        """See `BlobStore`."""
        if not file_ids:
            return
        try:
            with _mapped():
                await obstore.delete_async(self._store, [self._name(file_id) for file_id in file_ids])
        except FileNotFoundError:  # some stores say so, and remove the others
            return

    async def batches(self) -> AsyncIterator[Sequence[FileId]]:
        """See `BlobStore`."""
        found = aiter(obstore.list(self._store, self._prefix or None, chunk_size=_BATCH))
        while True:
            with _mapped():
                objects = await anext(found, None)
            if objects is None:
                return
            if ids := [file_id for each in objects if (file_id := self._id_of(each["path"])) is not None]:
                yield ids

    async def _read(self, place: str) -> bytes | None:
        try:
            with _mapped():
                found = await obstore.get_async(self._store, place)
                return bytes(await found.bytes_async())
        except FileNotFoundError:
            return None

    def _name(self, file_id: FileId) -> str:
        return f"{self._prefix}{file_id.folder}/{file_id.text}"

    def _id_of(self, name: str) -> FileId | None:
        """The id of an object; None for one that is not ours, and is never touched."""
        try:
            file_id = FileId.parse(name.rpartition("/")[2])
        except FileIdMalformed:
            return None
        return file_id if name == self._name(file_id) else None


def _transport(settings: S3Settings) -> dict[str, Any]:
    is_plain = settings.endpoint is not None and settings.endpoint.startswith("http://")
    return {
        "client_options": {"allow_http": is_plain, "timeout": timedelta(seconds=_REQUEST_S)},
        "retry_config": {"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_TRIES_S)},
    }


def _config(settings: S3Settings) -> dict[str, Any]:
    config: dict[str, Any] = {"region": settings.region}
    if settings.endpoint is not None:
        config |= {"endpoint": settings.endpoint, "virtual_hosted_style_request": False}
    if settings.access_key is not None:
        secret = b"" if settings.secret_key is None else settings.secret_key.reveal()
        config |= {"access_key_id": settings.access_key, "secret_access_key": secret.decode()}
    return config


@contextmanager
def _mapped() -> Iterator[None]:
    """Raise leaves of the error tree in place of the library's; FileNotFoundError passes. The library's texts name the
    store and objects, so they go no further than the cause."""
    try:
        yield
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise _refused("The object store has no such bucket") from error
        raise
    except (
        exceptions.PermissionDeniedError,
        exceptions.UnauthenticatedError,
        exceptions.UnknownConfigurationKeyError,
    ) as error:
        raise _refused("The object store refuses access") from error
    except exceptions.BaseError as error:
        text = str(error)
        if any(word in text for word in _FULL):
            raise DiskFull("The object store has no more room") from error
        raise StorageFault(f"The object store failed ({type(error).__name__})") from error
    except (OSError, TimeoutError) as error:
        raise StorageFault(f"The object store does not answer ({type(error).__name__})") from error


def _refused(text: str) -> StorageRefused:
    return StorageRefused(text, remedy="Check the settings under [s3]")
