"""Version 7 of the tables: the keys of contacts, echoes, and copies that wait for keys (06.10, 14.1)."""

from __future__ import annotations

from typing import Final

VERSION_7: Final = ""
