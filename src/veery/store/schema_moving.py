"""Version 11 of the tables: moves to another device that were cut off."""

from __future__ import annotations

from typing import Final

VERSION_11: Final = ""
