"""Members: who is in a group, and how far invitations and promotions have come (08.4).

Its object is of the kind `config.GROUP_MEMBERS`. What a member may do follows from the keys that it has, not from its
entry: `admin` only informs. Whether a send is under way is a matter of one device and not written here.

Every function takes application data and gives an edited copy. Times are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from typing import Final

from veery.protocol.account import AccountId
from veery.protocol.config import fields
from veery.protocol.config.data import Data, Path, edited, get, get_dict, put
from veery.protocol.config.fields import Edits, Picture
from veery.protocol.constants import PREFIX_USER
from veery.protocol.groups.errors import GroupMisuse

_MEMBERS: Final = b"m"


class Progress(IntEnum):
    """How far an invitation or promotion has come."""

    ACCEPTED = 0  # or never needed
    SENT = 1  # waiting for an answer
    FAILED = 2  # it could not be sent
    NOT_SENT = 3  # to be sent


class Removal(IntEnum):
    """Whether a member is to be removed."""

    NO = 0
    MEMBER = 1  # the member alone
    MEMBER_AND_MESSAGES = 2  # and all that it wrote


class MemberStatus(Enum):
    """What an entry says, in one word. The names are those of the book."""

    INVITE_NOT_SENT = "invite_not_sent"  # to be invited
    INVITE_SENT = "invite_sent"  # invited, no answer yet
    INVITE_FAILED = "invite_failed"  # the invitation could not be sent
    INVITE_UNKNOWN = "invite_unknown"  # a state of a later version
    INVITE_ACCEPTED = "invite_accepted"  # an ordinary member
    PROMOTION_NOT_SENT = "promotion_not_sent"  # to be made an admin
    PROMOTION_SENT = "promotion_sent"  # promoted, not taken up yet
    PROMOTION_FAILED = "promotion_failed"  # the promotion could not be sent
    PROMOTION_UNKNOWN = "promotion_unknown"  # a state of a later version
    PROMOTION_ACCEPTED = "promotion_accepted"  # an admin
    REMOVED = "removed"  # to be removed
    REMOVED_INCLUDING_MESSAGES = "removed_including_messages"  # to be removed with all that it wrote
    REMOVED_UNKNOWN = "removed_unknown"  # to be removed in a way of a later version


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Member:
    """One member, with the values of an accepted one as defaults.

    invite and promotion: a `Progress`, removal: a `Removal`; other numbers are of later versions. with_history: the
    invitation comes with older keys. updated_s: when the member last changed its profile.
    """

    id: AccountId
    name: str = ""
    picture: Picture | None = None
    updated_s: int = 0
    admin: bool = False
    invite: int = Progress.ACCEPTED
    promotion: int = Progress.ACCEPTED
    with_history: bool = False
    removal: int = Removal.NO

    @property
    def status(self) -> MemberStatus:
        """The first of the book's list that matches."""
        return status(admin=self.admin, invite=self.invite, promotion=self.promotion, removal=self.removal)


_REMOVALS: Final[Mapping[int, MemberStatus]] = {
    Removal.MEMBER: MemberStatus.REMOVED,
    Removal.MEMBER_AND_MESSAGES: MemberStatus.REMOVED_INCLUDING_MESSAGES,
}
_PROMOTIONS: Final[Mapping[int, MemberStatus]] = {
    Progress.ACCEPTED: MemberStatus.PROMOTION_ACCEPTED,
    Progress.SENT: MemberStatus.PROMOTION_SENT,
    Progress.FAILED: MemberStatus.PROMOTION_FAILED,
    Progress.NOT_SENT: MemberStatus.PROMOTION_NOT_SENT,
}
_INVITES: Final[Mapping[int, MemberStatus]] = {
    Progress.ACCEPTED: MemberStatus.INVITE_ACCEPTED,
    Progress.SENT: MemberStatus.INVITE_SENT,
    Progress.FAILED: MemberStatus.INVITE_FAILED,
    Progress.NOT_SENT: MemberStatus.INVITE_NOT_SENT,
}


