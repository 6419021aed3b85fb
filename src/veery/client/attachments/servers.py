"""The file server of a network, and what is asked of it: over the road, and for large files directly.

Nodes carry requests of 10 MB and no more. A longer file can only go straight to the server, over a proxy of the user's
or, if the user wants even that, from the own address; never to another server than that of the network, since a sender
could name one to learn the address of whoever fetches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from veery.client.attachments.faults import FileServerMissing, LargeFileRefused
from veery.client.core import Core
from veery.client.settings import LARGE_FILES, OFF, value_of
from veery.network.direct_request import ask_directly
from veery.network.proxy import Proxy
from veery.protocol.attachments import FileServer, FileUrl, url_of
from veery.protocol.attachments.requests import (
    FileInfo,
    Uploaded,
    download_request,
    extend_request,
    read_download,
    read_info,
    read_uploaded,
    upload_request,
)
from veery.protocol.attachments.sizes import sendable_size
from veery.protocol.constants import (
    ATTACHMENT_MAX,
    FILE_ASK_TIMEOUT_S,
    FILE_BLOB_LARGE_MAX,
    FILE_BLOB_MAX,
    FILE_LARGE_TIMEOUT_S,
    FILE_TRANSFER_TIMEOUT_S,
)
from veery.protocol.onion import ServerReply, ServerRequest
from veery.registry.network_file import NetworkFile

SWITCH_ON: Final = (
    "Switch large files on: `veery settings set large-files proxy`, and start Veery with --proxy; or `direct` in place"
    " of `proxy`, which shows the file server your address"
)


@dataclass(frozen=True, slots=True)
class FileLimits:
    """How long files may be. server: bytes that the file server takes; way: the setting `large-files`.

    proxied: whether the engine has a proxy.
    """

    server: int
    way: str
    proxied: bool

    @property
    def large(self) -> bool:
        """Whether files can go, and come, that are longer than onion requests carry."""
        return self.way == "direct" or (self.way != OFF and self.proxied)

    @property
    def most(self) -> int:
        """Bytes of the longest file that can be sent now."""
        return self.server if self.large else min(self.server, ATTACHMENT_MAX)

    def check(self, size: int) -> None:
        """Raise LargeFileRefused for a file that cannot be sent: it names both limits, and what to do."""
        if size <= self.most:
            return
        text = f"the file has {size:,} bytes; over nodes at most {ATTACHMENT_MAX:,} go"
        text += f", and the file server of this network takes up to {self.server:,}"
        if size > self.server:
            remedy = "Send a smaller one, or in parts"
            raise LargeFileRefused(text, kind="client.attachment.too_large", remedy=remedy)
        kind = "client.attachment.large.off" if self.way == OFF else "client.attachment.large.no_proxy"
        raise LargeFileRefused(text, kind=kind, remedy=f"{SWITCH_ON}. Or send it in parts")


class FileServers:
    """File servers as one account asks them. proxy: of the engine, for large files."""

    def __init__(self, core: Core, proxy: Proxy | None = None) -> None:
        self._core = core
        self._proxy = proxy

    async def own(self) -> FileServer:
        """The file server of the network. Raises FileServerMissing."""
        return server_of(await self._network())

    async def limits(self) -> FileLimits:
        """How long files may be now."""
        entry = (await self._network()).file_server
        most = FILE_BLOB_MAX if entry is None or entry.blob_max is None else entry.blob_max
        way = await self._core.read(lambda tables: value_of(tables, LARGE_FILES))
        return FileLimits(sendable_size(most), way, self._proxy is not None)

    async def upload(self, blob: bytes, *, stream: bool) -> FileUrl:
        """Keep a blob for two weeks; gives its URL.

        Raises NetworkError, FileServerRefused, FileAnswerMalformed, LargeFileRefused.
        """
        server = await self.own()
        large = len(blob) > FILE_BLOB_MAX
        request = upload_request(blob, allow_large=large)
        reply = await self._directly(server, request) if large else await self._over_nodes(server, request)
        uploaded: Uploaded = read_uploaded(reply)
        return url_of(uploaded.id, server, stream=stream)

    async def download(self, url: FileUrl, *, large: bool = False) -> bytes:
        """The blob of a URL. large: it is too long for onion requests.

        Raises NetworkError, FileServerRefused (404: it has expired), FileServerUnknown, LargeFileRefused.
        """
        own = await self.own()
        server, request = url.server(own), download_request(url.file_id)
        if not large:
            return read_download(await self._over_nodes(server, request))
        if server.destination() != own.destination():
            raise LargeFileRefused(
                "the file lies on a server of somebody else, which would see who fetches it",
                kind="client.attachment.large.elsewhere",
                remedy="Ask the sender for a smaller one",
            )
        return read_download(await self._directly(server, request), allow_large=True)

    async def extend(self, url: FileUrl) -> FileInfo:
        """Let a file live for another two weeks. Raises NetworkError, FileServerRefused."""
        server = url.server(await self.own())
        request = extend_request(url.file_id)
        return read_info(await self._core.road.request(server.destination(), request, timeout_s=FILE_ASK_TIMEOUT_S))

    async def _over_nodes(self, server: FileServer, request: ServerRequest) -> ServerReply:
        return await self._core.road.request(server.destination(), request, timeout_s=FILE_TRANSFER_TIMEOUT_S)

    async def _directly(self, server: FileServer, request: ServerRequest) -> ServerReply:
        way = await self._core.read(lambda tables: value_of(tables, LARGE_FILES))
        if not FileLimits(0, way, self._proxy is not None).large:
            kind = "client.attachment.large.off" if way == OFF else "client.attachment.large.no_proxy"
            raise LargeFileRefused("the file is too long to go over nodes", kind=kind, remedy=SWITCH_ON)
        return await ask_directly(
            server, request, proxy=self._proxy, answer_max=FILE_BLOB_LARGE_MAX, timeout_s=FILE_LARGE_TIMEOUT_S
        )

    async def _network(self) -> NetworkFile:
        return NetworkFile.parse(await self._core.read(lambda tables: tables.accounts.get().network))


def server_of(network: NetworkFile) -> FileServer:
    """The file server of a network. Raises FileServerMissing."""
    entry = network.file_server
    if entry is None or entry.key is None:
        raise FileServerMissing("this network has no file server")
    return server_at(entry.url, entry.key)


def server_at(url: str, key: bytes) -> FileServer:
    """A file server by its URL and its Ed25519 key."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return FileServer(key, f"[{host}]" if ":" in host else host, parts.scheme, parts.port)
