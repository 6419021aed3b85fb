"""`veery requests`: message requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
People whom you never wrote to reach you by a message request. Alone, this lists the requests that wait. Accepting one
makes it a conversation and tells the sender; declining hides it without telling; blocking drops what comes later."""
_ACCEPT: Final = """\
Accept a message request: it becomes a conversation, and the sender is told."""
_DECLINE: Final = """\
Hide a message request. Nothing is sent; if the same person writes again, that is a request again."""
_BLOCK: Final = """\
Hide a message request and drop whatever the same person sends from now on. Nothing is sent."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(
        commands,
        "requests",
        deferred("conversation_commands", "requests"),
        summary=summary,
        about=_ABOUT,
        example="veery requests",
    )
    verbs = noun.add_commands(required=False)
    for name, what, about in (
        ("accept", "make it a conversation", _ACCEPT),
        ("decline", "hide it", _DECLINE),
        ("block", "hide it and whatever follows", _BLOCK),
    ):
        verb = add_command(
            verbs,
            name,
            deferred("conversation_commands", f"{name}_request"),
            summary=what,
            about=about,
            example=f"veery requests {name} 0512ab",
        )
        verb.add_argument("conversation", metavar="ID", help="Account ID of who asks, or the beginning of it")
