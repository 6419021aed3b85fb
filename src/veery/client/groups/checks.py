"""What is asked of a group, checked before anything is changed: names, people, and whom it concerns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, TypeAlias

from veery.client.groups.faults import GroupRefused, no_group, no_member
from veery.client.groups.room import GroupRoom
from veery.protocol.account import AccountId, AccountIdWrong
from veery.protocol.constants import CONFIG_NAME_MAX, GROUP_DESCRIPTION_MAX, GROUP_MEMBERS_MAX
from veery.protocol.given import several, text
from veery.protocol.groups import Member
from veery.store.message_values import Message
from veery.store.tables import Tables

Id: TypeAlias = AccountId | str  # 66 hex characters, as people write it
_BYTES: Final = "{} has at most {} bytes of UTF-8"


def id_of(given: Id) -> AccountId:
    """An identifier. Raises AccountIdWrong."""
    if isinstance(given, AccountId):
        return given
    return AccountId.from_hex(text(given, "the id of a group or a person").strip())


def ids_of(given: Iterable[Id]) -> tuple[AccountId, ...]:
    """Identifiers, each once. Raises AccountIdWrong."""
    several(given, "members")
    return tuple(dict.fromkeys(id_of(each) for each in given))


def people_of(given: Iterable[Id], own: AccountId) -> tuple[AccountId, ...]:
    """Persons by Account ID, each once, without oneself. Raises AccountIdWrong."""
    several(given, "members")
    found = dict.fromkeys(each if isinstance(each, AccountId) else AccountId.parse_user(each) for each in given)
    for each in found:
        if not each.can_exist:
            said = f"nobody can have the Account ID {each}: some of its characters are wrong"
            raise AccountIdWrong(said, kind="account.id.key", remedy="Copy it again from whom it belongs to")
    return tuple(each for each in found if each != own)


def with_keys(people: Iterable[AccountId]) -> tuple[AccountId, ...]:
    """Those of the listed people for whom a token can be made: other clients may have listed IDs that cannot exist."""
    return tuple(each for each in people if each.can_exist)


def checked_name(name: str) -> str:
    """The name of a group, trimmed. Raises GroupRefused."""
    found = text(name, "the name of a group").strip()
    if not found:
        raise GroupRefused("a group needs a name", kind="client.group.name")
    if len(found.encode(errors="replace")) > CONFIG_NAME_MAX:
        raise GroupRefused(_BYTES.format("the name of a group", CONFIG_NAME_MAX), kind="client.group.name")
    return found


def checked_description(description: str) -> str:
    """The description of a group. Raises GroupRefused."""
    if len(text(description, "the description of a group").encode(errors="replace")) > GROUP_DESCRIPTION_MAX:
        said = _BYTES.format("the description of a group", GROUP_DESCRIPTION_MAX)
        raise GroupRefused(said, kind="client.group.description")
    return description


def check_room(people: Collection[AccountId]) -> None:
    """Pass so many members, all told. Raises GroupRefused."""
    if len(people) > GROUP_MEMBERS_MAX:
        raise GroupRefused(f"a group has at most {GROUP_MEMBERS_MAX} members", kind="client.group.full")


def check_new(listed: Mapping[AccountId, Member], wanted: Collection[AccountId]) -> None:
    """Pass people who are to be invited. Raises GroupRefused."""
    if not wanted:
        raise GroupRefused("nobody is named to be invited", kind="client.group.nobody")
    for each in wanted:
        held = listed.get(each)
        if held is not None and not held.removal:
            remedy = "Send an invitation again with `veery group resend`"
            raise GroupRefused(f"{each} is in the group already", kind="client.group.member", remedy=remedy)


def check_removable(member: Member, own: AccountId) -> None:
    """Pass a member that can be removed. Raises GroupRefused."""
    if member.id == own:
        raise GroupRefused("one leaves a group oneself", kind="client.group.self", remedy="Use `veery group leave`")
    if member.admin:
        raise GroupRefused(
            "an admin cannot be removed: it holds the key of the group",
            kind="client.group.admin",
            remedy="Make a new group without them",
        )


def listed_member(room: GroupRoom, tables: Tables, person: AccountId) -> Member:
    """A member's entry. Raises NotFound."""
    found = room.members(tables).get(person)
    if found is None:
        raise no_member()
    return found


def message_of(room: GroupRoom, tables: Tables, message: int) -> Message:
    """A message of the group. Raises NotFound."""
    held = tables.messages.get(message)
    if held is None or held.conversation != room.id.hex:
        raise no_group()
    return held
