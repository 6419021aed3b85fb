"""Version 10 of the tables: what groups owe their members (08.6.2). Pictures of groups stand among all pictures."""

from __future__ import annotations

from typing import Final

VERSION_10: Final = """
-- Members to whom an invitation or promotion is still to be sent, joined by spaces.
ALTER TABLE groups ADD COLUMN owed TEXT NOT NULL DEFAULT '';
"""
