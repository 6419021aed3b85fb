"""Version 9 of the tables: what documents have changed, and by whom (07)."""

from __future__ import annotations

from typing import Final

VERSION_9: Final = ""
