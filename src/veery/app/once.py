"""What must not be done again because nobody knows whether it was done: one list for every way to an engine.

It stands alone, so that a command that only asks a running engine need not load one.
"""

from __future__ import annotations

from typing import Final

ONCE: Final = frozenset(
    {
        "send",
        "send_anyway",
        "drop",
        "delete",
        "forget",
        "disappear",
        "screenshot",
        "attachment_save",
        "picture_save",
        "set_picture",
        "group_create",
        "group_invite",
        "group_accept",
        "group_decline",
        "group_promote",
        "group_resend",
        "group_remove",
        "group_rename",
        "group_describe",
        "group_picture",
        "group_picture_save",
        "group_clear",
        "group_leave",
        "group_destroy",
        "device_link",
        "device_approve",
        "device_remove",
        "device_leave",
    }
)
