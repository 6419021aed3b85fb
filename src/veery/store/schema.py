"""The tables of a store, version 1. Later versions append a migration in `migrations`; this text is never changed.

Identifiers: an account is a BLOB of 33 bytes (prefix and key); a conversation is known outside by its id (66 hex
characters today; communities will have other texts) and inside by a small integer `key`, so that a message row does
not carry 66 characters. Times are milliseconds of network or local time as the column's comment says; `profile_s` is
in seconds because the wire is. Deleting a conversation deletes its messages, and a message its reactions,
attachments and waiting copies.
"""

from __future__ import annotations

from typing import Final

ACCOUNT: Final = """
CREATE TABLE account (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    account_id BLOB NOT NULL CHECK (length(account_id) = 33),
    seed BLOB NOT NULL CHECK (length(seed) IN (16, 32)),
    device_id BLOB NOT NULL CHECK (length(device_id) = 32),  -- random; becomes the id of 06.5.1
    display_name TEXT NOT NULL,
    profile_s INTEGER NOT NULL,                              -- last profile update, seconds, 07.10.1
    restored INTEGER NOT NULL CHECK (restored IN (0, 1)),
    network TEXT NOT NULL,                                   -- the network file, whole
    created_ms INTEGER NOT NULL
);
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
"""

CONVERSATIONS: Final = """
CREATE TABLE conversations (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL DEFAULT '',                -- chosen by the contact
    nickname TEXT NOT NULL DEFAULT '',            -- given by us
    profile_s INTEGER NOT NULL DEFAULT 0,         -- lastProfileUpdateSeconds, 02.7.2
    picture_url TEXT,
    picture_key BLOB,
    approved INTEGER NOT NULL DEFAULT 0,          -- we accepted them, 02.8.6
    approved_me INTEGER NOT NULL DEFAULT 0,       -- they accepted us
    blocked INTEGER NOT NULL DEFAULT 0,
    priority INTEGER NOT NULL DEFAULT 0,          -- 0 normal, above pinned, -1 hidden, 07.10
    created_ms INTEGER NOT NULL,
    active_ms INTEGER,                            -- T of the newest message; NULL: never active
    last_read_ms INTEGER NOT NULL DEFAULT 0,      -- T up to which everything is read, 07.10.3
    marked_unread INTEGER NOT NULL DEFAULT 0,
    expiration_type INTEGER NOT NULL DEFAULT 0,   -- 02.3.2
    expiration_timer_s INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX conversations_by_activity ON conversations (priority DESC, active_ms DESC);
"""

MESSAGES: Final = """
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation INTEGER NOT NULL REFERENCES conversations (key) ON DELETE CASCADE,
    author BLOB NOT NULL,
    timestamp_ms INTEGER NOT NULL,                -- T, network time; identity is (author, T), 02.6
    outgoing INTEGER NOT NULL CHECK (outgoing IN (0, 1)),
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    content BLOB NOT NULL,                        -- Content as it was on the wire, unpadded
    received_ms INTEGER NOT NULL,                 -- local time
    storage_hash TEXT,                            -- of the copy in the own swarm, 02.4.2
    server_expiry_ms INTEGER,                     -- of that copy
    state TEXT NOT NULL,
    reason TEXT,                                  -- error kind, with state 'failed'
    stored_on INTEGER,                            -- members of the recipient's swarm that stored it
    swarm_size INTEGER,
    sync TEXT NOT NULL,                           -- the copy to the own swarm
    level TEXT NOT NULL,                          -- protocol level
    late INTEGER NOT NULL DEFAULT 0,
    read INTEGER NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0,           -- 0 no, 1 on this device, 2 for everyone
    expiration_type INTEGER NOT NULL,
    expiration_timer_s INTEGER NOT NULL,
    expiration_start_ms INTEGER,
    expires_ms INTEGER,
    UNIQUE (author, timestamp_ms)
);
CREATE INDEX messages_by_time ON messages (conversation, timestamp_ms, id);
CREATE INDEX messages_unread ON messages (conversation, timestamp_ms) WHERE read = 0;
CREATE INDEX messages_by_expiry ON messages (expires_ms) WHERE expires_ms IS NOT NULL;
CREATE INDEX messages_by_hash ON messages (storage_hash) WHERE storage_hash IS NOT NULL;
CREATE TABLE reactions (
    message INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    emoji TEXT NOT NULL,
    author BLOB NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    PRIMARY KEY (message, emoji, author)
) WITHOUT ROWID;
CREATE TABLE attachments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,                    -- in the message, from 0
    url TEXT NOT NULL,
    content_type TEXT NOT NULL,
    file_name TEXT NOT NULL,
    size INTEGER NOT NULL,                        -- plaintext bytes without padding
    flags INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    caption TEXT NOT NULL,
    key BLOB,                                     -- of the pointer, 02.7.4
    digest BLOB,
    state TEXT NOT NULL,
    file TEXT,                                    -- name of the local encrypted file
    file_key BLOB,
    UNIQUE (message, position)
);
CREATE INDEX attachments_by_state ON attachments (state);
"""

