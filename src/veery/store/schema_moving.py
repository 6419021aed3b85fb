"""Version 11 of the tables: an offer of this profile to another device that was cut off, and goes on."""

from __future__ import annotations

from typing import Final

VERSION_11: Final = """
CREATE TABLE moving (  -- at most one offer over the file server
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    id         BLOB NOT NULL,  -- random, names the offer
    code       TEXT NOT NULL,
    passphrase TEXT NOT NULL,  -- of the backup that is offered
    secret     BLOB NOT NULL,  -- of the keys of its pieces
    guesses    INTEGER NOT NULL DEFAULT 0,  -- wrong proofs of the code
    begun_ms   INTEGER NOT NULL
) STRICT;
CREATE TABLE moving_pieces (  -- pieces that are on the file server
    number INTEGER PRIMARY KEY,
    file   TEXT NOT NULL,
    key    BLOB NOT NULL
) STRICT;
"""
