"""The devices of the account, for members."""

from __future__ import annotations

from argparse import Namespace
from typing import Any, Final

from veery.cli.asking import agreed
from veery.cli.command import Exit
from veery.cli.console import Console
from veery.cli.device_shown import (
    DEVICE_HEAD,
    GROUP_HEAD,
    device_named,
    device_row,
    emoji_lines,
    group_row,
    request_lines,
    standing_lines,
)
from veery.cli.questions import answer
from veery.cli.shown import Json
from veery.cli.text import now_ms
from veery.errors import NetworkError, NotFound

STILL: Final = (
    "It reads what contacts send before they have seen the new keys, which may take a day. It keeps what it holds, and"
    " the recovery password: with that it reads what is sent under long-term keys (v1 and v2-fallback), and can sign"
    " and publish keys as you. If it is in other hands, move to a new account."
)
_LATER: Final = "The network could not be told yet; that is done as soon as it can be reached."


def list_devices(options: Namespace, console: Console) -> int:
    """List the devices."""
    state = known(options, console)
    if console.as_json:
        console.record(state)
        return Exit.DONE
    now = now_ms()
    console.table(DEVICE_HEAD, [device_row(each, now) for each in state["devices"]])
    if state["membership"] not in ("in_group", "unknown") and state["groups"]:
        console.line()
        console.table(GROUP_HEAD, [group_row(each, now) for each in state["groups"]])
    for request in state["requests"]:
        console.line()
        console.lines(request_lines(request, now))
    if state["own_request"] and state["membership"] == "waiting":
        console.line()
        console.lines(["This device has asked; the other one must show:", *emoji_lines(state["own_request"])])
    for line in standing_lines(state):
        console.talk(line)
    return Exit.DONE


def approve(options: Namespace, console: Console) -> int:
    """Let a device in."""
    state = known(options, console)
    request = _asked(state, options.id)
    if not console.as_json:
        console.lines(request_lines(request, now_ms())[:3])
    question = "Does the device lie before you, and show the same emoji?"
    if not agreed(console, question, yes=options.yes):
        console.talk("It is not let in.")
        return Exit.FAILED
    done = answer(options, console, "device_approve", id=request["id"])
    said = f"{device_named(done, done['approved'])} is linked to your account once it has confirmed the emoji, too."
    return _ended(console, done, said)


def ignore(options: Namespace, console: Console) -> int:
    """Do not show a request any more."""
    done = answer(options, console, "device_ignore", id=options.id)
    return _ended(console, done, "The request is not shown any more. Nobody was told.")


def remove(options: Namespace, console: Console) -> int:
    """Remove another device."""
    state = known(options, console)
    device = _linked(state, options.id)
    name = device_named(state, device["id"])
    if not agreed(console, f"Remove {name} from your account?", yes=options.yes):
        console.talk("It stays.")
        return Exit.FAILED
    done = answer(options, console, "device_remove", id=device["id"])
    return _ended(console, {**done, "note": STILL}, f"{name} is removed, and all keys are renewed. {STILL}")


def rename(options: Namespace, console: Console) -> int:
    """Change what this device is called."""
    done = answer(options, console, "device_rename", name=options.name)
    name = next(each["name"] for each in done["devices"] if each["own"])
    return _ended(console, done, f"This device is called {name} now." if name else "This device has no name now.")


def publish(options: Namespace, console: Console) -> int:
    """Publish keys, or stop it."""
    if options.stop:
        question = "Stop publishing keys? Messages to you are then sent under long-term keys."
        said = "No keys are published any more. Run it on each of your devices, or another one goes on publishing."
    else:
        question = "Are the devices of `veery device list` all that this account has? Others could not read messages."
        said = "The keys of this account are published."
    if not agreed(console, question, yes=options.yes):
        console.talk("Nothing is changed.")
        return Exit.FAILED
    return _ended(console, answer(options, console, "device_publish", stop=options.stop), said)


def leave(options: Namespace, console: Console) -> int:
    """Take this device out."""
    if not agreed(console, "Take this device out of your account's devices?", yes=options.yes):
        console.talk("It stays.")
        return Exit.FAILED
    done = answer(options, console, "device_leave")
    return _ended(console, done, "This device is not linked any more; the others are told.")


# -- parts -----------------------------------------------------------------------------------------------------


def known(options: Namespace, console: Console) -> Any:
    """What is known of the devices, after the network was asked if it can be."""
    with console.progress("Asking the network for devices"):
        try:
            return answer(options, console, "devices", fetch=True)
        except NetworkError:
            return answer(options, console, "devices")


def _ended(console: Console, done: Json, said: str) -> int:
    if console.as_json:
        console.record(done)
        return Exit.DONE
    console.talk(said)
    if done.get("told") is False:
        console.talk(_LATER)
    return Exit.DONE


def _asked(state: Json, named: str) -> Json:
    return _one([*state["requests"]], named, "no device asks whose id begins with")


def _linked(state: Json, named: str) -> Json:
    others = [each for each in state["devices"] if not each["own"]]
    return _one(others, named, "no other device is linked whose id begins with")


def _one(devices: list[Json], named: str, problem: str) -> Json:
    fitting = [each for each in devices if str(each["id"]).startswith(named.strip().lower())]
    if len(fitting) != 1 or not named.strip():
        found = f"{len(fitting)} devices begin with" if fitting else problem
        raise NotFound(f"{found} `{named[:64]}`", kind="cli.no_device", remedy="`veery device list` shows the ids")
    return fitting[0]
