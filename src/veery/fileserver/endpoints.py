"""The endpoints of a file server (09.7.1): a request in, a reply out, the same inside of onion requests and without."""

from __future__ import annotations

import base64
import binascii
import logging
import math
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from email.utils import formatdate
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs

import msgspec

from veery.errors import RuntimeFault
from veery.fileserver.errors import Refused
from veery.fileserver.files import Files
from veery.fileserver.metadata import StoredFile
from veery.fileserver.news import News
from veery.fileserver.settings import FileServerSettings
from veery.fileserver.version_checks import VersionChecks
from veery.protocol.attachments import VersionCheckRefused, check_version_headers
from veery.protocol.attachments.releases import RELEASE_CHANNELS, Platform
from veery.protocol.attachments.requests import TTL_HEADER
from veery.protocol.constants import FILE_JSON_BASE64_MAX, TOKEN_HISTORY_DAYS, TOKEN_HISTORY_DAYS_MAX
from veery.protocol.onion.servers import BYTES_TYPE, JSON_TYPE, TEXT_TYPE, ServerReply, ServerRequest, header
from veery.runtime.clock import Clock

log = logging.getLogger(__name__)

_MS: Final = 1_000
_DIGITS: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
Endpoint: TypeAlias = Callable[[ServerRequest, str], Awaitable[ServerReply]]


