"""Attachment pointers: where an encrypted file lies, and how to open it, 02.3.3 and 02.7.4."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.value import Value, keep, others, text

VOICE_MESSAGE: Final = 1
_NUMBERS = ("deprecatedId", "size", "flags", "width", "height")
_TEXTS_AND_BYTES = ("contentType", "key", "digest", "fileName", "caption", "url")
_SIGNED_64_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True, repr=False)
class AttachmentPointer(Value):
    """A file on a file server.

    key: 64 bytes (legacy cipher) or 32 (deterministic), absent in communities; digest: SHA-256 of the encrypted file,
    legacy cipher only; size: bytes of the plaintext before padding. The legacy thumbnail is in `other_fields`.
    """

    deprecated_id: int = 0
    content_type: str | None = None
    key: bytes | None = None
    size: int | None = None
    digest: bytes | None = None
    file_name: str | None = None
    flags: int | None = None
    width: int | None = None
    height: int | None = None
    caption: str | None = None
    url: str | None = None

    @property
    def is_voice_message(self) -> bool:
        """Whether the file is a recorded voice message."""
        return bool((self.flags or 0) & VOICE_MESSAGE)


def deprecated_id(url: str) -> int:
    """The number that must stand in field 1: the last path segment of the URL if it is a signed 64-bit number, else 0.

    02.3.3. A URL that cannot be read has the number 0.
    """
    try:
        segment = urlsplit(url).path.rpartition("/")[2]
    except ValueError:
        return 0
    if not (segment.isascii() and segment.isdigit()):
        return 0
    number = int(segment) if len(segment) <= len(str(_SIGNED_64_MAX)) else 0
    return number if number <= _SIGNED_64_MAX else 0


def to_wire(pointer: AttachmentPointer) -> wire.AttachmentPointer:
    """The protobuf message of a pointer. Field 1 is always written."""
    message = wire.AttachmentPointer(
        deprecatedId=pointer.deprecated_id,
        contentType=pointer.content_type,
        key=pointer.key,
        size=pointer.size,
        digest=pointer.digest,
        fileName=pointer.file_name,
        flags=pointer.flags,
        width=pointer.width,
        height=pointer.height,
        caption=pointer.caption,
        url=pointer.url,
    )
    return keep(message, pointer.other_fields)


def from_wire(message: wire.AttachmentPointer) -> AttachmentPointer:
    """The pointer of a protobuf message. Raises ContentMalformed."""
    return AttachmentPointer(
        deprecated_id=message.deprecatedId,
        content_type=text(message.contentType) if message.HasField("contentType") else None,
        key=message.key if message.HasField("key") else None,
        size=message.size if message.HasField("size") else None,
        digest=message.digest if message.HasField("digest") else None,
        file_name=text(message.fileName) if message.HasField("fileName") else None,
        flags=message.flags if message.HasField("flags") else None,
        width=message.width if message.HasField("width") else None,
        height=message.height if message.HasField("height") else None,
        caption=text(message.caption) if message.HasField("caption") else None,
        url=text(message.url) if message.HasField("url") else None,
        other_fields=others(message, *_NUMBERS, *_TEXTS_AND_BYTES),
    )
