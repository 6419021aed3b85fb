"""`veery storage`: what the account takes on the disk, and making room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands, Parser

_ABOUT: Final = """\
What your account takes on this device, by conversation, kind and age, and rules for making room. Nothing is ever
removed without a rule that you have set, and rules take local files alone: messages and their texts stay."""
_SHOW: Final = """\
Print what takes space, for each conversation, kind and age, and what the rules would free now."""
_TRIM: Final = """\
Remove the local files that the rules fit. They cannot be fetched again. A running engine does this by itself about
once an hour."""
_PURGE: Final = """\
Write the database anew. What is deleted is overwritten at once, but unused corners of it may still hold a few bytes;
after this it holds nothing of it, and takes no more space than needed. A running engine does this at most once a day
when something was deleted (once a week above 256 MiB). Copies of the disk's blocks that the device keeps by itself are
out of reach; they are encrypted with the key of this profile."""
_RULES: Final = """\
Rules say which local files a trim removes. A conversation that has rules of its own is not touched by the default
ones."""
_SET: Final = """\
Add a rule: files that came longer ago than some days, or are larger than some MiB; with both options, only files that
are both. Without --in it is the default for every conversation that has no rule of its own. --keep makes a rule that
takes nothing, to except a conversation from the default."""
_LIST: Final = """\
Print the rules, each with its number, in the order in which they were set."""
_REMOVE: Final = """\
Remove a rule. What it has taken does not come back."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(commands, "storage", None, summary=summary, about=_ABOUT, example="veery storage show")
    verbs = noun.add_commands()
    _verb(verbs, "show", "show", "print what takes space", _SHOW, "veery storage show")
    trim = _verb(verbs, "trim", "trim", "remove what the rules fit", _TRIM, "veery storage trim --dry-run")
    trim.add_argument("--dry-run", action="store_true", help="only print what would be removed")
    _verb(verbs, "purge", "purge", "leave nothing of what was deleted", _PURGE, "veery storage purge")
    rules = add_command(
        verbs,
        "rules",
        None,
        summary="say what a trim removes",
        about=_RULES,
        example="veery storage rules set --older-than 365",
    )
    _add_rules(rules.add_commands())


def _add_rules(verbs: Commands) -> None:
    example = "veery storage rules set --in Alice --older-than 90 --larger-than 10"
    set_ = _verb(verbs, "set", "set_rule", "add a rule", _SET, example)
    add = set_.add_argument
    add("--in", dest="conversation", metavar="CONVERSATION", help="only there: Account ID, or a contact's name")
    add("--older-than", type=int, metavar="DAYS", help="files that came longer ago")
    add("--larger-than", type=int, metavar="MIB", help="files of more MiB")
    add("--keep", action="store_true", help="keep every file")
    _verb(verbs, "list", "list_rules", "print the rules", _LIST, "veery storage rules list")
    remove = _verb(verbs, "remove", "remove_rule", "remove a rule", _REMOVE, "veery storage rules remove 1")
    remove.add_argument("rule", type=int, metavar="RULE", help="number of the rule")


def _verb(verbs: Commands, name: str, function: str, summary: str, about: str, example: str) -> Parser:
    run = deferred("storage_commands", function)
    return add_command(verbs, name, run, summary=summary, about=about, example=example)
