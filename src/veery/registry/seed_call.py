"""One JSON-RPC call to a seed: bounded, timed, pinned, with errors of our tree."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiohttp_socks import ProxyError

from veery.errors import RegistryError, Retry
from veery.protocol.constants import SEED_ANSWER_MAX, SEED_TIMEOUT_S
from veery.registry.network_file import SeedEntry
from veery.runtime.tls import PinMismatch, pinned_context, verifying_context

RPC_PATH: Final = "json_rpc"


class SeedUnreachable(RegistryError):
    """A seed gave no answer."""

    default_kind = "registry.seed.unreachable"
    default_retry = Retry.ELSEWHERE
    default_remedy = "Check the network connection, and the seed's address in the network file"


class SeedNotPinned(RegistryError):
    """A seed shows another certificate than the network file pins. Nothing was sent to it."""

    default_kind = "registry.seed.pin"
    default_retry = Retry.NEVER
    default_remedy = "Somebody may be in the middle; if the seed has a new certificate, get a new network file"


class SeedAnsweredStatus(SeedUnreachable):
    """Something answered at the seed's address, with another HTTP status than 200."""

    default_kind = "registry.seed.status"


class SeedMalformed(RegistryError):
    """A seed's answer cannot be read."""

    default_kind = "registry.seed.malformed"
    default_retry = Retry.ELSEWHERE


class SeedRefused(RegistryError):
    """A seed answered with an error; `code` is JSON-RPC's, `data` what it told programs."""

    default_kind = "registry.seed.refused"
    default_retry = Retry.LATER

    def __init__(self, message: str, code: int, data: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


class SeedCaller:
    """Calls one seed over a session that somebody else owns."""

    def __init__(self, entry: SeedEntry, session: aiohttp.ClientSession, timeout_s: float = SEED_TIMEOUT_S) -> None:
        self.entry = entry
        self._session = session
        self._timeout_s = timeout_s
        self._tls = _context(entry)
        self._count = 0

    async def call(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """The `result` of a method. Raises SeedUnreachable, SeedNotPinned, SeedMalformed, SeedRefused."""
        self._count += 1
        request = {"jsonrpc": "2.0", "id": self._count, "method": method, "params": params}
        try:
            async with asyncio.timeout(self._timeout_s):
                body = await self._post(msgspec.json.encode(request))
        except TimeoutError as error:
            raise SeedUnreachable(f"The seed {self.name} did not answer within {self._timeout_s:g} s") from error
        except (aiohttp.ClientError, ProxyError, OSError) as error:
            if _is_pin(error):
                raise SeedNotPinned(f"The seed {self.name} shows another certificate than the pinned one") from error
            if isinstance(error, aiohttp.ClientConnectorCertificateError):
                raise SeedUnreachable(
                    f"The seed {self.name} shows a certificate that no known authority has signed",
                    kind="registry.seed.certificate",
                    remedy="Name a network file instead, which pins the certificate",
                ) from error
            raise SeedUnreachable(f"The seed {self.name} cannot be reached{_reason(error)}") from error
        return self._result(body)

    @property
    def name(self) -> str:
        """Host, port and path of the seed, for messages."""
        parts = urlsplit(self.entry.url)
        return parts.netloc + parts.path

    async def _post(self, body: bytes) -> bytes:
        url = f"{self.entry.url.rstrip('/')}/{RPC_PATH}"
        headers = {"Content-Type": "application/json"}
        async with self._session.post(
            url, data=body, headers=headers, ssl=self._tls, allow_redirects=False
        ) as response:
            if response.status != 200:
                raise SeedAnsweredStatus(f"The seed {self.name} answered with HTTP status {response.status}", remedy="")
            received = bytearray()
            async for chunk in response.content.iter_any():
                received += chunk
                if len(received) > SEED_ANSWER_MAX:
                    raise SeedMalformed(f"The answer of the seed {self.name} is too long")
            return bytes(received)

    def _result(self, body: bytes) -> Mapping[str, Any]:
        try:
            reply = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise SeedMalformed(f"The seed {self.name} did not answer in JSON") from error
        match reply:
            case {"error": {"code": int(code), "message": str(message), **more}}:
                data = more.get("data")
                known = data if isinstance(data, Mapping) else {}
                raise SeedRefused(f"The seed {self.name} refused: {message[:200]}", code, known)
            case {"result": dict(result)}:
                return result
            case _:
                raise SeedMalformed(f"The answer of the seed {self.name} has neither a result nor an error")


def _context(entry: SeedEntry) -> ssl.SSLContext | bool:
    if entry.certificate_sha256 is not None:
        return pinned_context(certificates=[entry.certificate_sha256])
    return verifying_context() if entry.url.startswith("https:") else True


def _reason(error: Exception) -> str:
    """Why a connection failed, as far as people can use it: the system's words, or nothing."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return ": there is no such host name"
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    text = os.strerror(cause.errno) if isinstance(cause, OSError) and cause.errno else ""
    return f": {text.lower()}" if text else ""


def _is_pin(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, PinMismatch) or isinstance(getattr(error, "os_error", None), PinMismatch):
            return True
        error = error.__cause__ or error.__context__
    return False
