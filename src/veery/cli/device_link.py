"""Linking this device to the others of its account: what it sees, what it asks, and waiting to be let in.

Nothing here joins by itself: a person chooses the group, and says that the emoji are the same on the other device.
"""

from __future__ import annotations

import asyncio
from argparse import Namespace
from contextlib import suppress
from typing import Any, Final

from veery.cli.asking import agreed, can_ask, chosen
from veery.cli.command import Exit, UsageWrong
from veery.cli.console import Console
from veery.cli.device_commands import known
from veery.cli.device_shown import GROUP_HEAD, emoji_lines, group_row, standing_lines
from veery.cli.questions import answer
from veery.cli.shown import Json
from veery.cli.text import now_ms
from veery.cli.unlock import has_terminal
from veery.errors import NetworkError, NotFound, VeeryError

_LOOK_S: Final = 2.0
NEXT: Final = "This device is not linked to your others yet. Run `veery device link` to ask them."


class NoGroup(VeeryError):
    """No other device of the account is to be seen."""

    default_kind = "cli.no_group"
    default_remedy = "If there is no other device, begin with this one: `veery device link --new`"


def link(options: Namespace, console: Console) -> int:
    """Ask to become one of the devices."""
    if options.wait < 0:
        raise UsageWrong("--wait takes a number of seconds", remedy="Write it as in --wait 60")
    state = known(options, console)
    own = state["group"]["id"] if state["group"] else ""
    asks_other = options.group is not None and not own.startswith(options.group.strip().lower())
    if state["membership"] == "in_group" and not asks_other:
        return _linked(console, state)
    if options.new:
        return _begin(options, console, state)
    group = _chosen(options, console, state)
    if group is None:
        console.talk("Nothing was asked.")
        return Exit.FAILED
    asked = answer(options, console, "device_link", group=group)
    _show(console, asked["own_request"])
    if not _same(options, console):
        return Exit.DONE
    answer(options, console, "device_confirm")
    return _wait(options, console, group)


def confirm(options: Namespace, console: Console) -> int:
    """Say that the emoji are the same. On a terminal they are shown once more, and asked for."""
    if not options.yes and can_ask(console):
        request = known(options, console)["own_request"]
        if request is not None:
            console.lines(emoji_lines(request))
            if not _agreed_same(console):
                return Exit.FAILED
    state = answer(options, console, "device_confirm")
    if console.as_json:
        console.record(state)
    elif state["membership"] == "in_group":
        console.talk("This device is linked.")
    else:
        console.talk("Thank you. This device is linked as soon as the other one has let it in.")
    return Exit.DONE


def after_restore(options: Namespace, console: Console) -> None:
    """Offer to link a device that was just restored, to a person who can be asked; else say what to run."""
    if console.as_json:
        return
    if not has_terminal(console):
        console.talk(NEXT)
        return
    state = known(options, console)
    if not state["groups"]:
        for line in (NEXT,) if state["membership"] == "unknown" else standing_lines(state):
            console.talk(line)
        return
    link(Namespace(**{**vars(options), "group": None, "new": False, "yes": False, "wait": 600.0}), console)


# -- parts -----------------------------------------------------------------------------------------------------


def _begin(options: Namespace, console: Console, state: Json) -> int:
    if state["groups"]:
        _list_groups(console, state)
        question = "There are other devices of this account. Begin a group without them all the same?"
    else:
        question = "Begin the devices of this account with this one?"
    if not agreed(console, question, yes=options.yes):
        console.talk("Nothing is changed.")
        return Exit.FAILED
    done = answer(options, console, "device_start")
    if console.as_json:
        console.record(done)
        return Exit.DONE
    console.talk("This device is the first of a group. If it is the only one of your account: `veery device publish`")
    return Exit.DONE


def _chosen(options: Namespace, console: Console, state: Json) -> str | None:
    """The id of the group to ask. Raises NoGroup, NotFound, NoTerminal."""
    groups: list[Json] = [*state["groups"]]
    if not groups:
        raise NoGroup("no other device of this account is to be seen in the network")
    if options.group is not None:
        fitting = [str(each["id"]) for each in groups if str(each["id"]).startswith(options.group.strip().lower())]
        if len(fitting) != 1 or not options.group.strip():
            raise NotFound(
                f"no group begins with `{options.group[:64]}`",
                kind="cli.no_group",
                remedy="`veery device list` shows them",
            )
        return fitting[0]
    _list_groups(console, state)
    if len(groups) == 1:
        question, id_ = "Ask the devices of this group to let this one in?", str(groups[0]["id"])
        return id_ if agreed(console, question, yes=False, option=f"--group {id_}") else None
    number = chosen(console, f"Which one is yours? [1 to {len(groups)}, Enter for none] ", len(groups), "--group")
    return None if number is None else str(groups[number]["id"])


def _list_groups(console: Console, state: Json) -> None:
    now = now_ms()
    if console.as_json:
        for group in state["groups"]:
            console.record({"event": "group", **group})
        return
    console.talk("Devices of this account are to be seen. `veery device list` shows the same emoji there:")
    rows = [(str(number), *group_row(each, now)) for number, each in enumerate(state["groups"], 1)]
    console.table(("NUMBER", *GROUP_HEAD), rows)


def _show(console: Console, request: Json) -> None:
    if console.as_json:
        console.record({"event": "asked", **request})
        return
    console.talk("This device has asked. Run `veery device list` on another one: it must show these seven emoji.")
    console.lines(emoji_lines(request))
    console.flush()


def _same(options: Namespace, console: Console) -> bool:
    """Whether the person says that the emoji are the same; told what to run if nobody can be asked."""
    if options.yes:
        return True
    if console.as_json or not has_terminal(console):
        if not console.as_json:
            console.talk("If they are the same there, run `veery device confirm` here.")
        return False
    return _agreed_same(console)


def _agreed_same(console: Console) -> bool:
    if agreed(console, "Does the other device show the same emoji, in the same order?", yes=False):
        return True
    console.talk("Then do not approve it there. Nothing is joined.")
    return False


def _wait(options: Namespace, console: Console, group: str) -> int:
    """Wait until this device is let into a group, or its request is over."""
    from veery.app.session import Session
    from veery.cli.engine import with_session

    async def work(session: Session) -> Any:
        with suppress(TimeoutError):
            async with asyncio.timeout(options.wait):
                while True:
                    with suppress(NetworkError):
                        await session.call("fetch")
                    state = await session.call("devices")
                    if _is_in(state, group) or not _asks(state):
                        return state
                    await asyncio.sleep(_LOOK_S)
        return await session.call("devices")

    with console.progress("Waiting to be let in"):
        state = with_session(options, console, work)
    if _is_in(state, group):
        return _linked(console, state)
    if console.as_json:
        console.record({"event": "waiting", **state})
    else:
        console.talk("Nobody has let this device in yet. If that comes later, it is linked then; else ask again.")
    return Exit.FAILED


def _is_in(state: Json, group: str) -> bool:
    return bool(state["membership"] == "in_group" and state["group"]["id"] == group)


def _asks(state: Json) -> bool:
    request = state["own_request"]
    return request is not None and (request["admitted"] or int(request["expires_at"]) > now_ms())


def _linked(console: Console, state: Json) -> int:
    if console.as_json:
        console.record({"event": "linked", **state})
        return Exit.DONE
    console.talk("This device is linked to your others; `veery device list` shows them.")
    return Exit.DONE
