"""Conversations, their messages, message requests and contacts."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import Any, Final

from veery.cli.command import Exit, UsageWrong
from veery.cli.console import Console
from veery.cli.questions import answer, answers
from veery.cli.shown import (
    CONVERSATION_HEAD,
    REQUEST_HEAD,
    Json,
    conversation_row,
    message_lines,
    name_of,
    titles,
)
from veery.cli.text import count, now_ms

_PAGE: Final = 100


def conversations(options: Namespace, console: Console) -> int:
    """List the conversations."""
    found, known = answers(options, console, [("conversations", {"hidden": each}) for each in (options.hidden, True)])
    none = "All conversations are hidden; `veery conversations --hidden` lists them."
    if not known:
        none = "There are no conversations yet. Begin one with `veery send`."
    _list(console, found, CONVERSATION_HEAD, none)
    return Exit.DONE


def messages(options: Namespace, console: Console) -> int:
    """Print the messages of a conversation."""
    if options.limit < 1:
        raise UsageWrong("--limit takes a number above 0", remedy="Write it as in --limit 50")
    page = _page(options, options.limit, options.before)
    questions = [("messages", page), ("conversations", {"hidden": True}), ("requests", {})]
    first, known, asking = answers(options, console, questions)
    found = [*first, *_further(options, console, first)]
    if options.mark_read:
        answer(options, console, "mark_read", conversation=options.conversation)
    names = titles([*known, *asking])
    for message in reversed(found):
        if console.as_json:
            console.record(message)
        else:
            console.lines(message_lines(message, names))
    if not found and not console.as_json:
        console.talk("There are no messages.")
    return Exit.DONE


def _page(options: Namespace, left: int, before: int | None) -> dict[str, Any]:
    return {"conversation": options.conversation, "limit": min(left, _PAGE), "before": before}


def _further(options: Namespace, console: Console, page: list[Json]) -> Iterator[Json]:
    """The messages before a first page, newest first, up to the limit."""
    left = options.limit - len(page)
    while page and left > 0 and options.limit > _PAGE:
        page = answer(options, console, "messages", **_page(options, left, page[-1]["id"]))
        yield from page
        left -= len(page)


def requests(options: Namespace, console: Console) -> int:
    """List the message requests."""
    (found,) = answers(options, console, [("requests", {})])
    _list(console, found, REQUEST_HEAD, "Nobody asks.")
    if found and not console.as_json:
        console.talk("Answer with `veery requests accept`, `decline` or `block`, and the ID.")
    return Exit.DONE


def accept_request(options: Namespace, console: Console) -> int:
    """Accept a request."""
    return _change(options, console, "accept", "{name} is accepted. Write with `veery send`.")


def decline_request(options: Namespace, console: Console) -> int:
    """Hide a request."""
    return _change(options, console, "decline", "The request of {name} is hidden; nothing was sent.")


def block_request(options: Namespace, console: Console) -> int:
    """Hide a request and whatever follows."""
    return _change(options, console, "block", "{name} is blocked; nothing was sent.")


def block_contact(options: Namespace, console: Console) -> int:
    """Drop what a contact sends."""
    return _change(options, console, "block", "{name} is blocked; nothing was sent.")


def unblock_contact(options: Namespace, console: Console) -> int:
    """Take messages again."""
    return _change(options, console, "unblock", "{name} is no longer blocked.")


def name_contact(options: Namespace, console: Console) -> int:
    """Call a contact by another name."""
    said = "{name} is what you call them now." if options.nickname.strip() else "{name} is their own name again."
    return _change(options, console, "set_nickname", said, nickname=options.nickname)


def trust_contact(options: Namespace, console: Console) -> int:
    """Fetch files of a contact as they come, or wait."""
    trusted = options.downloads == "on"
    said = "Files of {name} are fetched as they come." if trusted else "Files of {name} wait until you save them."
    return _change(options, console, "trust_downloads", said, trusted=trusted)


def _change(options: Namespace, console: Console, method: str, said: str, **params: Any) -> int:
    changed = answer(options, console, method, conversation=options.conversation, **params)
    if console.as_json:
        console.record(changed)
    else:
        console.talk(said.format(name=name_of(str(changed["id"]), titles([changed]))))
    return Exit.DONE


def _list(console: Console, found: list[Json], head: tuple[str, ...], empty: str) -> None:
    if console.as_json:
        for each in found:
            console.record(each)
    elif found:
        now = now_ms()
        console.table(head, [conversation_row(each, now) for each in found])
        unread = sum(int(each["unread"]) for each in found)
        if unread:
            console.talk(f"{count(unread, 'unread message')}. `veery messages NAME --mark-read` shows and marks them.")
    else:
        console.talk(empty)
