"""Version 8 of the tables: thumbnails and what was downloaded by itself (09.6)."""

from __future__ import annotations

from typing import Final

VERSION_8: Final = ""
