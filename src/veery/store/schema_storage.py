"""Schema version 5: full-text search, files counted by reference, rules for trimming.

Search. The index `search` holds no text of its own: it looks into the view `searchable`, and triggers keep it up to
date with whatever happens to `messages`, so that a message that is deleted, blanked or has disappeared is gone from
the index in the same transaction. `messages.words` is the text made ready for the index (`search_words`); NULL where
that is the body itself. `place` lets a search in one conversation, or in some months, skip the others: it holds the
conversation's key and T in periods of 30 days.

Blobs. A file beside the database belongs to everything that names it. `attachments.file` is counted by triggers; what
else refers to a file calls `Blobs.refer` and `release`. A file whose count is 0 is removed after the commit, and at
the next start if that did not happen any more.

Deletion. `deleted` in `settings` says that rows went since the database was last written anew (`purging`).
"""

from __future__ import annotations

from typing import Final

from veery.runtime.sqlite import Connection
from veery.runtime.sqlite.migrate import statements
from veery.store.search_words import index_words

_CHUNK: Final = 1_000  # messages whose words are made at a time

_WORDS: Final = "ALTER TABLE messages ADD COLUMN words TEXT;"

_SEARCH: Final = """
CREATE VIEW searchable AS
    SELECT id, coalesce(words, body) AS words,
        'c' || conversation || ' p' || (timestamp_ms / 2592000000) AS place
    FROM messages WHERE coalesce(words, body) <> '';
CREATE VIRTUAL TABLE search USING fts5 (
    words, place, content = 'searchable', content_rowid = 'id', columnsize = 0,
    tokenize = "unicode61 remove_diacritics 2 categories 'L* M* N* Co'"
);
INSERT INTO search (search, rank) VALUES ('secure-delete', 1);
INSERT INTO search (rowid, words, place) SELECT id, words, place FROM searchable;
CREATE TRIGGER search_insert AFTER INSERT ON messages WHEN coalesce(NEW.words, NEW.body) <> ''
    BEGIN
        INSERT INTO search (rowid, words, place)
            VALUES (NEW.id, coalesce(NEW.words, NEW.body),
                'c' || NEW.conversation || ' p' || (NEW.timestamp_ms / 2592000000));
    END;
CREATE TRIGGER search_blank BEFORE UPDATE OF body, words, conversation, timestamp_ms ON messages
    WHEN coalesce(OLD.words, OLD.body) <> ''
    BEGIN
        INSERT INTO search (search, rowid, words, place)
            VALUES ('delete', OLD.id, coalesce(OLD.words, OLD.body),
                'c' || OLD.conversation || ' p' || (OLD.timestamp_ms / 2592000000));
    END;
CREATE TRIGGER search_change AFTER UPDATE OF body, words, conversation, timestamp_ms ON messages
    WHEN coalesce(NEW.words, NEW.body) <> ''
    BEGIN
        INSERT INTO search (rowid, words, place)
            VALUES (NEW.id, coalesce(NEW.words, NEW.body),
                'c' || NEW.conversation || ' p' || (NEW.timestamp_ms / 2592000000));
    END;
CREATE TRIGGER search_delete AFTER DELETE ON messages WHEN coalesce(OLD.words, OLD.body) <> ''
    BEGIN
        INSERT INTO search (search, rowid, words, place)
            VALUES ('delete', OLD.id, coalesce(OLD.words, OLD.body),
                'c' || OLD.conversation || ' p' || (OLD.timestamp_ms / 2592000000));
    END;
"""

_BLOBS: Final = """
CREATE TABLE blobs (
    name TEXT PRIMARY KEY,                        -- of the file, random; its key stays with who refers to it
    size INTEGER NOT NULL,                        -- bytes on the disk
    refs INTEGER NOT NULL DEFAULT 0 CHECK (refs >= 0),
    held INTEGER NOT NULL DEFAULT 0,              -- 1: being made, kept until the next start though nobody refers to it
    created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX blobs_unreferenced ON blobs (held) WHERE refs = 0;
CREATE INDEX attachments_by_file ON attachments (file) WHERE file IS NOT NULL;
INSERT INTO blobs (name, size, refs, created_ms)
    SELECT file, max(size), count(*), 0 FROM attachments WHERE file IS NOT NULL GROUP BY file;
CREATE TRIGGER blobs_insert AFTER INSERT ON attachments WHEN NEW.file IS NOT NULL
    BEGIN
        INSERT INTO blobs (name, size, refs, created_ms) VALUES (NEW.file, NEW.size, 1, 0)
            ON CONFLICT (name) DO UPDATE SET refs = refs + 1, held = 0;
    END;
CREATE TRIGGER blobs_change AFTER UPDATE OF file ON attachments WHEN OLD.file IS NOT NEW.file
    BEGIN
        UPDATE blobs SET refs = refs - 1 WHERE name = OLD.file;
        INSERT INTO blobs (name, size, refs, created_ms) SELECT NEW.file, NEW.size, 1, 0 WHERE NEW.file IS NOT NULL
            ON CONFLICT (name) DO UPDATE SET refs = refs + 1, held = 0;
    END;
CREATE TRIGGER blobs_delete AFTER DELETE ON attachments WHEN OLD.file IS NOT NULL
    BEGIN
        UPDATE blobs SET refs = refs - 1 WHERE name = OLD.file;
    END;
"""

_TRIMMING: Final = """
CREATE TABLE trim_rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation INTEGER REFERENCES conversations (key) ON DELETE CASCADE,  -- NULL: all that have no rule of their own
    older_ms INTEGER,                             -- files that came longer ago
    larger_bytes INTEGER,                         -- and are larger
    created_ms INTEGER NOT NULL                   -- with neither of the two: keep everything
);
CREATE INDEX trim_rules_by_conversation ON trim_rules (conversation);
"""

_DELETED: Final = """
CREATE TRIGGER deleted_message AFTER DELETE ON messages
    BEGIN
        INSERT INTO settings (name, value)
            SELECT 'deleted', '1' WHERE NOT EXISTS (SELECT 1 FROM settings WHERE name = 'deleted');
    END;
CREATE TRIGGER deleted_body AFTER UPDATE OF body ON messages WHEN OLD.body <> NEW.body
    BEGIN
        INSERT INTO settings (name, value)
            SELECT 'deleted', '1' WHERE NOT EXISTS (SELECT 1 FROM settings WHERE name = 'deleted');
    END;
"""


def migrate_storage(connection: Connection) -> None:
    """Bring a store from version 4 to 5, inside an open transaction."""
    _run(connection, _WORDS)
    _make_words(connection)
    _run(connection, "".join((_SEARCH, _BLOBS, _TRIMMING, _DELETED)))


VERSION_5: Final = migrate_storage


def _run(connection: Connection, sql: str) -> None:
    for statement in statements(sql):
        connection.execute(statement)


def _make_words(connection: Connection) -> None:
    last = 0
    while rows := connection.execute(
        "SELECT id, body FROM messages WHERE id > ? ORDER BY id LIMIT ?", (last, _CHUNK)
    ).fetchall():
        made = [(words, id_) for id_, body in rows if (words := index_words(body)) is not None]
        connection.executemany("UPDATE messages SET words = ? WHERE id = ?", made)
        last = rows[-1][0]
