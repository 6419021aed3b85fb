"""Profiles: one directory for each account of this device, below the data directory."""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path
from typing import Final

from veery.cli.command import UsageWrong
from veery.errors import NotFound
from veery.runtime.paths import directories

HEADER_NAME: Final = "store.json"  # of a store; `store.database.exists` looks for it too, and costs ten times this
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class NoProfile(NotFound):
    """There is no such profile on this device."""

    default_kind = "cli.no_profile"


def profile_directory(options: Namespace) -> Path:
    """The directory of the profile that the options name, whether it is there or not. Raises UsageWrong."""
    name = str(options.profile)
    if not _NAME.fullmatch(name):
        raise UsageWrong(
            "the name of a profile has up to 64 letters, digits, dots, dashes and underscores",
            remedy="Choose another with --profile",
        )
    return profiles_directory() / name


def profiles_directory() -> Path:
    """Where all profiles are."""
    return directories().data / "profiles"


def existing_profile(options: Namespace) -> Path:
    """The directory of a profile that is there. Raises NoProfile, UsageWrong."""
    directory = profile_directory(options)
    if (directory / HEADER_NAME).exists():
        return directory
    others = profile_names()
    if others:
        remedy = (
            f"Choose another with --profile (there is {', '.join(others)}), or make one with `veery account create`"
        )
    else:
        remedy = "Make one with `veery account create`, or bring yours back with `veery account restore`"
    raise NoProfile(f"There is no account in the profile `{options.profile}`", remedy=remedy)


def profile_names() -> list[str]:
    """The names of all profiles that hold an account."""
    place = profiles_directory()
    if not place.is_dir():
        return []
    return sorted(each.name for each in place.iterdir() if (each / HEADER_NAME).exists() and _NAME.fullmatch(each.name))
