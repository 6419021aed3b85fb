"""`veery device`: the devices of your account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from veery.cli.command import add_command, deferred

if TYPE_CHECKING:
    from veery.cli.command import Commands, Parser

_ABOUT: Final = """\
The devices of one account share short-lived keys, so that whoever takes one of them, or the recovery password, later
cannot read what was sent before. A device joins only when a person has compared seven emoji on both."""
_LIST: Final = """\
List the devices of the account, and what asks to become one. On a device that is not linked, list the groups of
devices that are to be seen in the network: when each began, and its four emoji."""
_LINK: Final = """\
Ask the account's other devices to let this one in. It shows seven emoji; the other device shows the same ones at
`veery device list`, and lets this one in with `veery device approve`. Compare them: they are what proves that no
stranger is between. --yes says that you compare them on the other device, so that nothing is asked here; without a
terminal and without it, say so afterwards with `veery device confirm`. --new begins a group of this device alone."""
_CONFIRM: Final = """\
Say that the emoji that this device has shown are the same on the other device. On a terminal it shows them once more,
and asks; --yes says that you have compared them."""
_APPROVE: Final = """\
Let a device in that asks. Do it only if it lies before you and shows the same emoji: from then on it reads all
messages of the account."""
_IGNORE: Final = """\
Do not show the request of a device any more. Nobody is told, and it runs out by itself."""
_REMOVE: Final = """\
Remove another device from the account. All keys are renewed at once, so that it reads nothing that is sent under them.
It still has what it holds, and the recovery password: only a new account ends that."""
_RENAME: Final = """\
Change what this device is called on your other devices."""
_PUBLISH: Final = """\
Publish keys for your contacts, so that their messages are sent under keys that are soon deleted. A restored account
does it only when you say that the list of devices is complete, because a device that is not on it could not read those
messages. --stop ends it, on this device and for your contacts; run it on each of your devices."""
_LEAVE: Final = """\
Take this device out of the account's devices. It tells the others, and keeps its messages."""
_EXAMPLE: Final = "veery device list"
_YES: Final = "do not ask"
_ID: Final = "id of the device, or the beginning of it"


def add(commands: Commands, summary: str) -> None:
    """Add the noun."""
    noun = add_command(commands, "device", None, summary=summary, about=_ABOUT, example=_EXAMPLE)
    verbs = noun.add_commands()
    _verb(verbs, "list", "list the devices", _LIST, _EXAMPLE)
    link = _verb(verbs, "link", "ask to become one of the devices", _LINK, "veery device link")
    what = link.add_mutually_exclusive_group()
    what.add_argument("--group", metavar="ID", help="which group to join, as `device list` shows it")
    what.add_argument("--new", action="store_true", help="begin a group of this device alone")
    link.add_argument("--yes", action="store_true", help="do not ask: the emoji are compared on the other device")
    link.add_argument(
        "--wait", metavar="SECONDS", type=float, default=600.0, help="how long to wait to be let in (default: 600)"
    )
    confirm = _verb(verbs, "confirm", "say that the emoji are the same", _CONFIRM, "veery device confirm")
    approve = _verb(verbs, "approve", "let a device in", _APPROVE, "veery device approve 1f2e3d4c")
    ignore = _verb(verbs, "ignore", "do not show a request any more", _IGNORE, "veery device ignore 1f2e3d4c")
    remove = _verb(verbs, "remove", "remove another device", _REMOVE, "veery device remove 1f2e3d4c")
    rename = _verb(verbs, "rename", "change the name of this device", _RENAME, "veery device rename 'Old laptop'")
    publish = _verb(verbs, "publish", "publish keys, or stop it", _PUBLISH, "veery device publish")
    leave = _verb(verbs, "leave", "take this device out", _LEAVE, "veery device leave")
    for verb in (approve, ignore, remove):
        verb.add_argument("id", metavar="ID", help=_ID)
    rename.add_argument("name", metavar="NAME", help="at most 64 bytes")
    publish.add_argument("--stop", action="store_true", help="publish none any more")
    for verb in (confirm, approve, remove, publish, leave):
        verb.add_argument("--yes", action="store_true", help=_YES)


def _verb(verbs: Commands, name: str, summary: str, about: str, example: str) -> Parser:
    module = "device_link" if name in ("link", "confirm") else "device_commands"
    target = f"{name}_devices" if name == "list" else name
    return add_command(verbs, name, deferred(module, target), summary=summary, about=about, example=example)
