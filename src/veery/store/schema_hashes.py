"""Schema version 12: the hash of the recipient's copy of an own message, which both sides know (02.6)."""

from __future__ import annotations

from typing import Final

VERSION_12: Final = """
ALTER TABLE messages ADD COLUMN recipient_hash TEXT;  -- of the copy that decides the state of an own message
"""
