"""`veery outbox`: what is not stored yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
Alone, this lists what is not stored in its recipient's swarm yet: how often it was tried, when it is tried again, and
what went wrong the last time. It goes on whenever the engine of the profile runs (`veery app run`, `receive --follow`,
`send`). What was given up stands last, as failed, with the reason. What waits for keys
of its recipient says since when; keep waiting, or `send-anyway`. Notices (reactions, receipts and the like) have
numbers of their own, as in n7."""
_RETRY: Final = """\
Try a message again now that was given up. It keeps its bytes and its time, so it cannot arrive twice."""
_DROP: Final = """\
Give up a message that is not stored yet, and take it out of the conversation."""

_SEND_ANYWAY: Final = """\
Send a message that waits for keys of its recipient with long-term keys, this once. Whoever gets a long-term key later
can read it; it is marked so. Without this it goes on waiting, and goes out when new keys are seen."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(
        commands,
        "outbox",
        deferred("outbox_commands", "outbox"),
        summary=summary,
        about=_ABOUT,
        example="veery outbox",
    )
    verbs = noun.add_commands(required=False)
    for name, what, about in (
        ("retry", "try a message again", _RETRY),
        ("drop", "give a message up", _DROP),
        ("send-anyway", "send what waits for keys with long-term keys, this once", _SEND_ANYWAY),
    ):
        verb = add_command(
            verbs,
            name,
            deferred("outbox_commands", name.replace("-", "_")),
            summary=what,
            about=about,
            example=f"veery outbox {name} 12",
        )
        verb.add_argument("message", metavar="ID", help="number of the message, or as in n7 of a notice")
        if name == "send-anyway":
            verb.add_argument(
                "--conversation",
                action="store_true",
                help="also everything else to this contact, until keys are seen again",
            )
