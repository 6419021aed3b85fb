"""The file server of a network, and what is asked of it over the road."""

from __future__ import annotations

from urllib.parse import urlsplit

from veery.client.attachments.faults import FileServerMissing
from veery.client.core import Core
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
from veery.protocol.constants import FILE_ASK_TIMEOUT_S, FILE_TRANSFER_TIMEOUT_S
from veery.registry.network_file import NetworkFile


class FileServers:
    """File servers as one account asks them."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def own(self) -> FileServer:
        """The file server of the network. Raises FileServerMissing."""
        text = await self._core.read(lambda tables: tables.accounts.get().network)
        return server_of(NetworkFile.parse(text))

    async def upload(self, blob: bytes, *, stream: bool) -> FileUrl:
        """Keep a blob for two weeks; gives its URL. Raises NetworkError, FileServerRefused, FileAnswerMalformed."""
        server = await self.own()
        reply = await self._core.road.request(
            server.destination(), upload_request(blob), timeout_s=FILE_TRANSFER_TIMEOUT_S
        )
        uploaded: Uploaded = read_uploaded(reply)
        return url_of(uploaded.id, server, stream=stream)

    async def download(self, url: FileUrl) -> bytes:
        """The blob of a URL. Raises NetworkError, FileServerRefused (404: it has expired), FileServerUnknown."""
        server = url.server(await self.own())
        request = download_request(url.file_id)
        reply = await self._core.road.request(server.destination(), request, timeout_s=FILE_TRANSFER_TIMEOUT_S)
        return read_download(reply)

    async def extend(self, url: FileUrl) -> FileInfo:
        """Let a file live for another two weeks. Raises NetworkError, FileServerRefused."""
        server = url.server(await self.own())
        request = extend_request(url.file_id)
        return read_info(await self._core.road.request(server.destination(), request, timeout_s=FILE_ASK_TIMEOUT_S))


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
