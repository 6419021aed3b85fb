"""Version 3 of the tables: configuration documents (07)."""

from __future__ import annotations

from typing import Final

VERSION_3: Final = ""
