"""Devices, groups and requests as lines for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from veery.cli.shown import Json
from veery.cli.text import ago, clock_time, duration, one_line

DEVICE_HEAD: Final = ("ID", "NAME", "PLATFORM", "VERSION", "CHANGED")
GROUP_HEAD: Final = ("GROUP", "BEGAN", "EMOJI", "LAST MESSAGE")
ID_SHOWN: Final = 8

_PLATFORMS: Final = {"i": "iOS", "a": "Android", "d": "desktop", "c": "command line"}
_STANDING: Final = {
    "unknown": "The network could not be asked yet; this is what was known the last time.",
    "in_group": "This device is linked.",
    "no_group": (
        "This device is not linked, and no other device of the account is to be seen. If there is none, begin with this"
        " one: `veery device link --new`"
    ),
    "groups_visible": "This device is not linked to the account's others. Ask them with `veery device link`",
    "waiting": "This device has asked to be linked, and waits.",
    "removed": "Another device has removed this one. `veery device link` asks to join again, as a new device",
    "cut_off": (
        "Warning: nothing of this device's group is left in the network, but another group of this account is. That may"
        " be an attack by someone with your recovery password; compare the lists on your devices"
    ),
    "displaced": (
        "Warning: another device has taken the place of this one. Somebody may have copied this profile."
        " `veery device link` asks to join again, as a new device"
    ),
}
_WARNINGS: Final = {
    "foreign": "someone with your recovery phrase may be intercepting: keys were published for you that are not yours",
    "missing": "the keys that were published are gone from the network without your doing; they are published again",
    "withdrawn": "someone with your recovery phrase has switched off the publishing of your keys",
}


def device_row(device: Json, now: int) -> tuple[str, ...]:
    """One row of the list of devices."""
    name = one_line(str(device["name"])) or "(no name)"
    platform = str(device["platform"])
    return (
        short(device),
        f"{name} (this device)" if device["own"] else name,
        _PLATFORMS.get(platform, one_line(platform)),
        str(device["version"]),
        ago(device["changed_at"], now),
    )


def group_row(group: Json, now: int) -> tuple[str, ...]:
    """One row of the list of groups that are to be seen."""
    return str(group["id"]), clock_time(int(group["created_at"])), str(group["emoji"]), ago(group.get("newest_at"), now)


def request_lines(request: Json, now: int) -> list[str]:
    """The request of another device."""
    name = one_line(str(request["name"])) or "(no name)"
    what = "asks to replace the linked device of this id" if request["replaces"] else "asks to be linked"
    left = duration(max(0, int(request["expires_at"]) - now) / 1_000)
    return [
        f"{short(request)} {name} {what} (for {left} more)",
        *emoji_lines(request),
        f"    Only if it lies before you and shows the same: veery device approve {short(request)}",
        f"    Else: veery device ignore {short(request)}",
    ]


def emoji_lines(shown: Json) -> list[str]:
    """Emoji, and below them their names."""
    return [f"    {shown['emoji']}", f"    {', '.join(shown['emoji_names'])}"]


def standing_lines(state: Json) -> list[str]:
    """How the device stands, and what is wrong."""
    lines = [_STANDING.get(str(state["membership"]), str(state["membership"]))]
    publishing = state["publishing"]
    if publishing["warning"]:
        lines.append(f"Warning: {_WARNINGS.get(str(publishing['warning']), str(publishing['warning']))}")
    if state["membership"] == "in_group" and not publishing["allowed"]:
        lines.append(
            "No keys are published for your contacts. If this list is complete, publish them: `veery device publish`"
        )
    return lines


def device_named(state: Json, id_: str) -> str:
    """What a person calls a device."""
    found: Sequence[Json] = [*state["devices"], *state["requests"]]
    name = next((one_line(str(each["name"])) for each in found if each["id"] == id_), "")
    return f"{name} ({id_[:ID_SHOWN]})" if name else id_[:ID_SHOWN]


def short(device: Json) -> str:
    """The beginning of a device's id, as people see it."""
    return str(device["id"])[:ID_SHOWN]
