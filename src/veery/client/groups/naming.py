"""Plain words for what happens in groups, and names for their members."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from veery.protocol.account import AccountId, AccountIdWrong
from veery.protocol.content import (
    GroupInfoChange,
    GroupMemberChange,
    GroupMemberLeftNotification,
    GroupUpdate,
    InfoChangeType,
    MemberChangeType,
)
from veery.secret import shorten
from veery.store.tables import Tables

_NAMED_MAX: Final = 10  # people that one line names
_CHANGES: Final = {
    MemberChangeType.ADDED: "invited {}",
    MemberChangeType.REMOVED: "removed {}",
    MemberChangeType.PROMOTED: "made {} admin",
}


def told(tables: Tables, group: str, update: GroupUpdate) -> str:
    """What a notice of a group says of its sender, as the end of a sentence; empty when nothing is to be shown."""
    match update:
        case GroupMemberChange():
            return _CHANGES[update.type].format(_people(tables, group, update.member_session_ids))
        case GroupInfoChange(type=InfoChangeType.NAME):
            return f"named the group {update.updated_name}" if update.updated_name else "renamed the group"
        case GroupInfoChange(type=InfoChangeType.AVATAR):
            return "changed the picture of the group"
        case GroupInfoChange():
            timer_s = update.updated_expiration or 0
            return f"lets messages disappear after {timer_s} s" if timer_s else "lets messages stay"
        case GroupMemberLeftNotification():
            return "left the group"
        case _:
            return ""


def name_of(tables: Tables, person: AccountId, listed: str = "") -> str:
    """What a person is called here: as a contact, as the group lists them, else by the shortened id."""
    held = tables.conversations.get(person.hex)
    known = "" if held is None else held.nickname or held.name
    return known or listed or shorten(person.hex)


def _people(tables: Tables, group: str, ids: Iterable[str]) -> str:
    names: list[str] = []
    own = tables.accounts.get().account_id
    for each in ids:
        try:
            person = AccountId.from_hex(each)
        except AccountIdWrong:
            continue
        listed = tables.groups.member_name(group, person)  # the last one: whoever was removed is not listed any more
        names.append("you" if person == own else name_of(tables, person, listed))
    more = len(names) - _NAMED_MAX
    shown = ", ".join(names[:_NAMED_MAX]) or "somebody"
    return f"{shown} and {more} more" if more > 0 else shown
