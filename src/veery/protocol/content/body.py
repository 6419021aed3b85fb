"""Text of visible messages: its length limit and the mentions in it, 02.7.1 and 02.7.5."""

from __future__ import annotations

import re

from veery.protocol.constants import BODY_MAX_CODE_POINTS

_MENTION = re.compile(r"@(([0-1]5)?[0-9a-fA-F]{64})")


def cut(body: str, limit: int = BODY_MAX_CODE_POINTS) -> str:
    """What a receiver keeps of a body: its first `limit` code points."""
    return body[:limit]


def mentions(body: str) -> tuple[str, ...]:
    """The ids mentioned in a body, in order, lower case: 66 hex digits, or 64 where the prefix is missing."""
    return tuple(match.group(1).lower() for match in _MENTION.finditer(body))
