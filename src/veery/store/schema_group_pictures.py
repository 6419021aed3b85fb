"""Version 10 of the tables: pictures of groups (08, 09.6)."""

from __future__ import annotations

from typing import Final

VERSION_10: Final = ""
