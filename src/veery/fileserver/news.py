"""Releases and token figures, which the server passes on from a file that its operator keeps (09.7.5).

    {"releases": {"desktop": {"stable": {"result": "1.2.3", "name": …, "notes": …, "assets": [{"name": …, "url": …}]},
                              "prerelease": {…}, "alpha": {…}}, "android": …, "ios": …},
     "token_info": {"maximum_supply": …, "sent_per_node": …, "staking_reward_pool": …, "history": […]}}

The file is looked at again when it has changed. How it is filled, by a script that asks a release page or by hand, is
the operator's business: a file server makes no requests of its own.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from veery.errors import RuntimeFault
from veery.fileserver.errors import NewsUnreadable
from veery.protocol.attachments.releases import Platform, Release, TokenInfo
from veery.runtime.clock import Clock
from veery.runtime.faults import files_mapped
from veery.runtime.paths import read_bounded

log = logging.getLogger(__name__)

_FILE_MAX: Final = 4 * 1024 * 1024
_LOOK_S: Final = 30.0
_DAY_S: Final = 24 * 3_600


@dataclass(frozen=True, slots=True)
class Content:
    """What the file says."""

    releases: dict[str, dict[str, Release]] = field(default_factory=dict)
    token_info: TokenInfo | None = None


class News:
    """The latest content of the file. path: None for a server without news."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._content = Content()
        self._changed_ns = 0
        self._look_at = float("-inf")

    def start(self) -> None:
        """Read the file. Raises NewsUnreadable, FileMissing, FileDenied."""
        if self._path is not None:
            self._read(self._path)

    def version(self, platform: Platform, channel: str) -> dict[str, Any] | None:
        """The answer to `session_version` beside its code, None if no such release is known."""
        channels = self._current().releases.get(platform.value, {})
        found = channels.get(channel)
        if found is None:
            return None
        answer: dict[str, Any] = {"updated": self._changed_ns / 1e9, **_told(found)}
        if channel == "stable" and "prerelease" in channels:
            answer["prerelease"] = {"updated": answer["updated"], **_told(channels["prerelease"])}
        return answer

    def token_info(self, days: int) -> dict[str, Any] | None:
        """The `info` of an answer to `token_info`, with the history of so many days; None if there is none."""
        found = self._current().token_info
        if found is None:
            return None
        since_s = self._clock.now_ms() / 1_000 - days * _DAY_S
        told: dict[str, Any] = msgspec.to_builtins(found)
        return told | {"history": [entry for entry in told["history"] if entry["updated"] >= since_s]}

    def _current(self) -> Content:
        now = self._clock.monotonic()
        if self._path is not None and now >= self._look_at:
            self._look_at = now + _LOOK_S
            try:
                self._read(self._path)
            except (NewsUnreadable, RuntimeFault) as error:
                log.error("The news cannot be read: %s", error)
        return self._content

    def _read(self, path: Path) -> None:
        with files_mapped(f"The file {path}"):
            changed_ns = path.stat().st_mtime_ns
        if changed_ns == self._changed_ns:
            return
        try:
            self._content = msgspec.json.decode(read_bounded(path, _FILE_MAX), type=Content)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise NewsUnreadable(f"The file {path} has no news in it: {error}") from None
        self._changed_ns = changed_ns


def _told(release: Release) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(release)
    return {name: value for name, value in told.items() if value and name != "updated"}
