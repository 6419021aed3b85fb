"""Logging that cannot tell on users.

One handler on the root logger, whose formatter redacts the finished text of every record: message, arguments,
exception and stack. So it does not matter who wrote a record, or what a foreign library put into its exception.
Below INFO the records appear only when `verbose`, with the detailed degree of redaction (see `redaction`).

A record that cannot be formatted is answered with a line that names its place and nothing of its arguments, where
the standard handler would print them all.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TextIO

from veery.errors import VeeryError
from veery.runtime.redaction import redact

_TEXT_MAX: Final = 8_192  # characters of one record after redaction
_CONTROLS: Final = {code: f"\\x{code:02x}" for code in (*range(32), 127, 0x85, 0x2028, 0x2029)}
_CONTROLS_BUT_LINES: Final = {code: text for code, text in _CONTROLS.items() if code not in (9, 10)}
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_QUIET: Final = {  # what others log: (default, verbose)
    "aiohttp": (logging.WARNING, logging.INFO),
    "aiohttp.access": (logging.CRITICAL + 1, logging.CRITICAL + 1),  # peers and paths, never
    "asyncio": (logging.WARNING, logging.WARNING),  # its debug records hold arguments of calls
    "py.warnings": (logging.ERROR, logging.WARNING),
}


class RedactingFormatter(logging.Formatter):
    """One line a record in UTC, then the trace of an exception if there is one; all redacted."""

    def __init__(self, *, verbose: bool = False) -> None:
        super().__init__()
        self.verbose = verbose

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = f"{when} {record.levelname:<7} {self.clean(record.name, record)}: {self.message_of(record)}"
        trace = self.trace_of(record)
        return f"{line}\n{trace}" if trace else line

    def message_of(self, record: logging.LogRecord) -> str:
        """The message in one line: no line break of an argument can pass for another record."""
        text = record.getMessage()
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, VeeryError) and not self.verbose:
            text = f"{text}: {error} [{error.kind}]"
        return self.clean(text, record).translate(_CONTROLS)

    def trace_of(self, record: logging.LogRecord) -> str:
        """Trace and stack. An error that Veery raised on purpose needs no trace unless `verbose`."""
        parts = []
        if record.exc_info and (self.verbose or not isinstance(record.exc_info[1], VeeryError)):
            parts.append(self.formatException(record.exc_info))
        if record.stack_info:
            parts.append(self.formatStack(record.stack_info))
        return self.clean("\n".join(parts), record).translate(_CONTROLS_BUT_LINES)

    def clean(self, text: str, record: logging.LogRecord) -> str:
        """Redact and bound a text."""
        text = redact(text, detailed=record.levelno < logging.INFO)
        return text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}…"


class JsonFormatter(RedactingFormatter):
    """One JSON object a line: time, level, logger, message, `kind` of our errors, trace, and `extra` fields."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": self.clean(record.name, record),
            "message": self.message_of(record),
        }
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, VeeryError):
            fields["kind"] = error.kind
        if trace := self.trace_of(record):
            fields["trace"] = trace
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        return json.dumps(fields | self._cleaned(extra, record), ensure_ascii=False)

    def _cleaned(self, extra: dict[str, Any], record: logging.LogRecord) -> dict[str, object]:
        plain = (bool, int, float, type(None))
        return {
            self.clean(name, record): value if isinstance(value, plain) else self.clean(str(value), record)
            for name, value in extra.items()
        }


class RedactingHandler(logging.StreamHandler[TextIO]):
    """Writes redacted records to a stream, and never the arguments of a record that cannot be formatted."""

    def __init__(self, formatter: RedactingFormatter, stream: TextIO) -> None:
        super().__init__(stream)
        self.setFormatter(formatter)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name that logging calls
        fault = type(sys.exc_info()[1]).__name__
        try:
            self.stream.write(
                f"A log record of {redact(record.name)}, line {record.lineno}, could not be written: {fault}\n"
            )
        except (OSError, ValueError):  # the stream itself is gone; there is nobody left to tell
            return


def configure(*, verbose: bool = False, as_json: bool = False, stream: TextIO | None = None) -> None:
    """Set up logging of this process: INFO and above, everything if `verbose`. Replaces an earlier set-up.

    stream: standard error by default.
    """
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, RedactingHandler)]:
        root.removeHandler(handler)
    formatter = JsonFormatter(verbose=verbose) if as_json else RedactingFormatter(verbose=verbose)
    root.addHandler(RedactingHandler(formatter, sys.stderr if stream is None else stream))
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    for name, (usual, detailed) in _QUIET.items():
        logging.getLogger(name).setLevel(detailed if verbose else usual)
    logging.captureWarnings(True)


def log_uncaught() -> None:
    """Send what nobody caught, in the main thread, other threads and finalisers, to the log and not to the screen."""
    log = logging.getLogger("veery")

    def of_main(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        log.critical("Veery ends by an error that nobody expected", exc_info=(kind, error, trace))

    def of_thread(args: threading.ExceptHookArgs) -> None:
        error = args.exc_value or args.exc_type()
        log.critical("A thread ended by an error", exc_info=(args.exc_type, error, args.exc_traceback))

    def of_finaliser(args: sys.UnraisableHookArgs) -> None:
        error = args.exc_value or args.exc_type()
        log.error("An error could not be raised", exc_info=(args.exc_type, error, args.exc_traceback))

    sys.excepthook = of_main
    threading.excepthook = of_thread
    sys.unraisablehook = of_finaliser
