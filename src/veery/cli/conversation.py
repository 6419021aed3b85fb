"""`veery conversation`: the place of a conversation in the list, and whether it notifies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Where a conversation stands in `veery conversations`, and whether its messages notify. The other side learns of none of
this."""
_VERBS: Final = (
    ("pin", "let it stand above the others", "Let a conversation stand above all others, also those pinned before."),
    ("unpin", "let it stand among the others", "Let a conversation stand among the others again."),
    (
        "unread",
        "mark it as one to come back to",
        "Mark a conversation as one to come back to, on all devices. `veery messages --mark-read` takes the mark away.",
    ),
    (
        "mute",
        "do not notify of its messages",
        "Mark the events of its messages as ones to show no notification for (`notify` is false).",
    ),
    ("unmute", "notify of its messages again", "Let the messages of a conversation notify again."),
    ("hide", "keep it out of the list", "Keep a conversation out of the list until a message comes."),
    ("show", "put it back into the list", "Put a hidden conversation back into the list."),
    (
        "remove",
        "remove its messages, and it from the list",
        "Remove all messages of a conversation from this device, and it from the list. The contact stays, and nothing"
        " is sent; `veery contact remove` removes the contact as well.",
    ),
)


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(
        commands, "conversation", None, summary=summary, about=_ABOUT, example="veery conversation pin Alice"
    )
    verbs = noun.add_commands()
    for name, what, about in _VERBS:
        verb = add_command(
            verbs,
            name,
            deferred("arrangement_commands", name),
            summary=what,
            about=about,
            example=f"veery conversation {name} Alice",
        )
        verb.add_argument("conversation", metavar="CONVERSATION", help="Account ID, or a contact's name")
        if name == "mute":
            verb.add_argument("--for", dest="time", metavar="TIME", help="how long, as in 8h or 7d (default: for good)")
