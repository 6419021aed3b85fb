"""Version 9 of the tables: what of documents was changed, here and elsewhere (07), and what begins with a conversation.

`config_changes` names what was changed, never to what: `field` of the entry `subject`. One row stands for a field,
however often it was changed. Of what is deleted nothing stays: the subject goes with the conversation, once the swarm
has the deletion.

The mark `made` says that a conversation is new: what other devices have settled for it may have been there before it.
"""

from __future__ import annotations

from typing import Final

VERSION_9: Final = """
CREATE TABLE config_changes (
    account BLOB NOT NULL CHECK (length(account) = 33),  -- the own account, or a group
    namespace INTEGER NOT NULL,
    own INTEGER NOT NULL,                         -- 1: changed on this device; 0: came with a merge
    subject TEXT NOT NULL,                        -- Account ID, group or community; empty: the document itself
    field TEXT NOT NULL,
    number INTEGER NOT NULL,                      -- changes that the row stands for
    seqno INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,                  -- local time
    stored_ms INTEGER,                            -- of own ones: local time when the swarm had it; NULL: it waits
    lost INTEGER NOT NULL DEFAULT 0,              -- 1: of own ones, given up as too old
    PRIMARY KEY (account, namespace, own, subject, field)
) WITHOUT ROWID;
CREATE TRIGGER config_changes_gone AFTER DELETE ON conversations
    BEGIN
        DELETE FROM config_changes WHERE subject = OLD.id AND NOT (own = 1 AND stored_ms IS NULL);
    END;
CREATE TRIGGER config_conversation_new AFTER INSERT ON conversations
    BEGIN INSERT OR IGNORE INTO config_marks VALUES ('made', NEW.id); END;
"""
