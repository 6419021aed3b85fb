"""Version 7 of the tables: the keys of contacts, echoes, and copies that wait for keys (06.10, 14.1).

What is remembered of a contact's keys belongs to no conversation: deleting one does not make this device forget that
the contact was seen to publish. What is known of a copy or a message goes with it.
"""

from __future__ import annotations

from typing import Final

CONTACT_KEYS: Final = """
CREATE TABLE contact_keys (
    account BLOB PRIMARY KEY CHECK (length(account) = 33),
    fetched_ms INTEGER,                           -- network time, as all of them: a valid record was found
    nak_ms INTEGER,                               -- it was said that there is none
    seen_first_ms INTEGER,
    seen_last_ms INTEGER,
    record BLOB,                                  -- the last one with keys, as it was signed
    vt_max_s INTEGER NOT NULL,                    -- time in the last record, unix seconds
    record_max_s INTEGER NOT NULL,                -- latest time in a record with keys
    withdrawn_s INTEGER,                          -- of a withdrawal that no record has followed
    withdrawal_told INTEGER NOT NULL CHECK (withdrawal_told IN (0, 1)),
    floor TEXT NOT NULL,                          -- what the user demands
    long_term_allowed INTEGER NOT NULL CHECK (long_term_allowed IN (0, 1)),
    gossip_echo BLOB,                             -- of the own record that was attached last
    gossip_ms INTEGER,
    shown INTEGER,                                -- level that the conversation shows
    heard_ms INTEGER,                             -- greatest T of a message of the contact
    echo TEXT,                                    -- what their messages say of the record that they have of us
    echo_ms INTEGER,
    timeless INTEGER NOT NULL DEFAULT 0           -- 1: the user was told of a record without a time
);
"""

COPIES: Final = """
CREATE TABLE held_copies (
    copy INTEGER PRIMARY KEY REFERENCES outbox (id) ON DELETE CASCADE,
    reason TEXT NOT NULL,
    since_ms INTEGER NOT NULL,                    -- local time
    chosen INTEGER NOT NULL DEFAULT 0             -- 1: the user sends it with long-term keys, this once
);
CREATE TABLE copy_levels (
    copy INTEGER PRIMARY KEY REFERENCES outbox (id) ON DELETE CASCADE,
    level INTEGER NOT NULL                        -- of the copy that this one follows
);
CREATE TABLE message_marks (
    message INTEGER PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
    mark TEXT NOT NULL
);
CREATE TABLE unconfirmed (
    id INTEGER PRIMARY KEY,
    message INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    destination BLOB NOT NULL,
    namespace INTEGER NOT NULL,
    timestamp_ms INTEGER NOT NULL,                -- T
    ttl_ms INTEGER NOT NULL,
    content BLOB NOT NULL,
    x25519 BLOB NOT NULL,                         -- of the record that it went out under
    mlkem BLOB NOT NULL,
    sent_ms INTEGER NOT NULL                      -- network time
);
CREATE INDEX unconfirmed_by_destination ON unconfirmed (destination);
CREATE INDEX unconfirmed_by_message ON unconfirmed (message);
"""

ECHOES: Final = """
CREATE TABLE own_echoes (
    echo BLOB PRIMARY KEY,                        -- of a record that was published for this account
    published_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE own_publishing (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    since_ms INTEGER NOT NULL                     -- of publishing without a break
);
CREATE TABLE echo_denials (
    account BLOB PRIMARY KEY                      -- was told that this account publishes nothing
) WITHOUT ROWID;
"""

VERSION_7: Final = "".join((CONTACT_KEYS, COPIES, ECHOES))
