"""How well a message is protected, shown on every message (06.18.4 R4)."""

from __future__ import annotations

from enum import IntEnum


class Level(IntEnum):
    """Of one message, sent or received. A greater one is better."""

    V1 = 1  # version 1: under the long-term key
    FALLBACK = 2  # version 2 under the long-term key
    PFS = 3  # version 2 under account keys: forward secret, and safe from quantum computers

    @property
    def label(self) -> str:
        """The name for programs and stores."""
        return {Level.V1: "v1", Level.FALLBACK: "v2-fallback", Level.PFS: "v2"}[self]


def after_message(shown: Level | None, level: Level) -> tuple[Level, bool]:
    """After a message in a conversation: the level that it now shows, and whether to tell the user that it has dropped.

    shown: as this function gave it before, None at first. A drop is told once, until the level has risen again.
    """
    return level, shown is not None and level < shown


def sync_level(sent: Level) -> Level:
    """The level of the copy for the own devices (06.14, 06.18.4 R8).

    Whatever went out as v2 is copied under the own active account key: a copy under the long-term key would undo it.
    """
    return Level.V1 if sent is Level.V1 else Level.PFS
