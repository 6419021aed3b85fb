"""Sending a message."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from typing import Any, Final

from veery.app.session import Session, SessionLost
from veery.cli.command import Exit
from veery.cli.console import Console
from veery.cli.engine import Opening, opener, settle
from veery.cli.running import run_coroutine
from veery.cli.shown import stored_words
from veery.client.faults import TextRefused
from veery.protocol.constants import BODY_COMPOSE_CODE_POINTS

_FIELDS: Final = ("id", "conversation", "hash", "state", "stored_on", "swarm_size", "protocol", "sent_at")
_INPUT_MAX: Final = 4 * BODY_COMPOSE_CODE_POINTS + 1  # bytes of UTF-8 that may still be a text, and one


def send(options: Namespace, console: Console) -> int:
    """Send a text."""
    text = _read_text() if options.text == "-" else options.text
    opening = opener(options, console)
    with console.progress("Waiting until nodes of the recipient's swarm have stored it"):
        sent = run_coroutine(console, _send(options, console, opening, text))
    if console.as_json:
        console.record({name: sent[name] for name in _FIELDS})
    elif options.no_wait:
        console.talk(f"Message #{sent['id']} is queued; `veery outbox` shows what becomes of it.")
    else:
        console.line(f"#{sent['id']} {stored_words(sent)}")
    return Exit.DONE


async def _send(options: Namespace, console: Console, opening: Opening, text: str) -> dict[str, Any]:
    async with opening() as session:
        queued = await _queue(session, options, text)
        if options.no_wait:
            return queued
        try:
            stored = dict(await session.call("wait_stored", id=queued["id"]))
            await settle(session)  # the copy for one's own other devices
            return stored
        except asyncio.CancelledError:
            console.talk(f"\nMessage #{queued['id']} stays queued, and goes out the next time.")
            raise


async def _queue(session: Session, options: Namespace, text: str) -> dict[str, Any]:
    params: dict[str, Any] = {"to": options.to, "text": text}
    if options.quote is not None:
        params["quote"] = options.quote
    try:
        return dict(await session.call("send", **params))
    except SessionLost as error:
        error.remedy = "Look with `veery messages` whether the message was kept before you send it again"
        raise


def _read_text() -> str:
    """The text on standard input, without the line break that ends it."""
    data = sys.stdin.buffer.read(_INPUT_MAX)
    try:
        return data.decode().removesuffix("\n")
    except UnicodeDecodeError:
        if len(data) == _INPUT_MAX:
            return data.decode(errors="replace")  # too long in any case, as the engine will say
        raise TextRefused("the text is not UTF-8", kind="client.text.not_text") from None
