"""What can be asked of a running engine, by name: one set of functions for the CLI, the control socket and later doors.

Parameters and results are plain JSON values. Account IDs are 66 hex characters; times are milliseconds. A method that
is wrong in its parameters raises `ParametersWrong`; whatever the engine raises goes through unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from veery.app.methods import (
    arrangement,
    changes,
    contacts,
    devices,
    events,
    files,
    groups,
    locking,
    messages,
    moving,
    names,
    outbox,
    own_account,
    own_settings,
    road,
    security,
    storage,
    sync,
)
from veery.app.methods.parameters import Method, NoSuchMethod, ParametersWrong, Stream, find_conversation
from veery.app.once import ONCE

__all__ = [
    "CURSOR",
    "HELLO",
    "LASTING",
    "METHODS",
    "REPEATABLE",
    "STREAMS",
    "Method",
    "NoSuchMethod",
    "ParametersWrong",
    "Stream",
    "find_conversation",
]

METHODS: Final[Mapping[str, Method]] = {
    each.__name__: each
    for each in (
        own_account.hello,
        own_account.account,
        own_account.set_name,
        own_account.status,
        messages.send,
        messages.wait_stored,
        messages.fetch,
        messages.messages,
        messages.conversations,
        messages.mark_read,
        contacts.requests,
        contacts.accept,
        contacts.decline,
        contacts.block,
        contacts.unblock,
        contacts.set_nickname,
        contacts.trust_downloads,
        changes.message,
        changes.react,
        changes.unsend,
        changes.delete,
        changes.typing,
        changes.screenshot,
        arrangement.pin,
        arrangement.unpin,
        arrangement.mark_unread,
        arrangement.mute,
        arrangement.unmute,
        arrangement.hide,
        arrangement.show,
        arrangement.clear,
        arrangement.remove,
        arrangement.forget,
        arrangement.disappear,
        own_settings.settings,
        own_settings.set_setting,
        devices.devices,
        devices.device_link,
        devices.device_start,
        devices.device_confirm,
        devices.device_approve,
        devices.device_ignore,
        devices.device_remove,
        devices.device_rename,
        devices.device_publish,
        devices.device_leave,
        devices.device_flush,
        outbox.outbox,
        outbox.retry,
        outbox.drop,
        outbox.send_anyway,
        security.contact_security,
        security.require_v2,
        locking.lock_after,
        locking.set_lock_after,
        groups.groups,
        groups.group_show,
        groups.group_create,
        groups.group_invite,
        groups.group_accept,
        groups.group_decline,
        groups.group_promote,
        groups.group_resend,
        groups.group_remove,
        groups.group_rename,
        groups.group_describe,
        groups.group_picture,
        groups.group_picture_save,
        groups.group_clear,
        groups.group_leave,
        groups.group_destroy,
        storage.search,
        storage.storage,
        storage.trim,
        storage.purge,
        storage.trim_rules,
        storage.set_trim_rule,
        storage.remove_trim_rule,
        sync.sync_status,
        sync.sync_now,
        sync.sync_flush,
        files.attachments,
        files.attachment_save,
        files.set_picture,
        files.picture_save,
        names.resolve_name,
        road.path,
        events.events,
        events.ack,
        events.acknowledged,
    )
}
STREAMS: Final[Mapping[str, Stream]] = {
    each.__name__: each for each in (events.follow, road.doctor, moving.transfer_send)
}

HELLO: Final = own_account.hello.__name__
# Not made twice by being made again: a session repeats these when the process that it asked has ended.
REPEATABLE: Final = frozenset({*METHODS, *STREAMS} - ONCE)
# They wait for something outside: a process that ends does not wait for them.
LASTING: Final = frozenset(
    {
        "wait_stored",
        "fetch",
        "retry",
        "sync_now",
        "sync_flush",
        "path",
        *devices.LASTING,
        *files.LASTING,
        *groups.LASTING,
        *STREAMS,
    }
)
# Streams of numbered events, which go on after the last number.
CURSOR: Final = frozenset({"follow"})
