"""What can be wrong with a file, its URL, its id, or the server that keeps it (09)."""

from __future__ import annotations

from veery.errors import Malformed, Misuse, Rejected, Retry


class FileMalformed(Malformed):
    """The bytes are not an encrypted file of the scheme that they were said to be.

    `kind`: files.short, files.mark, files.padding, files.empty_chunk.
    """

    default_kind = "files.malformed"
    default_remedy = "Ask the sender to send the file again"


class FileRefused(Rejected):
    """The file is not opened: it was altered, cut or extended, or its pointer does not belong to it.

    `kind`: files.key, files.digest, files.authentication, files.truncated, files.trailing, files.size, files.too_large.
    """

    default_kind = "files.refused"
    default_remedy = "Ask the sender to send the file again"


class FileUnfit(Misuse):
    """A file that cannot be encrypted as asked. `kind`: files.empty, files.too_large, files.seed, files.size."""

    default_kind = "files.unfit"


class FileChanged(Rejected):
    """The file was written to between its two readings: what was encrypted so far must not be sent."""

    default_kind = "files.changed"
    default_retry = Retry.LATER
    default_remedy = "Wait until nothing writes to the file, then send it again"


class FileUrlMalformed(Malformed):
    """Not the URL of a file on a file server."""

    default_kind = "files.url"


class FileServerUnknown(Rejected):
    """The URL names a server without its key, and it is not the server that this network knows."""

    default_kind = "files.server_unknown"
    default_remedy = (
        "Only files on the network's own file server, or with the server's key in their address, are fetched"
    )


class FileIdMalformed(Malformed):
    """Not the id of a file: neither 44 characters of URL-safe base64 nor 1 to 16 digits."""

    default_kind = "files.id"


class FileAnswerMalformed(Malformed):
    """A file server's answer is not in the form of 09.7."""

    default_kind = "files.answer"
    default_retry = Retry.LATER


class FileServerRefused(Rejected):
    """A file server answered with a code of failure: `code`."""

    default_kind = "files.server_refused"

    def __init__(self, code: int) -> None:
        retry = Retry.LATER if code in (425, 429) or code >= 500 else Retry.NEVER
        super().__init__(f"The file server answers with code {code}", retry=retry)
        self.code = code


class VersionCheckRefused(Rejected):
    """The signed headers of a version check do not hold; the server answers with `code` and the text (09.7.3)."""

    default_kind = "files.version_check"

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
