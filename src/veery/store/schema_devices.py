"""Version 2 of the tables: account keys, devices of the own account, and the keys of contacts (06, 14.1)."""

from __future__ import annotations

from typing import Final

VERSION_2: Final = ""
