"""Local: settings of this device, in the same form as what is synchronised; it never leaves the device (07.10.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from veery.protocol.config import fields
from veery.protocol.config.data import Data, edited, get_dict, put

_SETTINGS: Final = b"settings"


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Small enumerations, 0 for the default, and the names of settings that are on."""

    notify_content: int = 0
    notify_sound: int = 0
    theme: int = 0
    theme_primary_color: int = 0
    settings: frozenset[str] = frozenset()


def read(data: Data) -> LocalSettings:
    """The settings in application data."""
    held = get_dict(data, (_SETTINGS,))
    return LocalSettings(
        notify_content=fields.positive(data, b"notify_content"),
        notify_sound=fields.positive(data, b"notify_sound"),
        theme=fields.positive(data, b"theme"),
        theme_primary_color=fields.positive(data, b"theme_primary_color"),
        settings=frozenset(name.decode(errors="replace") for name in held if fields.flag(held, name)),
    )


def with_numbers(data: Data, settings: LocalSettings) -> Data:
    """Write the enumerations."""
    return edited(
        data,
        (),
        {
            b"notify_content": fields.written_positive(settings.notify_content),
            b"notify_sound": fields.written_positive(settings.notify_sound),
            b"theme": fields.written_positive(settings.theme),
            b"theme_primary_color": fields.written_positive(settings.theme_primary_color),
        },
    )


def with_setting(data: Data, name: str, on: bool) -> Data:
    """Switch a setting on or off; off is the same as absent."""
    return put(data, (_SETTINGS, name.encode()), fields.written_flag(on))
