"""What a client asks of a file server, and what the answers say (09.7). Requests travel as v4 onion requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias, TypeVar

import msgspec

from veery.errors import Misuse
from veery.protocol.attachments.errors import FileAnswerMalformed, FileServerRefused
from veery.protocol.attachments.sizes import check_blob_size
from veery.protocol.attachments.urls import is_opaque_id
from veery.protocol.constants import FILE_BLOB_LARGE_MAX, FILE_BLOB_MAX, FILE_URL_ID_MAX
from veery.protocol.onion.servers import BYTES_TYPE, ServerReply, ServerRequest

TTL_HEADER: Final = "X-FS-TTL"
_Size: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
_Id: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=FILE_URL_ID_MAX)]
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What the server did with an upload. Times are Unix seconds; old servers tell none."""

    id: _Id
    expires: float | None = None
    uploaded: float | None = None
    size: _Size | None = None


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file as the server knows it: bytes of its blob, and Unix seconds."""

    size: _Size
    uploaded: float
    expires: float


def upload_request(blob: bytes, *, ttl_s: int | None = None, allow_large: bool = False) -> ServerRequest:
    """Keep a blob. ttl_s: seconds; for tests, leave it out (09.7.4). Raises Misuse for blobs that no server keeps.

    No file name goes along: it would tell the server what the encryption hides.
    """
    most = FILE_BLOB_LARGE_MAX if allow_large else FILE_BLOB_MAX
    if not 0 < len(blob) <= most:
        raise Misuse(f"an upload has from 1 to {most} bytes")
    headers = {"Content-Type": BYTES_TYPE, "Content-Disposition": "attachment", **_ttl(ttl_s)}
    return ServerRequest("POST", "/file", headers, blob)


def download_request(file_id: str) -> ServerRequest:
    """Give a blob. Raises Misuse for an id that cannot stand in a path."""
    return ServerRequest("GET", _endpoint(file_id))


def info_request(file_id: str) -> ServerRequest:
    """Tell size and times of a file. Raises Misuse."""
    return ServerRequest("GET", _endpoint(file_id) + "/info")


def extend_request(file_id: str, *, ttl_s: int | None = None) -> ServerRequest:
    """Keep a file for longer; only files with a hash for an id can be (09.7.1). Raises Misuse."""
    return ServerRequest("POST", _endpoint(file_id) + "/extend", _ttl(ttl_s))


def read_uploaded(reply: ServerReply) -> Uploaded:
    """The answer to an upload. Raises FileServerRefused, FileAnswerMalformed."""
    found = read_answer(reply, Uploaded)
    if not is_opaque_id(found.id):
        raise FileAnswerMalformed("The file server gives an id that cannot be asked for")
    return found


def read_download(reply: ServerReply, *, allow_large: bool = False) -> bytes:
    """The blob. Raises FileServerRefused (404: gone for good), FileAnswerMalformed (empty), FileRefused (too large)."""
    check_code(reply)
    if not reply.body:
        raise FileAnswerMalformed("The file server gives an empty file")
    check_blob_size(len(reply.body), allow_large=allow_large)
    return reply.body


def read_info(reply: ServerReply) -> FileInfo:
    """The answer to `info_request` and `extend_request`. Raises FileServerRefused, FileAnswerMalformed."""
    return read_answer(reply, FileInfo)


def check_code(reply: ServerReply) -> None:
    """Raise FileServerRefused for any code but 200."""
    if reply.code != 200:
        raise FileServerRefused(reply.code)


def read_answer(reply: ServerReply, form: type[_Answer]) -> _Answer:
    """The JSON of a reply with code 200 as a value. Raises FileServerRefused, FileAnswerMalformed."""
    check_code(reply)
    try:
        return msgspec.json.decode(reply.body, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise FileAnswerMalformed("The answer of the file server cannot be read") from None


def _endpoint(file_id: str) -> str:
    if not is_opaque_id(file_id):
        raise Misuse("the id of the file cannot stand in a path")
    return f"/file/{file_id}"


def _ttl(ttl_s: int | None) -> dict[str, str]:
    if ttl_s is None:
        return {}
    if ttl_s < 0:
        raise Misuse("a file is kept for 0 seconds or more")
    return {TTL_HEADER: str(ttl_s)}
