"""Attachments: files that go with messages, up and down (09).

    send      prepare (metadata off, names harmless) -> local file, encrypted -> message in the store, `uploading`
              -> each file to the server -> pointers into the content, copies into the outbox
    receive   pointer in the store, `remote` -> `wanted` -> blob from the server, opened -> local file, `stored`

Every arrow ends on the disk: a kill in between repeats one step, under the T that the message has from the beginning,
so that it can neither double nor be lost. Both ways go over onion requests to the file server of the network.
"""

from __future__ import annotations

from veery.client.attachments.faults import (
    AttachmentGone,
    AttachmentRefused,
    AttachmentTrimmed,
    FileServerMissing,
    LargeFileRefused,
    PictureRefused,
)
from veery.client.attachments.preparing import Attached, prepare
from veery.client.attachments.servers import FileLimits
from veery.client.attachments.service import AttachmentsService

__all__ = [
    "Attached",
    "AttachmentGone",
    "AttachmentRefused",
    "AttachmentTrimmed",
    "AttachmentsService",
    "FileLimits",
    "FileServerMissing",
    "LargeFileRefused",
    "PictureRefused",
    "prepare",
]
