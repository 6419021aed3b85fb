"""What can be wrong with what a group stores (08)."""

from __future__ import annotations

from veery.errors import Malformed, Misuse, Rejected


class GroupMalformed(Malformed):
    """The bytes are no key message, group message, or message for several recipients. Nothing of them was used."""

    default_kind = "group"


class GroupRefused(Rejected):
    """Well formed, but not signed by the right key, or not openable with the keys at hand, 08.10."""

    default_kind = "group.refused"


class GroupMisuse(Misuse):
    """Something that a group's formats cannot hold."""

    default_kind = "group.misuse"
