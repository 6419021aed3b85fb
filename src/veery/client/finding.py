"""Whom a person means: an ID whole, or what one contact or group alone is called or begins with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from veery.errors import NotFound
from veery.protocol.account import AccountId
from veery.protocol.constants import ACCOUNT_ID_HEX, PREFIX_GROUP
from veery.store.conversations import Conversation

NOTE_TO_SELF: Final = "Note to self"
ID_BEGINNING_MIN: Final = 4  # characters of an Account ID that may stand for it


def whole_id(typed: str) -> str | None:
    """The ID of an account or group if that is what was typed, trimmed; else None. Raises AccountIdWrong."""
    if len(typed) != ACCOUNT_ID_HEX:
        return None
    is_group = typed.lower().startswith(f"{PREFIX_GROUP:02x}")
    return (AccountId.from_hex(typed) if is_group else AccountId.parse_user(typed)).hex


def is_own_notes(typed: str) -> bool:
    """Whether the conversation with oneself was meant, which all lists call by this name."""
    return typed.casefold() == NOTE_TO_SELF.casefold()


def find_among(typed: str, known: Iterable[Conversation]) -> str:
    """The id of the one conversation that was meant by its name, nickname or the beginning of its ID.

    Raises NotFound (nobody, or several).
    """
    named, listed = typed.casefold(), tuple(known)
    by_name = {each.id for each in listed if named in (each.nickname.casefold(), each.name.casefold())}
    begins = len(typed) >= ID_BEGINNING_MIN
    by_id = {each.id for each in listed if begins and each.id.startswith(typed.lower())}
    found = by_name or by_id
    if len(found) == 1:
        return found.pop()
    if found:
        raise NotFound(f"`{typed}` fits {len(found)} contacts or groups", remedy="Use the ID, or more of its beginning")
    raise NotFound(
        f"no contact or group is called `{typed}`",
        remedy="`veery conversations` and `veery requests` list names and IDs, of which the beginning is enough; for"
        " somebody new give the whole Account ID (66 characters, beginning with 05)",
    )
