"""Sending a message: through a running engine over a plain socket, else through one of our own.

The message is queued in one step and waited for in another, so that only the waiting is repeated when an engine ends.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any, Final

from veery.app.wire import SessionClosing, SessionLost
from veery.cli.command import Exit, UsageWrong
from veery.cli.console import Console
from veery.cli.profiles import existing_profile
from veery.cli.quick import QuickConnection, connect
from veery.cli.shown import Json, stored_words
from veery.cli.transferring import files_of, uploading_words
from veery.errors import ClientError, Retry
from veery.protocol.constants import BODY_COMPOSE_CODE_POINTS

_FIELDS: Final = ("id", "conversation", "hash", "state", "stored_on", "swarm_size", "protocol", "sent_at")
_INPUT_MAX: Final = 4 * BODY_COMPOSE_CODE_POINTS + 1  # bytes of UTF-8 that may still be a text, and one


def send(options: Namespace, console: Console) -> int:
    """Send a text."""
    if options.timeout <= 0:
        raise UsageWrong("--timeout takes a number of seconds above 0", remedy="Write it as in --timeout 30")
    params: dict[str, Any] = {"to": options.to, "text": _read_text() if options.text == "-" else options.text}
    if options.attach:
        files = [str(Path(each).expanduser().absolute()) for each in options.attach]
        params |= {"files": files, "voice": options.voice, "keep_names": options.keep_names}
    elif options.text is None:
        raise UsageWrong("`veery send` needs a text or a file", remedy="Write a text, or name a file with --attach")
    if options.quote is not None:
        params["quote"] = options.quote
    sending = _Sending(options, console, params)
    waiting = "Waiting until nodes of the recipient's swarm have stored it; Ctrl-C leaves it queued"
    with console.progress(waiting, sending.look if options.attach else None):
        sent = sending.run()
    if console.as_json:
        console.record({name: sent[name] for name in _FIELDS})
    elif options.no_wait:
        console.talk(f"Message #{sent['id']} is queued; `veery outbox` shows what becomes of it.")
    else:
        console.line(f"#{sent['id']} {stored_words(sent)}")
    return Exit.DONE


class NotStoredYet(ClientError):
    """The time that a command waits is over. The message stays queued."""

    default_kind = "cli.not_stored_yet"
    default_retry = Retry.LATER
    default_remedy = "It stays queued and goes out the next time; `veery outbox` and `veery doctor` say what is wrong"


class _Sending:
    """One message on its way. number: its id, once it is queued."""

    def __init__(self, options: Namespace, console: Console, params: dict[str, Any]) -> None:
        self._options = options
        self._console = console
        self._params = params
        self._number: int | None = None

    def look(self) -> str | None:
        """How far the files are on their way up."""
        if self._number is None:
            return None
        return uploading_words(files_of(existing_profile(self._options), "message", self._number))

    def run(self) -> Json:
        """Queue and wait; gives the message as it is then."""
        try:
            return self._run()
        except KeyboardInterrupt:
            if self._number is not None:
                self._console.talk(f"\nMessage #{self._number} stays queued, and goes out the next time.")
            raise
        except TimeoutError:
            raise NotStoredYet(f"message #{self._number} is not stored after {self._options.timeout:g} s") from None
        except SessionLost as error:
            error.remedy = "Look with `veery messages` whether the message was kept before you send it again"
            raise

    def _run(self) -> Json:
        connection = None if self._options.proxy is not None else connect(existing_profile(self._options))
        sent = None if connection is None else self._quickly(connection)
        return sent or self._by_session()

    def _quickly(self, connection: QuickConnection) -> Json | None:
        """Through an engine that runs; None when it ends, and another is needed."""
        with connection:
            try:
                queued: Json = connection.call("send", **self._params)
            except SessionClosing:
                return None
            self._number = int(queued["id"])
            if self._options.no_wait:
                return queued
            try:
                stored: Json = connection.call("wait_stored", timeout_s=self._options.timeout, id=self._number)
            except SessionLost:
                return None
            return stored

    def _by_session(self) -> Json:
        import asyncio

        from veery.app.session import Session
        from veery.cli.engine import settle, with_session

        async def work(session: Session) -> Json:
            if self._number is None:
                queued: Json = await session.call("send", **self._params)
                self._number = int(queued["id"])
                if self._options.no_wait:
                    return queued
            async with asyncio.timeout(self._options.timeout):
                stored: Json = await session.call("wait_stored", id=self._number)
            await settle(session)  # the copy for one's own other devices
            return stored

        return with_session(self._options, self._console, work)


def _read_text() -> str:
    """The text on standard input, without the line break that ends it."""
    data = sys.stdin.buffer.read(_INPUT_MAX)
    try:
        return data.decode().removesuffix("\n")
    except UnicodeDecodeError:
        if len(data) == _INPUT_MAX:
            return data.decode(errors="replace")  # too long in any case, as the engine will say
        remedy = "Give the message in UTF-8"
        raise ClientError("the text is not UTF-8", kind="client.text.not_text", remedy=remedy) from None
