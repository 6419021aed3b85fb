"""What a person sees while files go up or come down: which of how many, its size, and how much is there already.

A file goes as one request, of which nobody hears before it is answered: what is counted are whole files.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from veery.cli.quick import connect
from veery.cli.shown import Json, attachment_words
from veery.cli.text import size
from veery.errors import VeeryError

_LISTED: Final = 1_000  # files among which those of a message are looked for
_GLANCE_S: Final = 2.0


def uploading_words(files: Sequence[Json]) -> str | None:
    """How far the files of a message are on their way up; None when none is on its way."""
    waiting = [each for each in files if each["state"] == "uploading"]
    if not waiting:
        return None
    total = sum(int(each["size"]) for each in files)
    sent = total - sum(int(each["size"]) for each in waiting)
    place = len(files) - len(waiting) + 1
    words = f"Uploading file {place} of {len(files)}: {attachment_words(waiting[0])}"
    return words if len(files) == 1 else f"{words}; {size(sent)} of {size(total)} are up"


def fetching_words(files: Sequence[Json]) -> str | None:
    """Which file is being fetched."""
    return f"Fetching {attachment_words(files[0])}" if files else None


def files_of(directory: Path, field: str, number: int) -> list[Json]:
    """The files whose `field` is a number, in their order, as a running engine lists them; none if it cannot be asked.

    field: `id`, or `message`.
    """
    with suppress(VeeryError, TimeoutError):
        connection = connect(directory)
        if connection is not None:
            with connection:
                listed = connection.call("attachments", timeout_s=_GLANCE_S, limit=_LISTED)
            found = [each for each in listed if each[field] == number and not each["preview"]]
            return sorted(found, key=lambda each: int(each["id"]))
    return []
