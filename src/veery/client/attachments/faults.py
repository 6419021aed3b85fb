"""What can be wrong with a file that a user sends, or wants to have."""

from __future__ import annotations

from veery.errors import ClientError, NotFound, Retry


class AttachmentRefused(ClientError):
    """A file that cannot be sent. `kind`: client.attachment.missing, .empty, .too_large, .too_many or .unreadable."""

    default_kind = "client.attachment"


class PictureRefused(AttachmentRefused):
    """A picture that cannot be read, and so cannot be freed of what it tells about its maker."""

    default_kind = "client.attachment.picture"
    default_remedy = "Convert it to JPEG, PNG, WebP or GIF"


class LargeFileRefused(AttachmentRefused):
    """A file that is too long for onion requests, and may not go, or come, in another way.

    `kind`: client.attachment.large.off, .no_proxy, .server or .elsewhere.
    """

    default_kind = "client.attachment.large"


class AttachmentGone(ClientError):
    """The file cannot be had. `kind` says why: client.attachment.expired, or that of what was wrong with it."""

    default_kind = "client.attachment.expired"
    default_retry = Retry.NEVER
    default_remedy = "File servers keep files for two weeks; ask the sender for it again"


class AttachmentTrimmed(AttachmentGone):
    """A rule that the user set took the file off this device, which has forgotten the way to the server's copy."""

    default_kind = "client.attachment.trimmed"
    default_remedy = (
        "It cannot be fetched again, for the key of the server's copy was forgotten when the file came: ask whoever"
        " sent it. `veery storage rules list` shows your rules"
    )


class FileServerMissing(NotFound):
    """The network names no file server."""

    default_kind = "client.attachment.no_server"
    default_remedy = "Ask who runs the network for a network file that names one"
