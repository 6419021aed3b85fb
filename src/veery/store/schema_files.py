"""Version 6 of the tables: files under way, and what travels with messages (02, 09)."""

from __future__ import annotations

from typing import Final

VERSION_6: Final = ""
