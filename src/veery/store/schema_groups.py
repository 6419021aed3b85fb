"""Version 4 of the tables: groups (08)."""

from __future__ import annotations

from typing import Final

VERSION_4: Final = """
CREATE TABLE groups (
    id BLOB PRIMARY KEY CHECK (length(id) = 33),
    name TEXT NOT NULL DEFAULT '',
    seed BLOB CHECK (seed IS NULL OR length(seed) = 32),              -- of admins
    auth_data BLOB CHECK (auth_data IS NULL OR length(auth_data) = 100),  -- of members, 08.2.1
    removed INTEGER NOT NULL DEFAULT 0,           -- 1 kicked, 2 destroyed, 07.10.4
    invited INTEGER NOT NULL DEFAULT 0,           -- the invitation waits for an answer
    inviter BLOB,                                 -- account that sent it
    responding INTEGER NOT NULL DEFAULT 0,        -- the answer to an invitation is still to be sent
    joined_s INTEGER NOT NULL DEFAULT 0,
    keys BLOB,                                    -- dump of the key list, 08.3.4
    pending TEXT NOT NULL DEFAULT '',             -- JSON: what goes out with the next push
    letters TEXT NOT NULL DEFAULT '',             -- hashes of invitations in the own swarm, joined by spaces
    cleared_s INTEGER NOT NULL DEFAULT 0,         -- Info.d that was carried out
    media_cleared_s INTEGER NOT NULL DEFAULT 0,   -- Info.D that was carried out
    renewed_ms INTEGER NOT NULL DEFAULT 0,        -- when the documents were last kept alive, network time
    polled_ms INTEGER NOT NULL DEFAULT 0          -- when a poll was last answered, local time
) WITHOUT ROWID;
CREATE TABLE group_seen (
    hash TEXT PRIMARY KEY,                        -- of an item that was fetched from the group's swarm
    group_id BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE group_names (
    group_id BLOB NOT NULL,
    account BLOB NOT NULL,
    name TEXT NOT NULL,                           -- as the group lists its member
    PRIMARY KEY (group_id, account)
) WITHOUT ROWID;
CREATE INDEX group_seen_by_group ON group_seen (group_id);
CREATE TRIGGER config_group_made AFTER INSERT ON groups
    BEGIN INSERT OR IGNORE INTO config_marks VALUES ('contact', lower(hex(NEW.id))); END;
CREATE TRIGGER config_group_gone AFTER DELETE ON groups
    BEGIN INSERT OR IGNORE INTO config_marks VALUES ('contact', lower(hex(OLD.id))); END;
CREATE TRIGGER config_group_changed AFTER UPDATE OF name, seed, auth_data, removed, invited, joined_s ON groups
    WHEN OLD.name IS NOT NEW.name OR OLD.seed IS NOT NEW.seed OR OLD.auth_data IS NOT NEW.auth_data
        OR OLD.removed IS NOT NEW.removed OR OLD.invited IS NOT NEW.invited OR OLD.joined_s IS NOT NEW.joined_s
    BEGIN INSERT OR IGNORE INTO config_marks VALUES ('contact', lower(hex(NEW.id))); END;
"""
