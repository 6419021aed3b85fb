"""From a file that a user names to what is sent: its bytes, type and name, with nothing about its maker."""

from __future__ import annotations

import mimetypes
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from veery.client.attachments import recordings
from veery.client.attachments.faults import AttachmentRefused
from veery.client.attachments.images import EXTENSIONS, clean, is_picture
from veery.protocol.attachments import safe_file_name
from veery.protocol.constants import ATTACHMENT_MAX, VOICE_MAX_S
from veery.runtime.faults import files_mapped

UNKNOWN_TYPE: Final = "application/octet-stream"
VOICE_NAME: Final = "voice"


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that is ready to be sent. width, height: pixels, 0 unless it is a picture."""

    data: bytes = field(repr=False)
    content_type: str
    name: str = field(repr=False)
    width: int = 0
    height: int = 0
    voice: bool = False


def prepare(
    path: Path,
    *,
    voice: bool = False,
    keep_name: bool = False,
    size_max: int = ATTACHMENT_MAX,
    check: Callable[[int], None] | None = None,
) -> Attached:
    """Read a file and clean it: of pictures only the pixels are kept, and no name unless `keep_name`.

    voice: it is a voice message, of at most five minutes; how long it is can be known of WAV, Opus and Vorbis alone.
    size_max: bytes that may be read. check: called with the size before anything is read, to raise if that is too much,
    as `FileLimits.check` does.

    Raises AttachmentRefused, PictureRefused, FileFault.
    """
    data = _read(path, size_max, check)
    content_type = mimetypes.guess_type(path.name)[0] or UNKNOWN_TYPE
    name = safe_file_name(path.name)
    if is_picture(content_type):
        picture = clean(data)
        if not keep_name:
            name = "image" + EXTENSIONS[picture.content_type]
        _check_size(len(picture.data), size_max)
        return Attached(picture.data, picture.content_type, name, picture.width, picture.height)
    if voice:
        if not content_type.startswith("audio/"):
            raise AttachmentRefused(
                f"{path.name} is no recording",
                kind="client.attachment.voice",
                remedy="Give a sound file, as .ogg, .m4a or .mp3",
            )
        _check_length(data)
        name = name if keep_name else VOICE_NAME + path.suffix.lower()
    return Attached(data, content_type, name, voice=voice)


def _read(path: Path, size_max: int, check: Callable[[int], None] | None) -> bytes:
    with files_mapped(f"The file {path}"):
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise AttachmentRefused(
                f"{path} is not a file", kind="client.attachment.unreadable", remedy="Give a file; pack a folder first"
            )
        if check is not None:
            check(found.st_size)
        _check_size(found.st_size, size_max)
        with path.open("rb") as file:
            data = file.read(size_max + 1)
    _check_size(len(data), size_max)
    if not data:
        raise AttachmentRefused(
            f"{path} is empty", kind="client.attachment.empty", remedy="Files of no bytes cannot be sent"
        )
    return data


def _check_length(data: bytes) -> None:
    length = recordings.seconds(data)
    if length is not None and length > VOICE_MAX_S:
        raise AttachmentRefused(
            f"the recording plays for {length:,.0f} s, a voice message for at most {VOICE_MAX_S} s",
            kind="client.attachment.voice.too_long",
            remedy="Send it in parts, or as a file without --voice",
        )


def _check_size(size: int, size_max: int) -> None:
    if size > size_max:
        raise AttachmentRefused(
            f"the file has {size:,} bytes, the most is {size_max:,}",
            kind="client.attachment.too_large",
            remedy="Send a smaller one, or in parts",
        )