def status(*, admin: bool, invite: int, promotion: int, removal: int) -> MemberStatus:
    """The status that the raw values of an entry make, 08.4."""
    if removal > 0:
        return _REMOVALS.get(removal, MemberStatus.REMOVED_UNKNOWN)
    if admin:
        return _PROMOTIONS.get(promotion, MemberStatus.PROMOTION_UNKNOWN)
    return _INVITES.get(invite, MemberStatus.INVITE_UNKNOWN)


# -- entries ---------------------------------------------------------------------------------------------------


def read(data: Data) -> dict[AccountId, Member]:
    """All members."""
    found = fields.entry_ids(get_dict(data, (_MEMBERS,)), PREFIX_USER)
    return {account_id: _member(account_id, entry) for account_id, entry in found.items()}


def find(data: Data, account_id: AccountId) -> Member | None:
    """One member, or None."""
    entry = get(data, _at(account_id))
    return _member(account_id, entry) if isinstance(entry, Mapping) and account_id.prefix == PREFIX_USER else None


def written(data: Data, member: Member) -> Data:
    """Write a member. Only what differs from what is there is changed. Raises GroupMisuse, ConfigMisuse."""
    if member.id.prefix != PREFIX_USER:
        raise GroupMisuse("a member has an Account ID, which begins with 05", kind="group.misuse.id")
    before = find(data, member.id)
    edits = fields.changes(_edits(member), {} if before is None else _edits(before))
    if get(data, (*_at(member.id), b"n")) is None:
        edits = {b"n": b"", **edits}
    return edited(data, _at(member.id), edits)


def without(data: Data, account_id: AccountId) -> Data:
    """Erase a member, once its removal is carried out."""
    return put(data, _at(account_id), None)


def _at(account_id: AccountId) -> Path:
    return _MEMBERS, account_id.raw


def _member(account_id: AccountId, entry: Data) -> Member:
    admin = fields.flag(entry, b"A")
    invite, promotion = fields.integer(entry, b"I"), fields.integer(entry, b"P")
    return Member(
        id=account_id,
        name=fields.text(entry, b"n"),
        picture=fields.picture(entry),
        updated_s=fields.seconds(entry, b"t"),
        admin=admin,
        invite=invite,
        promotion=promotion,
        # meaningless once the invitation was accepted, or has become a promotion
        with_history=fields.flag(entry, b"s") and invite != 0 and not admin and promotion == 0,
        removal=fields.integer(entry, b"R"),
    )


def _edits(member: Member) -> Edits:
    return {
        b"n": fields.written_name(member.name),
        **fields.written_picture(member.picture),
        b"t": fields.written_positive(member.updated_s),
        b"A": fields.written_flag(member.admin),
        b"I": fields.written_nonzero(member.invite),
        b"P": fields.written_nonzero(member.promotion),
        b"s": fields.written_flag(member.with_history),
        b"R": fields.written_nonzero(member.removal),
    }


# -- transitions -----------------------------------------------------------------------------------------------


def invited(member: Member, progress: Progress, *, with_history: bool | None = None) -> Member:
    """A member whose invitation has come so far; with_history: None leaves it as it is."""
    history = member.with_history if with_history is None else with_history
    return replace(member, invite=progress, with_history=history and progress is not Progress.ACCEPTED)


def promoted(member: Member, progress: Progress) -> Member:
    """A member whose promotion has come so far; an invitation that was not answered is settled by it."""
    return replace(member, admin=True, promotion=progress, invite=Progress.ACCEPTED, with_history=False)


def removed(member: Member, removal: Removal) -> Member:
    """A member that is to be removed. That it was an admin stays, for those who show it."""
    return replace(member, removal=removal, invite=Progress.ACCEPTED, promotion=Progress.ACCEPTED, with_history=False)
