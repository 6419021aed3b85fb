"""Questions that one call answers: over a plain socket where an engine runs, else by reading the profile, else by an
engine that is opened for them."""

from __future__ import annotations

from argparse import Namespace
from contextlib import nullcontext, suppress
from typing import Any, Final

from veery.app.once import ONCE
from veery.cli.console import Console
from veery.cli.profiles import existing_profile
from veery.cli.quick import Questions, ask

READING: Final = frozenset(
    {"account", "conversations", "requests", "messages", "search", "storage", "trim_rules", "settings"}
)  # what `local` can answer


def answer(options: Namespace, console: Console, method: str, **params: Any) -> Any:
    """What the engine answers. Raises what it raises."""
    (found,) = answers(options, console, [(method, params)])
    return found


def answers(options: Namespace, console: Console, questions: Questions) -> list[Any]:
    """What the engine answers to each question, in turn. What can be read without an engine is."""
    directory = existing_profile(options)
    once = bool({method for method, _ in questions} & ONCE)
    if options.proxy is None and not (once and len(questions) > 1):
        with console.progress("Telling the network") if once else nullcontext():
            found = ask(directory, questions)
        if found is not None:
            return found
    if {method for method, _ in questions} <= READING:
        from veery.cli.local import SchemaOther, read_answers
        from veery.cli.unlock import unlock_of

        with suppress(SchemaOther):
            return read_answers(directory, unlock_of(directory, console), questions)
    from veery.cli.engine import ask_engine

    return ask_engine(options, console, questions)
