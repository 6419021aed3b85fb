"""Version 5 of the tables: search, files by reference, and rules of trimming."""

from __future__ import annotations

from typing import Final

VERSION_5: Final = ""
