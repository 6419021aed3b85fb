"""The control socket's lines: one JSON object each way, bounded.

Requests: `{"id": 1, "method": "send", "params": {…}}`, and `{"id": 1, "cancel": true}`.
Answers: `{"id": 1, "result": …}`, `{"id": 1, "error": {"kind", "message", "remedy", "retry", "family"}}`; a stream
sends `{"id": 1, "event": …}` before its result, which is null. A stream that was asked for with `"window": n` stops
after n events until `{"id": 1, "more": m}` allows m further ones, so that a slow reader is not buried.

A caller that wants to know for sure what became of its requests begins with the method `hello`. When the engine ends,
it is told `{"id": 0, "closing": n}`: no request with a number above n was begun.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from veery.errors import NotFound, Retry, StoreBusy, VeeryError

LINE_MAX: Final = 64 * 1024 * 1024  # bytes of an answer: a page of messages, each as large as a swarm takes them
REQUEST_MAX: Final = 1024 * 1024  # bytes of a request
WINDOW: Final = 256  # events of a stream under way
_SOCKET_PATH_MAX: Final = 107  # bytes, of the kernel


class RemoteError(VeeryError):
    """What the process that has the profile open raised."""


class SessionLost(StoreBusy):
    """The process that had the profile open is gone. What it had written is kept."""

    default_kind = "app.session_lost"
    default_remedy = "Run the command again"


class SessionClosing(SessionLost):
    """The process that has the profile open is about to end, and has not begun what was asked."""

    default_kind = "app.closing"


def write(value: object) -> bytes:
    """One line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def read(line: bytes) -> dict[str, Any]:
    """One line's object. Raises ValueError."""
    try:
        found = json.loads(line)
    except RecursionError:
        raise ValueError("the line nests too deep") from None
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found


def error_fields(error: VeeryError) -> dict[str, str]:
    """An error as it is told over the socket."""
    family = "not_found" if isinstance(error, NotFound) else ""
    return {
        "kind": error.kind,
        "message": error.message,
        "remedy": error.remedy,
        "retry": error.retry.value,
        "family": family,
    }


def error_from(fields: dict[str, Any]) -> VeeryError:
    """The error that was told."""
    for lost in (SessionClosing, SessionLost):
        if fields.get("kind") == lost.default_kind:
            return lost("the Veery process that has this profile open is about to end")
    kind = NotFound if fields.get("family") == "not_found" else RemoteError
    return kind(
        str(fields.get("message", "the running Veery failed")),
        kind=str(fields.get("kind", "app")),
        remedy=str(fields.get("remedy", "")),
        retry=_retry(fields.get("retry")),
    )


def _retry(value: object) -> Retry:
    return next((each for each in Retry if each.value == value), Retry.NEVER)


@contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """The path of a socket in a form that the kernel takes, however deep its directory lies. Raises OSError."""
    if len(os.fsencode(path)) <= _SOCKET_PATH_MAX:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
