"""Release news and token figures that the file server passes on (09.7.1, 09.7.5)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Final, TypeAlias
from urllib.parse import urlencode

import msgspec

from veery.errors import Misuse
from veery.protocol.attachments.requests import read_answer
from veery.protocol.constants import RELEASE_ASSETS_MAX, TOKEN_HISTORY_DAYS, TOKEN_HISTORY_DAYS_MAX
from veery.protocol.onion.servers import ServerReply, ServerRequest
from veery.protocol.version_auth import VersionKey

RELEASE_CHANNELS: Final = ("stable", "prerelease", "alpha")
_Assets: TypeAlias = Annotated["tuple[Asset, ...]", msgspec.Meta(max_length=RELEASE_ASSETS_MAX)]


class Platform(Enum):
    """Clients that the server knows releases of."""

    DESKTOP = "desktop"
    ANDROID = "android"
    IOS = "ios"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of a release."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Release:
    """A release: `result` is its version; the rest may be unknown. updated: Unix seconds of the last look."""

    result: str
    updated: float | None = None
    name: str | None = None
    notes: str | None = None
    assets: _Assets = ()


@dataclass(frozen=True, slots=True)
class SessionVersion(Release):
    """The newest release of a channel, and the newest one before its time, if the server tells of one."""

    prerelease: Release | None = None


@dataclass(frozen=True, slots=True)
class TokenFigures:
    """One entry of the history. current_value: a decimal number as text; updated: Unix seconds."""

    current_value: str
    circulating_supply: float
    total_nodes: int
    updated: float


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """Figures of the token behind the service nodes."""

    maximum_supply: float
    sent_per_node: float
    staking_reward_pool: float
    history: Annotated[tuple[TokenFigures, ...], msgspec.Meta(max_length=TOKEN_HISTORY_DAYS_MAX * 24)] = ()


@dataclass(frozen=True, slots=True)
class _TokenAnswer:
    info: TokenInfo


def session_version_request(
    platform: Platform, *, channel: str | None = None, key: VersionKey | None = None, now_s: int = 0
) -> ServerRequest:
    """Ask for the newest release. With a `key` the server counts the asker at `now_s` (Unix seconds), 09.7.3.

    channel: one of RELEASE_CHANNELS; none means stable. Raises Misuse.
    """
    if channel is not None and channel not in RELEASE_CHANNELS:
        raise Misuse(f"a release channel is one of {', '.join(RELEASE_CHANNELS)}")
    query = {"platform": platform.value} | ({} if channel is None else {"release_channel": channel})
    endpoint = f"/session_version?{urlencode(query)}"
    return ServerRequest("GET", endpoint, {} if key is None else key.headers(now_s, "GET", endpoint))


def read_session_version(reply: ServerReply) -> SessionVersion:
    """Raises FileServerRefused (502: the server knows none), FileAnswerMalformed."""
    return read_answer(reply, SessionVersion)


def token_info_request(days: int = TOKEN_HISTORY_DAYS) -> ServerRequest:
    """Ask for the figures of the last days. Raises Misuse."""
    if not 1 <= days <= TOKEN_HISTORY_DAYS_MAX:
        raise Misuse(f"the history has from 1 to {TOKEN_HISTORY_DAYS_MAX} days")
    return ServerRequest("GET", f"/token_info?days={days}")


def read_token_info(reply: ServerReply) -> TokenInfo:
    """Raises FileServerRefused (502: the server has no figures), FileAnswerMalformed."""
    return read_answer(reply, _TokenAnswer).info
