"""Settings of a file server, in the form that the settings loader reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from veery.protocol.constants import FILE_BLOB_LARGE_MAX, FILE_BLOB_MAX, FILE_TTL_S
from veery.secret import Secret

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Bounds of what strangers can make the file server do. Times in seconds."""

    minute_mib: Annotated[int, Meta(ge=16, description="Bytes up and down in one minute, for all together.")] = 4_096
    minute_each_mib: Annotated[int, Meta(ge=16, description="The same for one address, mostly a last hop.")] = 512
    addresses: Annotated[int, Meta(ge=1, description="Addresses whose bytes are counted.")] = 10_000
    connections: Annotated[int, Meta(ge=1, description="Connections at one time.")] = 2_048
    connections_per_address: Annotated[int, Meta(ge=1, description="Connections from one address.")] = 256
    bodies_mib: Annotated[int, Meta(ge=16, description="Memory that all request bodies in flight take.")] = 256
    head_s: Annotated[float, Meta(gt=0, description="For the head of a request to arrive.")] = 15.0
    body_s: Annotated[float, Meta(gt=0, description="For the body of a request to arrive.")] = 60.0
    answer_s: Annotated[float, Meta(gt=0, description="For an answer to be taken.")] = 60.0


@dataclass(frozen=True, slots=True)
class S3Settings:
    """Where files lie if not on the disk: a bucket of a store that speaks S3."""

    bucket: Annotated[str | None, Meta(description="Name of the bucket; unset: files lie on the disk.")] = None
    endpoint: Annotated[
        str | None, Meta(description="URL of the store, as in https://s3.example.org; unset: Amazon's.")
    ] = None
    region: Annotated[str, Meta(description="Region of the bucket.")] = "us-east-1"
    prefix: Annotated[
        str,
        Meta(pattern=r"^([A-Za-z0-9_-]+/)*$", description="What the names of all objects begin with, as in files/."),
    ] = ""
    access_key: Annotated[str | None, Meta(description="Name of the access key.")] = None
    secret_key: Annotated[
        Secret | None, Meta(description="The access key's secret; better given as VEERY_S3_SECRET_KEY.")
    ] = None


@dataclass(frozen=True, slots=True)
class FileServerSettings:
    """What a file server is told. Times in seconds, sizes in bytes unless the name says MiB."""

    host: Annotated[str, Meta(description="Address to listen on; 0.0.0.0 to serve others.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="Port; 0 takes a free one.")] = 8_018
    ids: Annotated[
        Literal["hash", "numeric"],
        Meta(description="Ids of files: their hash, so that equal ones are kept once, or random numbers."),
    ] = "hash"
    ttl_s: Annotated[int, Meta(ge=60, le=5_184_000, description="Files are kept for so long, and no longer.")] = (
        FILE_TTL_S
    )
    blob_max: Annotated[
        int,
        Meta(
            ge=1,
            le=FILE_BLOB_LARGE_MAX,
            description="Bytes of one file. More than the default comes directly, not over nodes, and only from clients"
            " whose network file names it.",
        ),
    ] = FILE_BLOB_MAX
    quota_mib: Annotated[int, Meta(ge=1, description="Room for all files; more is refused.")] = 10_240
    free_mib: Annotated[int, Meta(ge=0, description="Room that must stay free on the device.")] = 512
    sweep_s: Annotated[float, Meta(gt=0, description="Remove expired files so often.")] = 10.0
    check_days: Annotated[int, Meta(ge=1, le=366, description="Days that version checks are counted for.")] = 30
    checks_a_day: Annotated[int, Meta(ge=0, description="Version checks that are counted in one day.")] = 1_000_000
    news: Annotated[
        Path | None, Meta(description="JSON file of releases and token figures to pass on; unset: there are none.")
    ] = None
    postgres: Annotated[
        Secret | None,
        Meta(
            description="Database, as in postgresql://veery@localhost/files; better given as VEERY_POSTGRES."
            " Unset: SQLite in the server's directory."
        ),
    ] = None
    s3: Annotated[S3Settings, Meta(description="Object storage in place of the disk.")] = field(
        default_factory=S3Settings
    )
    limits: Annotated[LimitSettings, Meta(description="Bounds.")] = field(default_factory=LimitSettings)

    @property
    def quota(self) -> int:
        """Bytes of all files."""
        return self.quota_mib * _MIB

    @property
    def free(self) -> int:
        """Bytes that stay free on the device."""
        return self.free_mib * _MIB
