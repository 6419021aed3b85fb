"""Questions to a person at a terminal that are answered with yes or no, or with a number."""

from __future__ import annotations

from veery.cli.command import UsageWrong
from veery.cli.console import Console
from veery.cli.unlock import NoTerminal, has_terminal


def can_ask(console: Console) -> bool:
    """Whether a person can be asked: there is a terminal, and no program reads what is printed."""
    return not console.as_json and has_terminal(console)


def agreed(console: Console, question: str, *, yes: bool, option: str = "--yes") -> bool:
    """Whether the person says yes. yes: it was said on the command line; option: how that is done.

    Raises NoTerminal: nobody can be asked, and nothing is done without being told.
    """
    if yes:
        return True
    return typed(console, f"{question} [y/N] ", option).strip().lower() in ("y", "yes")


def chosen(console: Console, question: str, count: int, option: str) -> int | None:
    """Which of so many the person chooses, from 0; None for none. Raises NoTerminal, UsageWrong."""
    answer = typed(console, question, option).strip()
    if not answer:
        return None
    if not answer.isdecimal() or not 1 <= int(answer) <= count:
        raise UsageWrong(f"`{answer[:40]}` is none of the numbers", remedy=f"Type a number from 1 to {count}")
    return int(answer) - 1


def typed(console: Console, question: str, option: str) -> str:
    """One line from the terminal. option: what to give on the command line in its place. Raises NoTerminal."""
    if not can_ask(console):
        raise NoTerminal("there is no terminal to ask a person", remedy=f"Say it with {option}")
    console.err.write(question)
    console.err.flush()
    with open("/dev/tty", encoding="utf-8", errors="replace") as terminal:  # noqa: PTH123 - a device, not a path of ours
        return terminal.readline(4_096)
