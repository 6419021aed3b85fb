"""What can go wrong at a file server."""

from __future__ import annotations

from veery.errors import VeeryError


class FileServerError(VeeryError):
    """The file server cannot start or go on."""

    default_kind = "fileserver"


class AddressTaken(FileServerError):
    """The file server cannot listen where it was told to."""

    default_kind = "fileserver.bind"
    default_remedy = "Choose another `host` or `port`, or stop what listens there"


class NewsUnreadable(FileServerError):
    """The file of releases and token figures is not in its form."""

    default_kind = "fileserver.news"
    default_remedy = "Correct the file; what was read before is told until then"


class Refused(FileServerError):
    """A request is answered with `code` and `{"status_code": code}`; the text is for the log alone (09.7.1)."""

    default_kind = "fileserver.refused"

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
