"""What is told of files that go up or come down."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from veery.cli import transferring
from veery.cli.transferring import fetching_words, files_of, uploading_words


def file(number: int, state: str, *, message: int = 7, **more: Any) -> dict[str, Any]:
    named = {"id": number, "message": message, "name": f"plan {number}.txt", "content_type": "text/plain"}
    return {**named, "size": 1_024 * number, "state": state, "preview": False, **more}


def test_uploads_are_counted_and_named() -> None:
    both = [file(1, "uploading"), file(2, "uploading")]
    assert uploading_words(both) == "Uploading file 1 of 2: plan 1.txt, 1.0 KiB; 0 bytes of 3.0 KiB are up"
    one = [file(1, "stored"), file(2, "uploading")]
    assert uploading_words(one) == "Uploading file 2 of 2: plan 2.txt, 2.0 KiB; 1.0 KiB of 3.0 KiB are up"
    assert uploading_words([file(1, "uploading")]) == "Uploading file 1 of 1: plan 1.txt, 1.0 KiB"
    assert uploading_words([file(1, "stored")]) is None
    assert uploading_words([]) is None


def test_a_download_is_named() -> None:
    assert fetching_words([file(3, "remote")]) == "Fetching plan 3.txt, 3.0 KiB"
    assert fetching_words([]) is None


@contextmanager
def engine(directory: Path, listed: list[dict[str, Any]] | None) -> Iterator[None]:
    """What answers one question at the control socket; with None it never does."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(directory / "control.sock"))
    listener.listen()
    over = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            asked = json.loads(connection.recv(65_536))
            if listed is None:
                over.wait(10)
                return
            connection.sendall(json.dumps({"id": asked["id"], "result": listed}).encode() + b"\n")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        listener.close()


def test_files_are_asked_of_the_engine(tmp_path: Path) -> None:
    listed = [file(4, "stored"), file(3, "stored", preview=True), file(2, "stored"), file(1, "stored", message=8)]
    with engine(tmp_path, listed):
        assert [each["id"] for each in files_of(tmp_path, "message", 7)] == [2, 4]


def test_an_engine_that_is_not_there_or_busy_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert files_of(tmp_path, "id", 1) == []
    monkeypatch.setattr(transferring, "_GLANCE_S", 0.01)
    with engine(tmp_path, None):
        assert files_of(tmp_path, "id", 1) == []
