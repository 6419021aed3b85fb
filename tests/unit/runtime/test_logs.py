"""Logging with redaction."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest

from veery.errors import Unreachable
from veery.runtime.logs import configure, log_uncaught
from veery.secret import Secret

KEY = "05" + "ab12" * 16
log = logging.getLogger("veery.test")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    names = ("aiohttp", "aiohttp.access", "asyncio", "py.warnings")
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in names}
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


def set_up(*, verbose: bool = False, as_json: bool = False) -> io.StringIO:
    stream = io.StringIO()
    configure(verbose=verbose, as_json=as_json, stream=stream)
    return stream


def test_one_line_a_record_in_utc() -> None:
    stream = set_up()
    log.info("stored %d on %d nodes", 3, 5)
    line = stream.getvalue()
    assert line.endswith("Z INFO    veery.test: stored 3 on 5 nodes\n")
    assert line[:2] == "20"


def test_arguments_are_redacted_whatever_they_are() -> None:
    stream = set_up()
    log.warning("%s %r %s %s", KEY, b"content", {"peer": ("192.0.2.7", 443)}, Secret(b"content"))
    assert "ab12ab12" not in stream.getvalue()
    assert "192.0" not in stream.getvalue()
    assert "content" not in stream.getvalue()
    assert "<hex> <bytes> {'peer': ('<address>', 443)} <Secret of 7 bytes>" in stream.getvalue()


def test_exceptions_of_other_libraries_are_redacted() -> None:
    stream = set_up()
    try:
        try:
            raise OSError(f"cannot reach 192.0.2.7:443 for {KEY}")
        except OSError as error:
            raise LookupError(f"no {KEY!r}") from error
    except LookupError:
        log.exception("failed", stack_info=True)
    text = stream.getvalue()
    assert "Traceback" in text
    assert "OSError: cannot reach <address> for <hex>" in text
    assert "LookupError: no '<hex>'" in text
    assert "ab12ab12" not in text
    assert "Stack (most recent call last)" in text


def test_an_error_of_ours_needs_no_trace_unless_verbose() -> None:
    def fail() -> None:
        try:
            raise Unreachable("no node answered", remedy="Check the connection")
        except Unreachable:
            log.exception("cannot send")

    stream = set_up()
    fail()
    assert stream.getvalue().count("\n") == 1
    assert "cannot send: no node answered. Check the connection [network.unreachable]" in stream.getvalue()
    stream = set_up(verbose=True)
    fail()
    assert "Traceback" in stream.getvalue()


def test_a_line_break_cannot_pass_for_a_record() -> None:
    stream = set_up()
    log.info("name %s", "x\n2026-01-01 INFO veery: forged\x1b[2J")
    assert stream.getvalue().count("\n") == 1
    assert "\\x0a2026" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_verbose_shows_more_but_no_content() -> None:
    stream = set_up()
    log.debug("detail")
    assert stream.getvalue() == ""
    stream = set_up(verbose=True)
    log.debug("to 192.0.2.7:443 for %s with %r", KEY, b"content")
    log.info("to 192.0.2.7:443 for %s", KEY)
    first, second = stream.getvalue().splitlines()
    assert first.endswith("to 192.0.2.7:443 for 05ab12… with <bytes>")
    assert second.endswith("to <address> for <hex>")


def test_json_lines() -> None:
    stream = set_up(as_json=True)
    log.info("stored", extra={"nodes": 3, "who": KEY, "list": [KEY]})
    try:
        raise Unreachable(f"no answer from {KEY}")
    except Unreachable:
        log.exception('quoted "%s"', KEY)
    try:
        raise LookupError(KEY)
    except LookupError:
        log.exception("failed")
    first, second, third = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first | {"time": ""} == {
        "time": "",
        "level": "info",
        "logger": "veery.test",
        "message": "stored",
        "nodes": 3,
        "who": "<hex>",
        "list": "['<hex>']",
    }
    assert (second["kind"], second["message"]) == (
        "network.unreachable",
        'quoted "<hex>": no answer from <hex> [network.unreachable]',
    )
    assert "trace" not in second
    assert "LookupError: <hex>" in third["trace"]


def test_a_record_that_cannot_be_formatted_shows_no_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    root.handlers.clear()  # those of the test runner raise instead
    stream = set_up()
    log.info("%d", KEY)
    assert "could not be written: TypeError" in stream.getvalue()
    assert "ab12" not in stream.getvalue() + capsys.readouterr().err


def test_a_closed_stream_is_no_error() -> None:
    stream = set_up()
    stream.close()
    log.info("nobody hears this")


def test_long_records_are_cut() -> None:
    stream = set_up()
    log.info("word " * 10_000)
    assert len(stream.getvalue()) < 9_000


def test_names_of_loggers_are_redacted() -> None:
    for as_json in (False, True):
        stream = set_up(as_json=as_json)
        logging.getLogger(f"veery.test.{KEY}").info("x")
        assert "veery.test.<hex>" in stream.getvalue()
        assert "ab12" not in stream.getvalue()


def test_configuring_again_replaces() -> None:
    first, second = set_up(), set_up()
    log.info("once")
    assert first.getvalue() == ""
    assert second.getvalue().count("once") == 1


def test_others_are_tamed() -> None:
    stream = set_up(verbose=True)
    logging.getLogger("aiohttp.access").error("192.0.2.7 GET /")
    logging.getLogger("asyncio").debug("arguments")
    assert stream.getvalue() == ""
    logging.getLogger("asyncio").error("lost task of 192.0.2.7")
    assert stream.getvalue().endswith("lost task of 192.0.2.7\n".replace("192.0.2.7", "<address>"))


def test_warnings_go_to_the_log_when_verbose() -> None:
    stream = set_up(verbose=True)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn(f"odd {KEY}", UserWarning, stacklevel=1)
    assert "odd <hex>" in stream.getvalue()


async def test_what_a_task_lost_is_redacted() -> None:
    stream = set_up()
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": "lost", "exception": OSError(f"peer 192.0.2.7:443 {KEY}")})
    assert "OSError: peer <address> <hex>" in stream.getvalue()


def test_what_nobody_caught_goes_to_the_log() -> None:
    stream = set_up()
    log_uncaught()

    def fail() -> None:
        raise OSError(f"thread {KEY}")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    error = OSError(f"main {KEY}")
    sys.excepthook(OSError, error, None)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)

    class Broken:
        def __del__(self) -> None:
            raise OSError(f"finaliser {KEY}")

    Broken()
    text = stream.getvalue()
    for where in ("thread", "main", "finaliser"):
        assert f"OSError: {where} <hex>" in text
    assert text.count("CRITICAL") == 2
