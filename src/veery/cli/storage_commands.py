"""What takes space, and making room."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any, Final

from veery.cli.command import Exit, UsageWrong
from veery.cli.console import Console
from veery.cli.questions import answer, answers
from veery.cli.quick import Questions
from veery.cli.shown import Json, kind_words, name_of, titles
from veery.cli.text import clock_time, count, size

SHARE_HEAD: Final = ("CONVERSATION", "KIND", "AGE", "COUNT", "SIZE", "WOULD FREE")
RULE_HEAD: Final = ("RULE", "CONVERSATION", "TAKES FILES")
FILE_HEAD: Final = ("MESSAGE", "CAME", "SIZE", "CONVERSATION", "NAME")
_AGES: Final = {"month": "up to a month", "year": "up to a year", "older": "older"}
_NAMES: Final[Questions] = (("conversations", {"hidden": True}), ("requests", {}))
_DAYS_MAX: Final = 36_500


def show(options: Namespace, console: Console) -> int:
    """Print what takes space."""
    state, known, asking = answers(options, console, [("storage", {}), *_NAMES])
    if console.as_json:
        console.record(state)
        return Exit.DONE
    names = titles([*known, *asking])
    rows = [_share_row(each, names) for each in sorted(state["shares"], key=lambda each: -int(each["bytes"]))]
    if rows:
        console.table(SHARE_HEAD, rows)
        console.line()
    unused = int(state["unused_bytes"])
    rest = f", of which {size(unused)} are unused" if unused else ""
    console.fields(
        [
            ("Database", f"{size(int(state['database_bytes']))} with {count(state['messages'], 'message')}{rest}"),
            ("Files", f"{size(int(state['file_bytes']))} in {count(state['files'], 'file')}"),
            ("Rules would free", f"{size(int(state['would_free_bytes']))} of {count(state['would_trim'], 'file')}"),
        ]
    )
    return Exit.DONE


def trim(options: Namespace, console: Console) -> int:
    """Remove what the rules fit, or only tell."""
    done, known, asking = answers(options, console, [("trim", {"dry_run": options.dry_run}), *_NAMES])
    if console.as_json:
        console.record(done)
        return Exit.DONE
    names = titles([*known, *asking])
    if done["files"]:
        console.table(FILE_HEAD, [_file_row(each, names) for each in done["files"]])
    more = int(done["trimmed"]) - len(done["files"])
    if more:
        console.line(f"and {count(more, 'more file')}".replace("more files", "more"))
    freed = f"{count(done['trimmed'], 'file')}, {size(int(done['freed_bytes']))}"
    if not done["trimmed"]:
        console.talk("No file fits a rule; `veery storage rules list` shows the rules.")
    elif options.dry_run:
        console.talk(f"A trim would remove {freed}. Nothing was removed.")
    else:
        console.talk(f"Removed {freed}.")
    return Exit.DONE


def purge(options: Namespace, console: Console) -> int:
    """Write the database anew."""
    done = answer(options, console, "purge")
    if console.as_json:
        console.record(done)
    else:
        before, after = size(int(done["before_bytes"])), size(int(done["after_bytes"]))
        console.talk(f"The database holds nothing of what was deleted. It took {before} and takes {after}.")
    return Exit.DONE


def set_rule(options: Namespace, console: Console) -> int:
    """Add a rule."""
    limits = {"older_days": options.older_than, "larger_mib": options.larger_than}
    given = [each for each in limits.values() if each is not None]
    if bool(given) == options.keep:
        raise UsageWrong("a rule takes --older-than or --larger-than (or both), or else --keep")
    if any(not 0 <= each <= _DAYS_MAX for each in given):
        raise UsageWrong(f"--older-than and --larger-than take numbers from 0 to {_DAYS_MAX}")
    rule = answer(options, console, "set_trim_rule", conversation=options.conversation, **limits)
    if console.as_json:
        console.record(rule)
    else:
        console.talk(f"Rule {rule['id']}: {_words(rule)}. See what it would take with `veery storage trim --dry-run`.")
    return Exit.DONE


def list_rules(options: Namespace, console: Console) -> int:
    """Print the rules."""
    rules, known, asking = answers(options, console, [("trim_rules", {}), *_NAMES])
    if console.as_json:
        for each in rules:
            console.record(each)
    elif rules:
        names = titles([*known, *asking])
        console.table(
            RULE_HEAD, [(str(each["id"]), _place(each["conversation"], names), _words(each)) for each in rules]
        )
    else:
        console.talk("There are no rules: nothing is ever trimmed.")
    return Exit.DONE


def remove_rule(options: Namespace, console: Console) -> int:
    """Remove a rule."""
    removed = answer(options, console, "remove_trim_rule", id=options.rule)
    if console.as_json:
        console.record(removed)
    else:
        console.talk(f"Rule {options.rule} is removed.")
    return Exit.DONE


def _share_row(share: Json, names: Mapping[str, str]) -> tuple[str, ...]:
    freed = int(share["would_free_bytes"])
    return (
        name_of(str(share["conversation"]), names),
        kind_words(str(share["kind"])),
        _AGES[str(share["age"])],
        str(share["count"]),
        size(int(share["bytes"])),
        size(freed) if freed else "",
    )


def _file_row(file: Json, names: Mapping[str, str]) -> tuple[str, ...]:
    return (
        f"#{file['message']}",
        clock_time(int(file["received_at"])),
        size(int(file["bytes"])),
        name_of(str(file["conversation"]), names),
        str(file["name"] or kind_words(str(file["kind"]))),
    )


def _place(conversation: Any, names: Mapping[str, str]) -> str:
    return "default" if conversation is None else name_of(str(conversation), names)


def _words(rule: Json) -> str:
    older, larger = rule["older_days"], rule["larger_mib"]
    parts = [f"older than {count(older, 'day')}"] if older is not None else []
    if larger is not None:
        parts.append(f"larger than {larger} MiB")
    return " and ".join(parts) or "none"