OUTBOX: Final = """
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message INTEGER REFERENCES messages (id) ON DELETE CASCADE,  -- NULL: a control message
    role TEXT NOT NULL,
    after INTEGER REFERENCES outbox (id) ON DELETE SET NULL,     -- waits until that copy is stored, 02.4.2
    destination BLOB NOT NULL,                                   -- account whose swarm takes the copy
    namespace INTEGER NOT NULL,
    timestamp_ms INTEGER NOT NULL,                               -- T
    ttl_ms INTEGER NOT NULL,
    content BLOB NOT NULL,
    sealed BLOB,                                                 -- bytes for `store`; written once, never changed
    sealed_hash TEXT,
    level TEXT,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_ms INTEGER NOT NULL,                            -- local time
    last_error TEXT,
    created_ms INTEGER NOT NULL
);
CREATE INDEX outbox_due ON outbox (state, next_attempt_ms);
CREATE INDEX outbox_by_message ON outbox (message);
CREATE INDEX outbox_by_after ON outbox (after) WHERE after IS NOT NULL;
CREATE TRIGGER outbox_sealed_once BEFORE UPDATE OF sealed, sealed_hash, level ON outbox
    WHEN OLD.sealed IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'sealed bytes never change'); END;
"""

INBOX: Final = """
CREATE TABLE cursors (
    node BLOB NOT NULL,                           -- Ed25519 key of the service node
    account BLOB NOT NULL,
    namespace INTEGER NOT NULL,
    last_hash TEXT NOT NULL,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (node, account, namespace)
) WITHOUT ROWID;
CREATE TABLE seen (
    hash TEXT PRIMARY KEY,                        -- covers account and namespace, 04.4.1
    forget_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX seen_by_age ON seen (forget_ms);
CREATE TABLE undecoded (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash TEXT NOT NULL UNIQUE,
    account BLOB NOT NULL,
    namespace INTEGER NOT NULL,
    data BLOB NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    reason TEXT NOT NULL,
    received_ms INTEGER NOT NULL
);
CREATE INDEX undecoded_by_expiry ON undecoded (expires_ms);
"""

EVENTS: Final = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,                        -- JSON object
    created_ms INTEGER NOT NULL
);
CREATE TABLE event_consumers (
    name TEXT PRIMARY KEY,
    acknowledged INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) WITHOUT ROWID;
"""

NETWORK_STATE: Final = """
CREATE TABLE node_list (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    nodes TEXT NOT NULL,                          -- JSON
    height INTEGER NOT NULL,
    fetched_ms INTEGER NOT NULL
);
CREATE TABLE guards (
    node BLOB PRIMARY KEY,
    first_contact_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE strikes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    node BLOB NOT NULL,
    struck_ms INTEGER NOT NULL
);
CREATE INDEX strikes_by_node ON strikes (node, struck_ms);
CREATE TABLE clock (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    offset_ms INTEGER NOT NULL,                   -- network time minus local time
    measured_ms INTEGER NOT NULL
);
CREATE TABLE swarms (
    account BLOB PRIMARY KEY,
    swarm TEXT NOT NULL,                          -- JSON
    fetched_ms INTEGER NOT NULL
) WITHOUT ROWID;
"""

VERSION_1: Final = "".join((ACCOUNT, CONVERSATIONS, MESSAGES, OUTBOX, INBOX, EVENTS, NETWORK_STATE))
