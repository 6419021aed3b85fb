"""What can go wrong at a file server."""

from __future__ import annotations

from veery.errors import Retry, RuntimeFault, VeeryError


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
    """A request is answered with `code` and `{"status_code": code}`; the text is for the log alone (09.7.1).

    retry_after_s: seconds after which the same request may be taken, None if that is not known.
    """

    default_kind = "fileserver.refused"

    def __init__(self, code: int, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_s = retry_after_s


class PackageMissing(FileServerError):
    """The settings ask for storage whose package is not installed."""

    default_kind = "fileserver.package"


class StorageFault(RuntimeFault):
    """The database or the object store that the settings name does not do what it was asked."""

    default_kind = "fileserver.storage"


class StorageRefused(StorageFault):
    """The database or the object store does not let the file server in, or is not what the settings say."""

    default_kind = "fileserver.storage.refused"
    default_retry = Retry.NEVER


class StorageTaken(StorageFault):
    """Another file server uses the database."""

    default_kind = "fileserver.storage.taken"
    default_remedy = "Stop the other file server, or give this one a database of its own"
