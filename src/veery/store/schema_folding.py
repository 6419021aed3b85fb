"""Version 15 of the tables: the words of old messages made anew.

Searches fold more than they did: `ß` and `ss` are the same, as are letters whose case the tokenizer does not know, and
names of files are found. `messages.words` of what was kept before follows, and its triggers bring the index along. Only
messages with other characters than ASCII, or with named files, can have changed.
"""

from __future__ import annotations

from typing import Final

from veery.runtime.sqlite import Connection
from veery.store.search_words import message_words

_CHUNK: Final = 1_000  # messages whose words are made at a time
_CHANGEABLE: Final = (
    "SELECT id, body, words FROM messages AS m WHERE id > ? AND (length(body) <> length(CAST(body AS BLOB))"
    " OR EXISTS (SELECT 1 FROM attachments AS a WHERE a.message = m.id AND a.preview = 0 AND a.file_name <> ''))"
    " ORDER BY id LIMIT ?"
)
_NAMES: Final = "SELECT file_name FROM attachments WHERE message = ? AND preview = 0 ORDER BY position"


def migrate_folding(connection: Connection) -> None:
    """Bring a store from version 14 to 15, inside an open transaction."""
    last = 0
    while rows := connection.execute(_CHANGEABLE, (last, _CHUNK)).fetchall():
        changed = []
        for id_, body, words in rows:
            names = [str(row[0]) for row in connection.execute(_NAMES, (id_,)).fetchall()]
            if (made := message_words(body, names)) != words:
                changed.append((made, id_))
        connection.executemany("UPDATE messages SET words = ? WHERE id = ?", changed)
        last = rows[-1][0]


VERSION_15: Final = migrate_folding
