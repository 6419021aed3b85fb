"""Questions to a running engine over its control socket, with nothing but a socket and JSON.

A command that needs one or two answers would otherwise load an event loop and the whole engine to ask another process.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

from veery.app.once import ONCE
from veery.app.wire import LINE_MAX, SessionClosing, SessionLost, error_from, read, socket_address, write

Questions: TypeAlias = "Sequence[tuple[str, Mapping[str, Any]]]"  # method and parameters
SOCKET_NAME: Final = "control.sock"  # as `veery.client.profile` names it, whose import is dear
_CHUNK: Final = 65_536


class QuickConnection:
    """A connection to the engine of a profile. Make one with `connect`; `with` closes it."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._numbers = 0

    def call(self, method: str, *, timeout_s: float | None = None, **params: Any) -> Any:
        """The result of a method. Raises what the engine raises, SessionClosing (it was not done), SessionLost.

        timeout_s: then TimeoutError; the connection is of no more use.
        """
        self._numbers += 1
        self._socket.settimeout(timeout_s)
        try:
            self._socket.sendall(write({"id": self._numbers, "method": method, "params": params}))
            answer = self._line()
        except TimeoutError:
            raise
        except (OSError, ValueError) as error:
            raise SessionLost("the Veery process that had this profile open is gone") from error
        if "error" in answer:
            raise error_from(answer["error"])
        return answer.get("result")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    def _line(self) -> dict[str, Any]:
        received = bytearray()
        while not received.endswith(b"\n") and len(received) <= LINE_MAX:
            chunk = self._socket.recv(_CHUNK)
            if not chunk:
                break
            received += chunk
        return read(bytes(received))


def connect(directory: Path) -> QuickConnection | None:
    """A connection to the engine of the profile in a directory; None when none runs."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with socket_address(directory / SOCKET_NAME) as address:
            connection.connect(address)
    except OSError:
        connection.close()
        return None
    return QuickConnection(connection)


def engine_runs(directory: Path) -> bool:
    """Whether a process has this profile open and serves it."""
    connection = connect(directory)
    if connection is None:
        return False
    with connection:
        return True


def ask(directory: Path, questions: Questions) -> list[Any] | None:
    """The engine's answers, in turn; None when none runs, or it ends meanwhile. Raises what the engine raised.

    None says that all may be asked again. A question that must not be asked twice is to be the only one; when nobody
    knows whether it was done, SessionLost says so.
    """
    connection = connect(directory)
    if connection is None:
        return None
    try:
        with connection:
            return [connection.call(method, **params) for method, params in questions]
    except SessionClosing:
        return None
    except SessionLost as error:
        if not {method for method, _ in questions} & ONCE:
            return None
        error.remedy = "Look whether it was done before you do it again"
        raise
