"""Version 6 of the tables: files under way, and what travels with messages (02, 09)."""

from __future__ import annotations

from typing import Final

VERSION_6: Final = """
ALTER TABLE conversations ADD COLUMN muted_until_ms INTEGER NOT NULL DEFAULT 0;  -- local time; 0: not muted
CREATE TABLE shortenings (                        -- copies in the own swarm that must expire sooner, 02.8.1
    hash TEXT PRIMARY KEY,
    expires_ms INTEGER NOT NULL,                  -- network time
    noted_ms INTEGER NOT NULL
) WITHOUT ROWID;
"""
