"""The control socket's lines: one JSON object each way, bounded.

Requests: `{"id": 1, "method": "send", "params": {…}}`, and `{"id": 1, "cancel": true}`.
Answers: `{"id": 1, "result": …}`, `{"id": 1, "error": {"kind", "message", "remedy", "retry"}}`; a stream sends
`{"id": 1, "event": …}` before its result, which is null.
"""

from __future__ import annotations

import json
from typing import Any, Final

from veery.errors import NotFound, Retry, VeeryError

LINE_MAX: Final = 8 * 1024 * 1024


class RemoteError(VeeryError):
    """What the process that has the profile open raised."""


def write(value: object) -> bytes:
    """One line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def read(line: bytes) -> dict[str, Any]:
    """One line's object. Raises ValueError."""
    found = json.loads(line)
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
    kind = NotFound if fields.get("family") == "not_found" else RemoteError
    return kind(
        str(fields.get("message", "the running Veery failed")),
        kind=str(fields.get("kind", "app")),
        remedy=str(fields.get("remedy", "")),
        retry=Retry(fields.get("retry", Retry.NEVER.value)),
    )
