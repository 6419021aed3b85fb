"""One question to a running engine over its control socket, with nothing but a socket and JSON."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from veery.app.wire import LINE_MAX, SessionClosing, error_from, read, socket_address, write

Questions: TypeAlias = "Sequence[tuple[str, Mapping[str, Any]]]"  # method and parameters
SOCKET_NAME: Final = "control.sock"  # as `veery.client.profile` names it, whose import is dear
_TIMEOUT_S: Final = 60.0
_CHUNK: Final = 65_536


def engine_runs(directory: Path) -> bool:
    """Whether a process has this profile open and answers."""
    connection = _connected(directory)
    if connection is None:
        return False
    connection.close()
    return True


def ask(directory: Path, questions: Questions) -> list[Any] | None:
    """The engine's answers, in turn; None when none runs, or it ends meanwhile. Raises what the engine raised.

    Questions must be such that may be asked again.
    """
    connection = _connected(directory)
    if connection is None:
        return None
    answers: list[Any] = []
    with connection:
        for number, (method, params) in enumerate(questions):
            try:
                connection.sendall(write({"id": number, "method": method, "params": params}))
                answer = _line(connection)
            except (OSError, ValueError):
                return None
            if answer.get("error", {}).get("kind") == SessionClosing.default_kind:
                return None
            if "error" in answer:
                raise error_from(answer["error"])
            answers.append(answer.get("result"))
    return answers


def _connected(directory: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_TIMEOUT_S)
    try:
        with socket_address(directory / SOCKET_NAME) as address:
            connection.connect(address)
    except OSError:
        connection.close()
        return None
    return connection


def _line(connection: socket.socket) -> dict[str, Any]:
    received = bytearray()
    while not received.endswith(b"\n") and len(received) <= LINE_MAX:
        chunk = connection.recv(_CHUNK)
        if not chunk:
            break
        received += chunk
    return read(bytes(received))
