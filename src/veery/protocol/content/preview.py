"""Link previews: title and picture of a page whose link stands in the body, 02.3.3."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from veery.protocol.constants import PREVIEW_HOST_MAX, PREVIEW_URL_MAX
from veery.protocol.content import attachment
from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.attachment import AttachmentPointer
from veery.protocol.content.value import Value, keep, others, text

_LINK = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_AFTER_LINK = ".,;:!?'\")]}*_~"


@dataclass(frozen=True, slots=True, repr=False)
class Preview(Value):
    """A previewed page."""

    url: str
    title: str | None = None
    image: AttachmentPointer | None = None


def is_kept(preview: Preview, body: str) -> bool:
    """Whether a received preview is shown: it has a title or an image, and its URL occurs as a link in the body."""
    if not preview.title and preview.image is None:
        return False
    found = (match.group() for match in _LINK.finditer(body))
    return any(link.startswith(preview.url) and not link[len(preview.url) :].strip(_AFTER_LINK) for link in found)


def links(body: str) -> tuple[str, ...]:
    """The links of a body in order, without the punctuation that follows them."""
    return tuple(match.group().rstrip(_AFTER_LINK) for match in _LINK.finditer(body))


def may_be_made(url: str) -> bool:
    """Whether a sender makes a preview of a link: https, no user name, plain host name, within the sizes of 02.3.3."""
    if len(url) > PREVIEW_URL_MAX:
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme != "https" or "@" in parts.netloc:
        return False
    return 0 < len(host) <= PREVIEW_HOST_MAX and "%" not in host


def to_wire(preview: Preview) -> wire.DataMessage.Preview:
    """The protobuf message of a preview."""
    image = None if preview.image is None else attachment.to_wire(preview.image)
    return keep(wire.DataMessage.Preview(url=preview.url, title=preview.title, image=image), preview.other_fields)


def from_wire(message: wire.DataMessage.Preview) -> Preview:
    """The preview of a protobuf message. Raises ContentMalformed."""
    return Preview(
        url=text(message.url),
        title=text(message.title) if message.HasField("title") else None,
        image=attachment.from_wire(message.image) if message.HasField("image") else None,
        other_fields=others(message, "url", "title", "image"),
    )
