"""`veery fileserver` over each storage, told of it as an operator does: by settings and environment."""

from __future__ import annotations

import signal
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cli.harness import Home, Service
from tests.unit.fileserver.storages import Storage, as_environment
from tests.unit.fileserver.stores import needs_package
from veery.fileserver.settings import FileServerSettings
from veery.protocol.attachments import http_id

BLOB = b"what nobody but two people can read"


@dataclass(frozen=True, slots=True)
class HomeWith(Home):
    """A home whose commands are told of a storage."""

    storage: Mapping[str, str] = field(default_factory=dict)

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        return {**Home.environment(self, more), **self.storage}


def asked(url: str, body: bytes | None = None) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=30) as answer:
        found: bytes = answer.read()
        return found


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_files_are_there_after_any_end(tmp_path: Path, storage: Storage, end: signal.Signals) -> None:
    home = HomeWith(tmp_path, as_environment(storage(FileServerSettings())))
    with Service(home, "fileserver", "run", "--port", "0") as first:
        asked(f"{first.told['url']}/file", BLOB)
        assert first.stop(end) == (0 if end != signal.SIGKILL else -signal.SIGKILL)
    with Service(home, "fileserver", "run", "--port", "0") as again:
        assert again.told["ed25519"] == first.told["ed25519"]
        assert asked(f"{again.told['url']}/file/{http_id(BLOB).text}") == BLOB
        blobs = [path for path in tmp_path.rglob(http_id(BLOB).text) if path.is_file()]
        assert len(blobs) == (0 if home.storage else 1)


def test_nothing_of_files_and_askers_is_logged(home: Home) -> None:
    server = Service(home, "fileserver", "run", "--port", "0", "--verbose", "--log-json")
    process = server._process
    asked(f"{server.told['url']}/file", BLOB)
    asked(f"{server.told['url']}/file/{http_id(BLOB).text}")
    for wrong in ("/file/7", f"/file/{'x' * 44}", "/nothing?secret=word"):
        with pytest.raises(urllib.error.HTTPError):
            asked(server.told["url"] + wrong)
    process.send_signal(signal.SIGTERM)
    _, logs = process.communicate(timeout=60)
    assert logs
    for word in (http_id(BLOB).text, "two people", "x" * 44, "secret=word", "127.0.0.1", "/file"):
        assert word not in logs.decode()


def test_storage_that_is_not_there_is_one_line(home: Home) -> None:
    needs_package("asyncpg")
    ran = home.veery("fileserver", "run", "--set", f"postgres=postgresql://somebody:hush@/x?host={home.path}")
    assert ran.code == 1
    assert "The database does not answer" in ran.err
    assert "hush" not in ran.err
    assert "Traceback" not in ran.err


def test_secrets_are_not_taken_where_they_would_be_lost(home: Home) -> None:
    for given in ("postgres=postgresql://me:hush@localhost/files", "s3.secret_key=hush"):
        ran = home.veery("fileserver", "init", "--set", given)
        assert ran.code == 2
        assert "hush" not in ran.err
        assert "VEERY_" in ran.err
    assert not list(home.path.rglob("*.toml"))


def init_record(home: Home, *more: str) -> dict[str, Any]:
    ran = home.veery("fileserver", "init", "--json", *more)
    assert ran.code == 0, ran.err
    return ran.record


def test_what_init_writes_is_what_run_reads(home: Home) -> None:
    made = init_record(home, "--port", "0", "--set", "quota_mib=77", "--set", "ids=numeric")
    assert f'url = "{made["url"]}"' in made["network_line"]
    with Service(home, "fileserver", "run") as running:
        assert running.told["x25519"] == made["x25519"]
        assert b'"id":"' in asked(f"{running.told['url']}/file", BLOB).replace(b" ", b"")
        asked(f"{running.told['url']}/file", BLOB)
        blobs = [path for path in home.path.rglob("*") if path.is_file() and path.read_bytes() == BLOB]
        assert len(blobs) == 2
        assert home.veery("fileserver", "run").code == 1  # its directory is locked
    again = home.veery("fileserver", "init")
    assert again.code != 0
    assert "exists already" in again.err
