"""Version 16 of the tables: when a rule took a local file. Of what was taken before, the time is not known (NULL)."""

from __future__ import annotations

from typing import Final

VERSION_16: Final = """
ALTER TABLE attachments ADD COLUMN trimmed_ms INTEGER;    -- local time
"""
