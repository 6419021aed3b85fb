"""Info: name, picture and settings of a group (08.4). Its object is of the kind `config.GROUP_INFO`.

Every function takes application data and gives an edited copy. Times are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from veery.protocol.config import fields
from veery.protocol.config.data import Data, edited
from veery.protocol.config.fields import Picture
from veery.protocol.constants import GROUP_DESCRIPTION_MAX


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GroupInfo:
    """What Info says. timer_s: messages disappear so long after they were sent, 0 is off.

    delete_before_s and delete_attachments_before_s: everything sent at or before is to be deleted, 0 for nothing.
    """

    name: str
    description: str
    picture: Picture | None
    created_s: int
    timer_s: int
    delete_before_s: int
    delete_attachments_before_s: int
    destroyed: bool


def read(data: Data) -> GroupInfo:
    """Info in application data."""
    return GroupInfo(
        name=fields.text(data, b"n"),
        description=fields.text(data, b"o"),
        picture=fields.picture(data),
        created_s=fields.seconds(data, b"c"),
        timer_s=fields.positive(data, b"E"),
        delete_before_s=fields.seconds(data, b"d"),
        delete_attachments_before_s=fields.seconds(data, b"D"),
        destroyed=fields.flag(data, b"!"),
    )


def with_name(data: Data, name: str) -> Data:
    """Set the name, cut to 100 bytes; an empty one removes it."""
    return edited(data, (), {b"n": fields.written_name(name) or None})


def with_description(data: Data, description: str) -> Data:
    """Set the description, cut to 2000 bytes; an empty one removes it."""
    return edited(data, (), {b"o": fields.written_text(description, GROUP_DESCRIPTION_MAX) or None})


def with_picture(data: Data, picture: Picture | None) -> Data:
    """Set or remove the picture. Its key must be random, never derived from the file. Raises ConfigMisuse."""
    return edited(data, (), fields.written_picture(picture))


def with_created(data: Data, created_s: int) -> Data:
    """Set when the group was made."""
    return edited(data, (), {b"c": fields.written_positive(created_s)})


def with_timer(data: Data, timer_s: int) -> Data:
    """Set after how long messages disappear; 0 is off."""
    return edited(data, (), {b"E": fields.written_positive(timer_s)})


def with_deleted_before(data: Data, before_s: int) -> Data:
    """Ask all to delete every message sent at or before a time."""
    return edited(data, (), {b"d": fields.written_positive(before_s)})


def with_attachments_deleted_before(data: Data, before_s: int) -> Data:
    """Ask all to delete every attachment sent at or before a time."""
    return edited(data, (), {b"D": fields.written_positive(before_s)})


def destroyed(data: Data) -> Data:
    """Say that the group does not exist any more. That is final."""
    return edited(data, (), {b"!": 1})
