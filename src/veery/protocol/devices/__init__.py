"""Linked devices and account keys of protocol v2 (06.3 to 06.9, 14.0). The draft may still change: it is all in here.

    keys             seed -> hybrid key pair              account_record   the published keys of namespace -21
    record           one device as its group knows it     account_keys     the key seeds that the devices share
    payload          what a group message carries         table            merging what came (06.5.3)
    group_message    type G: seal, check, open            slots            its payload key, once for each member
    group_id         which group a message is of          emoji            short authentication strings
    link_request     type L: ask to join                  shared_data      type V: Veery's own, 14.0.3
    faults           DeviceMalformed, DeviceRefused

A message of namespace 21 says its type in the dict's empty key; `message_type` reads it. Types that nobody knows are
ignored and never deleted. What is done with what was read is decided in `policy`: `device_membership`,
`device_linking`, `device_push`, `key_rotation`.
"""

from __future__ import annotations

from enum import Enum

from veery.protocol import bt_raw
from veery.protocol.constants import DATA_MAX
from veery.protocol.devices import group_message, link_request, shared_data
from veery.protocol.devices.account_keys import AccountKey, AccountKeys
from veery.protocol.devices.account_record import AccountRecord
from veery.protocol.devices.faults import DeviceMalformed, DeviceRefused, reading
from veery.protocol.devices.group_id import GroupId
from veery.protocol.devices.keys import HybridKeys, HybridPublic
from veery.protocol.devices.payload import Gone, Payload
from veery.protocol.devices.record import DeviceRecord
from veery.protocol.devices.table import DeviceState, Row

__all__ = [
    "AccountKey",
    "AccountKeys",
    "AccountRecord",
    "DeviceMalformed",
    "DeviceRecord",
    "DeviceRefused",
    "DeviceState",
    "Gone",
    "GroupId",
    "HybridKeys",
    "HybridPublic",
    "MessageType",
    "Payload",
    "Row",
    "message_type",
]


class MessageType(Enum):
    """What a message of namespace 21 is."""

    GROUP = "group"  # G: a snapshot of the group
    LINK_REQUEST = "link_request"  # L: a device asks to join
    LINK_REQUEST_EARLIER = "link_request_earlier"  # L as an earlier draft had it: never ask anybody about it
    SHARED_DATA = "shared_data"  # V: Veery's own
    UNKNOWN = "unknown"  # a later type: ignore it, and do not delete it


def message_type(data: bytes) -> MessageType:
    """Tell the type of a message of namespace 21. Raises DeviceMalformed `devices.message` for what is no such dict."""
    if len(data) > DATA_MAX:
        raise DeviceMalformed("the message is too long", kind="devices.message")
    with reading("devices.message"):
        fields = bt_raw.read(data)
        named = fields.string(b"")
    if named == link_request.TYPE:
        return MessageType.LINK_REQUEST if b"E" in fields else MessageType.LINK_REQUEST_EARLIER
    known = {group_message.TYPE: MessageType.GROUP, shared_data.TYPE: MessageType.SHARED_DATA}
    return known.get(named, MessageType.UNKNOWN)
