"""`veery settings`: what this account tells others, and whom it listens to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands

_ABOUT: Final = """\
What this account tells others beyond its messages, and whom it listens to, on this device. Everything that tells more
is off until you switch it on."""
_SHOW: Final = """\
Print every setting, its value, the values that it takes, and what it means."""
_SET: Final = """\
Change a setting. read-receipts and typing tell contacts what you have read and that you are typing, and work both
ways. link-previews fetches title and picture of a page that you link to, only through the SOCKS proxy that --proxy or
VEERY_PROXY names: nodes of the network carry no requests to other servers, and nothing is ever fetched directly.
strangers says what becomes of people you have not accepted: requests, open (they are accepted, and told so), or
contacts (their messages are dropped). notify-requests lets message requests notify. tell-saved tells contacts when you
save a file of theirs. auto-downloads fetches files of groups, of your own devices and of contacts that you trust
(`veery contact trust`) by itself. large-files lets files above 10 MB go straight to the file server: through your proxy
(proxy), or from your own address, which the server then sees (direct)."""


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(commands, "settings", None, summary=summary, about=_ABOUT, example="veery settings show")
    verbs = noun.add_commands()
    add_command(
        verbs,
        "show",
        deferred("settings_commands", "show"),
        summary="print the settings",
        about=_SHOW,
        example="veery settings show",
    )
    change = add_command(
        verbs,
        "set",
        deferred("settings_commands", "change"),
        summary="change a setting",
        about=_SET,
        example="veery settings set read-receipts on\nveery settings set strangers contacts",
    )
    change.add_argument("name", metavar="NAME", help="name of the setting")
    change.add_argument("value", metavar="VALUE", help="the new value")
