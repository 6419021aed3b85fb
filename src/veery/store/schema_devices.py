"""Version 2 of the tables: the devices of the own account, their keys, and what is published of them (06.5 to 06.9).

Both tables have one row. The state of the group is one blob, written anew as a whole: what was deleted from the value
is overwritten in the file (`secure_delete`), and `erase_owed` stands until the log was cut as well (06.18.4 R7).
"""

from __future__ import annotations

from typing import Final

DEVICE_GROUP: Final = """
CREATE TABLE device_group (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    state BLOB NOT NULL,                          -- policy.device_group_kept, with every secret of the group
    erase_owed INTEGER NOT NULL DEFAULT 0         -- saves since the last purge after which the log holds lost seeds
);
"""

OWN_RECORD: Final = """
CREATE TABLE own_record (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    allowed INTEGER NOT NULL,                     -- every device of the account understands v2, 06.14
    published_x25519 BLOB,                        -- keys of the record that was stored last
    published_mlkem BLOB,
    published_ms INTEGER,                         -- network time
    signed_s INTEGER NOT NULL,                    -- latest time in an own record, unix seconds, 14.0.2
    suspect BLOB,                                 -- echo of what was found in its place and not yet judged
    record BLOB,                                  -- the record that was stored last, as it was signed
    warning TEXT,                                 -- what is wrong with what lies in its place, NULL: nothing
    stopped INTEGER NOT NULL DEFAULT 0,           -- 1: the user has ended publishing on this device
    withdrawal_owed INTEGER NOT NULL DEFAULT 0    -- 1: and the swarm is to be told
);
"""

VERSION_2: Final = "".join((DEVICE_GROUP, OWN_RECORD))
