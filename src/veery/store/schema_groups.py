"""Version 4 of the tables: groups (08)."""

from __future__ import annotations

from typing import Final

VERSION_4: Final = ""
