"""What the HTML of a page says of itself for previews: its titles, and the address of its picture.

The page is written by strangers and read on the event loop. So it is scanned once, from tag to tag, in a time that
grows with its length alone, whatever stands in it: nothing is looked for twice, and no tag is longer than a bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Final

_TAG_MAX: Final = 4_096  # characters of a tag that are read; also of a title
_PICTURE_NAMES: Final = frozenset({"og:image", "og:image:url", "og:image:secure_url"})
_TAG: Final = re.compile(r"<(!--|/?[a-z][a-z0-9:-]*)", re.IGNORECASE)
_PART: Final = re.compile(r"""(>)|\s+|([^\s=>/"']+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+)))?|[=/"']""")
_TEXTS: Final = ("title", "script", "style", "textarea", "iframe", "svg")  # within, no tag is one of the head


@dataclass(frozen=True, slots=True)
class PageHead:
    """title: of `<title>`; preview_title, picture: those that the page gives itself for previews. Empty without."""

    title: str = ""
    preview_title: str = ""
    picture: str = ""


def read_head(page: str) -> PageHead:
    """What a page says of itself. Of what stands twice the first counts."""
    title = preview_title = picture = ""
    for name, given, text in _tags(page):
        if name == "title":
            title = title or text
        elif given.get("property") == "og:title":
            preview_title = preview_title or given.get("content", "")
        elif given.get("property") in _PICTURE_NAMES:
            picture = picture or given.get("content", "").strip()
    return PageHead(title, preview_title, picture)


def _tags(page: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """Every `title`, with its text, and every `meta`, with its attributes."""
    at = 0
    while (found := _TAG.search(page, at)) is not None:
        name, at = found[1].lower(), found.end()
        if name == "!--":
            at = _next(page, "-->", at)
            continue
        given, at = _attributes(page, at)
        if name == "meta":
            yield name, given, ""
        elif name in _TEXTS:
            end = _next(page, f"</{name}", at)
            if name == "title":
                yield name, given, unescape(page[at : min(end, at + _TAG_MAX)])
            at = end


def _next(page: str, what: str, at: int) -> int:
    """Where `what` stands next: at the end of the page, if it does not."""
    found = re.compile(what, re.IGNORECASE).search(page, at)
    return len(page) if found is None else found.start()


def _attributes(page: str, at: int) -> tuple[dict[str, str], int]:
    """The attributes of a tag whose name ends at `at`, and where it goes on after the tag."""
    given: dict[str, str] = {}
    end = min(len(page), at + _TAG_MAX)
    while at < end and (part := _PART.match(page, at, end)) is not None:
        at = part.end()
        if part[1]:
            break
        if part[2]:
            given.setdefault(part[2].lower(), unescape(part[3] or part[4] or part[5] or ""))
    return given, at