class Endpoints:
    """Answers requests."""

    def __init__(
        self, settings: FileServerSettings, files: Files, news: News, checks: VersionChecks, clock: Clock
    ) -> None:
        self._settings = settings
        self._files = files
        self._news = news
        self._checks = checks
        self._clock = clock

    async def handle(self, request: ServerRequest, source: str) -> ServerReply:
        """Answer a request. source: the address that it came from."""
        methods = self._methods(request.path)
        if not methods:
            return _text(404, "Not Found")
        endpoint = methods.get(request.method.upper())
        if endpoint is None:
            return ServerReply(405, {"content-type": TEXT_TYPE, "allow": ", ".join(methods)}, b"Method Not Allowed")
        try:
            return await endpoint(request, source)
        except Refused as refused:
            log.debug("Refused with %d: %s", refused.code, refused)
            return _refusal(refused)
        except VersionCheckRefused as refused:
            return _text(refused.code, refused.message)
        except RuntimeFault as error:
            log.error("A request could not be answered: %s", error)
            return _json({"status_code": 500}, 500)

    def _methods(self, path: str) -> dict[str, Endpoint]:
        """What can be done at a path, by method; nothing for a path that is unknown."""
        match path.split("/")[1:]:
            case ["file"]:
                return {"POST": self._upload}
            case ["file", file_id]:
                return {"GET": lambda request, source: self._download(file_id, source)}
            case ["file", file_id, "info"]:
                return {"GET": lambda request, source: self._info(file_id)}
            case ["file", file_id, "extend"]:
                return {"POST": lambda request, source: self._extend(file_id, request)}
            case ["files"]:
                return {"POST": self._upload_json}
            case ["files", file_id]:
                return {"GET": lambda request, source: self._download_json(file_id, source)}
            case ["session_version"]:
                return {"GET": self._session_version}
            case ["token_info"]:
                return {"GET": self._token_info}
        return {}

    # -- files -------------------------------------------------------------------------------------------------

    async def _upload(self, request: ServerRequest, source: str) -> ServerReply:
        file = await self._files.upload(request.body or b"", self._ttl(request), source)
        return _json({"id": file.id, "expires": file.expiry_ms / _MS})

    async def _download(self, file_id: str, source: str) -> ServerReply:
        file, blob = await self._files.download(file_id, source)
        expires = formatdate(file.expiry_ms // _MS, usegmt=True)
        return ServerReply(200, {"content-type": BYTES_TYPE, "expires": expires}, blob)

    async def _info(self, file_id: str) -> ServerReply:
        return _json(_told(await self._files.info(file_id)))

    async def _extend(self, file_id: str, request: ServerRequest) -> ServerReply:
        return _json(_told(await self._files.extend(file_id, self._ttl(request))))

    async def _upload_json(self, request: ServerRequest, source: str) -> ServerReply:
        # Who uploads here is so old that it takes numbers for ids, and nothing else.
        blob, ttl_s = _read_json_upload(request), self._ttl(request)
        file = await self._files.upload(blob, ttl_s, source, is_numbered=True)
        return _json({"result": int(file.id), "status_code": 200})

    async def _download_json(self, file_id: str, source: str) -> ServerReply:
        _, blob = await self._files.download(file_id, source)
        return _json({"status_code": 200, "result": base64.b64encode(blob).decode()})

    def _ttl(self, request: ServerRequest) -> int | None:
        """The time that is asked for, seconds; None if none is. Raises Refused (400), never cut (09.7.4)."""
        written = header(request.headers, TTL_HEADER)
        if written is None:
            return None
        if not _DIGITS.fullmatch(written) or int(written) > self._settings.ttl_s:
            raise Refused(400, "the time to keep the file is no number, or too long")
        return int(written)

    # -- news --------------------------------------------------------------------------------------------------

    async def _session_version(self, request: ServerRequest, source: str) -> ServerReply:
        query = _query(request)
        platform = next((each for each in Platform if each.value == query.get("platform")), None)
        if platform is None:
            raise Refused(404, "unknown platform")
        identifier = check_version_headers(
            request.headers,
            now_s=self._clock.now_ms() / _MS,
            method=request.method,
            path=request.endpoint,
            body=request.body or b"",
        )
        channel = query.get("release_channel", RELEASE_CHANNELS[0])
        found = self._news.version(platform, channel)
        if identifier is not None and channel in RELEASE_CHANNELS:
            await self._checks.count(identifier.key, platform.value, channel)
        if found is None:
            raise Refused(502, "no such release is known")
        return _json({"status_code": 200, **found})

    async def _token_info(self, request: ServerRequest, source: str) -> ServerReply:
        written = _query(request).get("days", "")
        asked = int(written) if _DIGITS.fullmatch(written) else 0
        info = self._news.token_info(asked if 1 <= asked <= TOKEN_HISTORY_DAYS_MAX else TOKEN_HISTORY_DAYS)
        if info is None:
            raise Refused(502, "no figures are known")
        return _json({"status_code": 200, "info": info})


def _told(file: StoredFile) -> dict[str, Any]:
    return {"size": file.size, "uploaded": file.uploaded_ms / _MS, "expires": file.expiry_ms / _MS}


def _query(request: ServerRequest) -> dict[str, str]:
    """The first value of each name of the query."""
    try:
        found = parse_qs(request.query, max_num_fields=20)
    except ValueError:
        raise Refused(400, "the query cannot be read") from None
    return {name: values[0] for name, values in found.items()}


def _read_json_upload(request: ServerRequest) -> bytes:
    """The blob of a deprecated upload. Raises Refused: 400, 413."""
    if (request.content_type or "").partition(";")[0].strip().lower() != JSON_TYPE:
        raise Refused(400, "the content type is not JSON")
    try:
        found = msgspec.json.decode(request.body or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(400, "the body is not JSON") from None
    text = found.get("file") if isinstance(found, dict) else None
    if not isinstance(text, str):
        raise Refused(400, "there is no `file`")
    if len(text) > FILE_JSON_BASE64_MAX:
        raise Refused(413, "the file is too large")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Refused(400, "the file is not base64") from None


def _refusal(refused: Refused) -> ServerReply:
    reply = _json({"status_code": refused.code}, refused.code)
    if refused.retry_after_s is None:
        return reply
    return replace(reply, headers={**reply.headers, "retry-after": str(math.ceil(refused.retry_after_s))})


def _json(value: dict[str, Any], code: int = 200) -> ServerReply:
    return ServerReply(code, {"content-type": JSON_TYPE}, msgspec.json.encode(value))


def _text(code: int, text: str) -> ServerReply:
    return ServerReply(code, {"content-type": TEXT_TYPE}, text.encode())
