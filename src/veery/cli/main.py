"""From argv to an exit code.

Whatever goes wrong ends in one line on standard error and a number (`command.Exit`). Errors that Veery raises on
purpose say what to do; all others are faults of Veery and say how to report them. The trace is for `--verbose`.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence

from veery.cli.command import Exit, Terminated, UsageWrong, command_missing, with_defaults
from veery.cli.console import Console
from veery.errors import VeeryError


class Unexpected(VeeryError):
    """A fault of Veery itself."""

    default_kind = "cli.unexpected"
    default_remedy = "Run the command again with --verbose, and report what it prints"


def entry(argv: Sequence[str] | None = None) -> int:
    """Run the command that argv names; gives the exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    options_end = arguments.index("--") if "--" in arguments else len(arguments)
    given = arguments[:options_end]
    console = Console(as_json="--json" in given, verbose="--verbose" in given)
    try:
        code = _run(arguments, console)
        console.flush()
        return code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except Terminated:
        return Exit.TERMINATED
    except BrokenPipeError:
        return _pipe_closed()
    except VeeryError as error:
        return _told(console, error)
    except Exception as error:  # noqa: BLE001 - the one place where faults of Veery itself end
        return _told(console, Unexpected(f"This should not have happened ({type(error).__name__})"), error)


def _run(arguments: Sequence[str], console: Console) -> int:
    from veery.cli.parser import build

    root = build(arguments)
    try:
        options = root.parse(arguments)
    except SystemExit:  # argparse ends the program after printing help
        return Exit.DONE
    if getattr(options, "version", False):
        return _version(console)
    if options.run is None:
        if options.parser is root:
            console.talk(root.format_help().rstrip())
            return Exit.USAGE
        raise command_missing(options.parser)
    return _ran(with_defaults(options), console)


def _ran(options: Namespace, console: Console) -> int:
    return int(options.run(options, console))


def _version(console: Console) -> int:
    from veery import __version__

    if console.as_json:
        console.record({"version": __version__})
    else:
        console.line(f"veery {__version__}")
    return Exit.DONE


def _told(console: Console, error: VeeryError, cause: BaseException | None = None) -> int:
    if console.verbose:
        _trace(console, error if cause is None else cause)
    console.error(error)
    return Exit.USAGE if isinstance(error, UsageWrong) else Exit.FAILED


def _trace(console: Console, error: BaseException) -> None:
    from traceback import format_exception

    from veery.runtime.redaction import redact

    console.talk(redact("".join(format_exception(error))).rstrip())


def _pipe_closed() -> int:
    """The reader of standard output is gone: nothing more can be said, and the end of the program must not try."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return Exit.PIPE_CLOSED
