"""What the entries of groups and communities in UserGroups have in common (07.10.4)."""

from __future__ import annotations

from typing import Protocol, TypedDict

from veery.protocol.config import fields
from veery.protocol.config.data import Data
from veery.protocol.config.fields import Edits, NotificationMode


class Common(TypedDict):
    """The fields by name. Times are seconds, 0 for none; invited: the invitation is not accepted yet."""

    priority: int
    joined_s: int
    notifications: NotificationMode
    muted_until_s: int
    invited: bool


class Membership(Protocol):
    """A value that has these fields."""

    @property
    def priority(self) -> int: ...
    @property
    def joined_s(self) -> int: ...
    @property
    def notifications(self) -> NotificationMode: ...
    @property
    def muted_until_s(self) -> int: ...
    @property
    def invited(self) -> bool: ...


def common(entry: Data) -> Common:
    """The common fields of an entry."""
    return Common(
        priority=fields.integer(entry, b"+"),
        joined_s=fields.seconds(entry, b"j"),
        notifications=fields.notifications(entry),
        muted_until_s=fields.seconds(entry, b"!"),
        invited=fields.flag(entry, b"i"),
    )


def common_edits(value: Membership) -> Edits:
    """The raw values of the common fields."""
    return {
        b"+": fields.written_nonzero(value.priority),
        b"j": fields.written_positive(value.joined_s),
        b"@": fields.written_positive(value.notifications),
        b"!": fields.written_positive(value.muted_until_s),
        b"i": fields.written_flag(value.invited),
    }
