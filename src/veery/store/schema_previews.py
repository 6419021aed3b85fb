"""Version 8 of the tables: small pictures, what is fetched by itself, and upkeep of the own picture (09.6).

Thumbnails are files as others, with keys of their own; triggers count them as they count `attachments.file`.
"""

from __future__ import annotations

from typing import Final

from veery.store.schema_sync import marking

_COLUMNS: Final = """
ALTER TABLE attachments ADD COLUMN thumbnail TEXT;           -- name of the local file
ALTER TABLE attachments ADD COLUMN thumbnail_key BLOB;
ALTER TABLE attachments ADD COLUMN preview INTEGER NOT NULL DEFAULT 0;   -- 1: the picture of a link preview, 02.3.3
ALTER TABLE attachments ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;  -- downloads in a row that failed
ALTER TABLE attachments ADD COLUMN next_try_ms INTEGER NOT NULL DEFAULT 0;  -- local time
ALTER TABLE conversations ADD COLUMN downloads INTEGER NOT NULL DEFAULT 0;  -- 1: trusted for downloads; never synced
ALTER TABLE account ADD COLUMN picture_again_s INTEGER NOT NULL DEFAULT 0;  -- `T` of 07.10.1: the last re-upload
CREATE TRIGGER thumbnails_insert AFTER INSERT ON attachments WHEN NEW.thumbnail IS NOT NULL
    BEGIN
        INSERT INTO blobs (name, size, refs, created_ms) VALUES (NEW.thumbnail, 0, 1, 0)
            ON CONFLICT (name) DO UPDATE SET refs = refs + 1, held = 0;
    END;
CREATE TRIGGER thumbnails_change AFTER UPDATE OF thumbnail ON attachments WHEN OLD.thumbnail IS NOT NEW.thumbnail
    BEGIN
        UPDATE blobs SET refs = refs - 1 WHERE name = OLD.thumbnail;
        INSERT INTO blobs (name, size, refs, created_ms) SELECT NEW.thumbnail, 0, 1, 0 WHERE NEW.thumbnail IS NOT NULL
            ON CONFLICT (name) DO UPDATE SET refs = refs + 1, held = 0;
    END;
CREATE TRIGGER thumbnails_delete AFTER DELETE ON attachments WHEN OLD.thumbnail IS NOT NULL
    BEGIN
        UPDATE blobs SET refs = refs - 1 WHERE name = OLD.thumbnail;
    END;
"""

VERSION_8: Final = _COLUMNS + marking("config_picture_again", "profile", "account", ("picture_again_s",), "''")
