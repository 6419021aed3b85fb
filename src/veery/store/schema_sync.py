"""Version 3 of the tables: configuration documents (07), and what has changed since they were last brought up to date.

`config_marks` says which conversations, and whether the own profile, may differ from their documents. Triggers write
it, in the transaction of the change itself and whoever makes it, so that no change can be forgotten: neither by code
that does not know of documents, nor by a kill. The client brings the documents up to date from the marks, later.
"""

from __future__ import annotations

from typing import Final

_DOCUMENTS: Final = """
CREATE TABLE config_documents (
    account BLOB NOT NULL CHECK (length(account) = 33),  -- the own account, or a group
    namespace INTEGER NOT NULL,
    dump BLOB NOT NULL,                           -- state of the document, 07.9
    version INTEGER NOT NULL,                     -- another one for each dump that was written
    seqno INTEGER NOT NULL,
    pending INTEGER NOT NULL,                     -- 1: something the swarm has not confirmed
    changed_ms INTEGER,                           -- local time of the first change that is pending, and of the last
    changed_last_ms INTEGER,
    pushed_ms INTEGER,                            -- local time of the last push that was confirmed
    merged_ms INTEGER,                            -- local time of the last merge
    stored_ms INTEGER,                            -- newest storage time of a merged message, network time, 02.5.2
    renewed_ms INTEGER,                           -- local time when the swarm last confirmed what it holds
    lost_ms INTEGER,                              -- local time when the swarm was last found to have forgotten it
    changes_lost_ms INTEGER,                      -- local time when changes were last given up, 07.9
    PRIMARY KEY (account, namespace)
) WITHOUT ROWID;
CREATE TABLE config_obsolete (                    -- handed out to be deleted from the swarm, and not confirmed
    account BLOB NOT NULL,
    namespace INTEGER NOT NULL,
    hash TEXT NOT NULL,
    noted_ms INTEGER NOT NULL,
    PRIMARY KEY (account, namespace, hash)
) WITHOUT ROWID;
CREATE TABLE config_marks (
    what TEXT NOT NULL,                           -- profile, contact, read
    id TEXT NOT NULL,                             -- of the conversation; empty for the profile
    PRIMARY KEY (what, id)
) WITHOUT ROWID;
ALTER TABLE account ADD COLUMN picture_url TEXT;
ALTER TABLE account ADD COLUMN picture_key BLOB;
"""
_CONTACT: Final = (
    "name",
    "nickname",
    "profile_s",
    "picture_url",
    "picture_key",
    "approved",
    "approved_me",
    "blocked",
    "priority",
    "expiration_type",
    "expiration_timer_s",
)
_MUTED: Final = ("muted_until_ms",)  # a column of version 6; nothing updates it before
_READ: Final = ("last_read_ms", "marked_unread")
_PROFILE: Final = ("display_name", "profile_s", "picture_url", "picture_key")


def marking(name: str, what: str, table: str, columns: tuple[str, ...], id_: str = "NEW.id") -> str:
    """A trigger that marks a row when one of its columns gets another value."""
    differs = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in columns)
    return (
        f"CREATE TRIGGER {name} AFTER UPDATE OF {', '.join(columns)} ON {table} WHEN {differs}\n"  # noqa: S608 - constants
        f"    BEGIN INSERT OR IGNORE INTO config_marks VALUES ('{what}', {id_}); END;\n"
    )


_MADE_OR_GONE: Final = """
CREATE TRIGGER config_conversation_made AFTER INSERT ON conversations
    BEGIN INSERT OR IGNORE INTO config_marks VALUES ('contact', NEW.id), ('read', NEW.id); END;
CREATE TRIGGER config_conversation_gone AFTER DELETE ON conversations
    BEGIN INSERT OR IGNORE INTO config_marks VALUES ('contact', OLD.id), ('read', OLD.id); END;
CREATE TRIGGER config_account_made AFTER INSERT ON account
    BEGIN INSERT OR IGNORE INTO config_marks VALUES ('profile', ''); END;
INSERT INTO config_marks SELECT 'contact', id FROM conversations;
INSERT INTO config_marks SELECT 'read', id FROM conversations;
INSERT INTO config_marks SELECT 'profile', '' FROM account;
"""

VERSION_3: Final = "".join(
    (
        _DOCUMENTS,
        marking("config_contact_changed", "contact", "conversations", _CONTACT),
        marking("config_muted_changed", "contact", "conversations", _MUTED),
        marking("config_read_changed", "read", "conversations", _READ),
        marking("config_profile_changed", "profile", "account", _PROFILE, "''"),
        _MADE_OR_GONE,
    )
)
