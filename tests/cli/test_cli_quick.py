"""Asking a running engine that ends meanwhile: what may be asked again, and what may not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from veery.app.once import ONCE
from veery.app.wire import SessionClosing, SessionLost, error_fields, read, socket_address, write
from veery.cli.quick import SOCKET_NAME, ask

Answer = Callable[[dict[str, Any]], bytes]


@contextmanager
def engine(directory: Path, answer: Answer) -> Iterator[list[str]]:
    """Something that listens as an engine does, answers one caller, and ends; gives the methods that were asked."""
    asked: list[str] = []
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with socket_address(directory / SOCKET_NAME) as address:
        listener.bind(address)
    listener.listen(1)

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                request = read(line)
                asked.append(str(request["method"]))
                told = answer(request)
                if not told:
                    return
                connection.sendall(told)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield asked
    finally:
        thread.join(timeout=10)
        listener.close()


def done(request: dict[str, Any]) -> bytes:
    return write({"id": request["id"], "result": {"asked": request["method"]}})


def lost(request: dict[str, Any]) -> bytes:
    return b""


def closing(request: dict[str, Any]) -> bytes:
    return write({"id": request["id"], "error": error_fields(SessionClosing("it is about to end"))})


@pytest.mark.parametrize("method", ["status", "group_create"])
def test_a_running_engine_answers(tmp_path: Path, method: str) -> None:
    with engine(tmp_path, done) as asked:
        assert ask(tmp_path, [(method, {})]) == [{"asked": method}]
    assert asked == [method]


def test_without_an_engine_there_is_no_answer(tmp_path: Path) -> None:
    assert ask(tmp_path, [("status", {})]) is None


@pytest.mark.parametrize("method", ["status", "group_create"])
def test_what_an_engine_has_not_begun_may_be_asked_again(tmp_path: Path, method: str) -> None:
    with engine(tmp_path, closing):
        assert ask(tmp_path, [(method, {})]) is None


def test_what_an_engine_may_have_done_is_asked_again_only_if_it_may_be_done_twice(tmp_path: Path) -> None:
    assert "group_create" in ONCE
    with engine(tmp_path, lost):
        assert ask(tmp_path, [("status", {})]) is None
    (tmp_path / SOCKET_NAME).unlink()
    with engine(tmp_path, lost), pytest.raises(SessionLost) as caught:
        ask(tmp_path, [("group_create", {"name": "Walkers"})])
    assert caught.value.remedy == "Look whether it was done before you do it again"
