"""Version 13 of the tables: the event log forgets what is deleted.

An event of a message holds its text, so that it can be told as it was. When the message goes, in whatever way, its
events turn in the same transaction into events of the kind `gone` that name its number alone, and answers to it lose
what they quote. What has been acknowledged or waits for a consumer makes no difference.
"""

from __future__ import annotations

from typing import Final

_MESSAGE: Final = "CASE WHEN kind IN ('message', 'notice', 'reaction') THEN json_extract(payload, '$.id') END"
_QUOTED: Final = "CASE WHEN kind IN ('message', 'notice') THEN json_extract(payload, '$.quote.id') END"
_FORGET: Final = """
        UPDATE events SET kind = 'gone', payload = json_object('id', OLD.id) WHERE message = OLD.id;
        UPDATE events SET payload = json_remove(payload, '$.quote.id', '$.quote.text') WHERE quoted = OLD.id;
"""

_LOG: Final = f"""
ALTER TABLE events ADD COLUMN message INTEGER AS ({_MESSAGE}) VIRTUAL;
ALTER TABLE events ADD COLUMN quoted INTEGER AS ({_QUOTED}) VIRTUAL;
CREATE INDEX events_by_message ON events (message) WHERE message IS NOT NULL;
CREATE INDEX events_by_quoted ON events (quoted) WHERE quoted IS NOT NULL;
CREATE TRIGGER events_deleted AFTER DELETE ON messages
    BEGIN {_FORGET}
    END;
CREATE TRIGGER events_blanked AFTER UPDATE OF deleted ON messages WHEN NEW.deleted <> 0 AND OLD.deleted = 0
    BEGIN {_FORGET}
    END;
"""
_ALREADY_GONE: Final = """
UPDATE events SET payload = json_remove(payload, '$.quote.id', '$.quote.text')
    WHERE quoted IS NOT NULL AND quoted NOT IN (SELECT id FROM messages WHERE deleted = 0);
UPDATE events SET kind = 'gone', payload = json_object('id', message)
    WHERE message IS NOT NULL AND message NOT IN (SELECT id FROM messages WHERE deleted = 0);
"""

VERSION_13: Final = _LOG + _ALREADY_GONE
