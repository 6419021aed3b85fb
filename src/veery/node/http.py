"""HTTP values that the door and the handlers share, and how an answer is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus

JSON = "application/json"
TEXT = "text/plain"
BINARY = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One whole request. `headers` has lower-case names; `peer` is the address that the connection came from."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    peer: str


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One answer. `close` ends the connection after it."""

    status: int
    body: bytes = b""
    content_type: str = TEXT
    headers: Mapping[str, str] = field(default_factory=dict)
    close: bool = False


def phrase(status: int) -> str:
    """The standard phrase of a status, with the newline that an error without a text of its own has (04.1)."""
    try:
        return HTTPStatus(status).phrase + "\n"
    except ValueError:
        return f"{status}\n"


def text(status: int, body: str | None = None, *, close: bool = False) -> HttpAnswer:
    """A plain answer; without a body the standard phrase."""
    return HttpAnswer(status, (phrase(status) if body is None else body).encode(), TEXT, close=close)


def unparsable(error: str) -> HttpAnswer:
    """The answer to a head that the parser refuses with this error, in lower case; 03.3 has texts for a bad length."""
    if "content-length" not in error:
        return text(400, close=True)
    if "overflow" in error:
        return text(413, "Request body too large", close=True)
    return text(400, "invalid Content-Length", close=True)


class HeadWriter:
    """Writes the head of answers; the date is made once a second."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._second = -1
        self._stable = b""

    def head(self, answer: HttpAnswer, now: float, *, close: bool) -> bytes:
        """The status line and headers. `now`: Unix seconds."""
        if int(now) != self._second:
            self._second = int(now)
            self._stable = f"Server: {self._server}\r\nDate: {formatdate(now, usegmt=True)}\r\n".encode()
        extra = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        closing = "Connection: close\r\n" if close else ""
        lines = (
            f"HTTP/1.1 {answer.status} {phrase(answer.status).strip()}\r\nContent-Type: {answer.content_type}\r\n"
            f"Content-Length: {len(answer.body)}\r\n{extra}{closing}"
        )
        return lines.encode("latin-1") + self._stable + b"\r\n"
