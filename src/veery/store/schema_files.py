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
CREATE TABLE pictures (                           -- profile pictures that are here, 09.6
    owner BLOB PRIMARY KEY,                       -- account
    url TEXT NOT NULL,                            -- where it was fetched from, or lies: another one is a newer picture
    file TEXT NOT NULL,                           -- counted in `blobs` by whoever writes here
    file_key BLOB NOT NULL,
    checked_ms INTEGER NOT NULL                   -- local time: uploaded, renewed or fetched
) WITHOUT ROWID;
"""
