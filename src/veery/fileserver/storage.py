"""Which storage a file server uses: what its settings say, and else SQLite and files in its directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from veery.fileserver.blobs import BlobStore, DiskBlobs
from veery.fileserver.database import SqliteMetadata
from veery.fileserver.errors import PackageMissing
from veery.fileserver.metadata import Metadata
from veery.fileserver.settings import FileServerSettings

BLOBS: Final = "blobs"


def metadata_of(settings: FileServerSettings, directory: Path) -> Metadata:
    """Where rows lie. Raises PackageMissing."""
    if settings.postgres is None:
        return SqliteMetadata(directory)
    try:
        from veery.fileserver.postgres import PostgresMetadata
    except ImportError as error:
        raise _missing("asyncpg", "PostgreSQL", "postgres") from error
    return PostgresMetadata(settings.postgres)


def blobs_of(settings: FileServerSettings, directory: Path, random: Callable[[int], bytes]) -> BlobStore:
    """Where blobs lie. Raises PackageMissing, StorageRefused (the settings make no sense)."""
    if settings.s3.bucket is None:
        return DiskBlobs(directory / BLOBS, free=settings.free, random=random)
    try:
        from veery.fileserver.s3 import S3Blobs
    except ImportError as error:
        raise _missing("obstore", "S3", "s3") from error
    return S3Blobs(settings.s3)


def _missing(package: str, what: str, extra: str) -> PackageMissing:
    return PackageMissing(
        f"The settings name {what}, but the package `{package}` is not installed",
        remedy=f"Install it with `pip install 'veery[{extra}]'`",
    )
