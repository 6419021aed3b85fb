"""Version 14 of the tables: where a seen item was fetched from.

What came as a message must not come twice, wherever the rows of a store go. What is applied into the state of a device
or a group (keys, documents, link requests) is another matter: a store that was restored from a backup has to apply it
anew, for it does not have what it led to. Rows of earlier versions do not say what they are (NULL): they count for
messages alone.
"""

from __future__ import annotations

from typing import Final

VERSION_14: Final = """
ALTER TABLE seen ADD COLUMN namespace INTEGER;    -- of the mailbox; NULL: not known, 0 or that of group messages
"""
