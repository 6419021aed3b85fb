"""What a node sends to its subscribers: replies, notices of new messages, and the end of a subscription (04.8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from veery.errors import Malformed
from veery.protocol import bt
from veery.protocol.constants import ACCOUNT_ID_SIZE, DATA_MAX, HASH_LENGTH_MAX, HASH_LENGTH_MIN
from veery.protocol.storage_rpc.namespaces import in_range
from veery.protocol.storage_rpc.subscriptions import MonitorCode, MonitorRefused

Reply: TypeAlias = "Mapping[str, bt.Encodable]"
SUCCESS: Final[Reply] = {"success": 1}


class NotificationMalformed(Malformed):
    """A node's reply, notice or end of a subscription is not in the form of chapter 04. It is skipped."""

    default_kind = "protocol.subscription.malformed"


def refusal_reply(refusal: MonitorRefused, **details: bt.Encodable) -> Reply:
    """The part of a reply for a refused subscription; `details` are the swarm's data when it is the wrong one."""
    return {"errcode": int(refusal.code), "error": refusal.message, **details}


def encode_replies(replies: Sequence[Reply], *, single: bool) -> bytes:
    """The reply: the dict alone when one dict was sent, else the list in the order of the request."""
    return bt.encode(replies[0] if single else list(replies))


def decode_replies(body: bytes) -> tuple[MonitorRefused | None, ...]:
    """What a node answered, in order; None for success. Raises NotificationMalformed."""
    value = _decoded(body)
    return tuple(_read_reply(entry) for entry in (value if isinstance(value, list) else [value]))


def _read_reply(entry: bt.Value) -> MonitorRefused | None:
    if not isinstance(entry, dict):
        raise NotificationMalformed("a part of the reply is not a dict")
    if entry.get(b"success") == 1:
        return None
    code, text = entry.get(b"errcode"), entry.get(b"error")
    if not isinstance(code, int) or not isinstance(text, bytes):
        raise NotificationMalformed("a part of the reply is neither a success nor an error")
    known = MonitorCode(code) if code in set(MonitorCode) else MonitorCode.BAD_ARGUMENTS
    return MonitorRefused(known, text.decode(errors="replace"))


@dataclass(frozen=True, slots=True)
class Notification:
    """A message was stored: account (33), hash, namespace, timestamp and expiry (ms); data only if it was asked for."""

    account: bytes = field(repr=False)
    hash: str
    namespace: int
    timestamp: int
    expiry: int
    data: bytes | None = field(default=None, repr=False)


def encode_notification(notification: Notification) -> bytes:
    """The body of `notify.message`: one bencoded dict."""
    body: dict[str, bt.Encodable] = {
        "@": notification.account,
        "h": notification.hash,
        "n": notification.namespace,
        "t": notification.timestamp,
        "z": notification.expiry,
    }
    if notification.data is not None:
        body["~"] = notification.data
    return bt.encode(body)


def decode_notification(body: bytes) -> Notification:
    """Read a notice. Raises NotificationMalformed."""
    fields = _decoded(body)
    if not isinstance(fields, dict):
        raise NotificationMalformed("the notice is not a dict")
    account, name, data = fields.get(b"@"), fields.get(b"h"), fields.get(b"~")
    namespace, timestamp, expiry = (_number(fields, key) for key in (b"n", b"t", b"z"))
    if not isinstance(account, bytes) or len(account) != ACCOUNT_ID_SIZE:
        raise NotificationMalformed("the account of the notice is not 33 bytes")
    if not isinstance(name, bytes) or not name.isascii() or not HASH_LENGTH_MIN <= len(name) <= HASH_LENGTH_MAX:
        raise NotificationMalformed("the hash of the notice is not 32 to 99 characters")
    if not in_range(namespace) or timestamp < 0 or expiry < 0:
        raise NotificationMalformed("a number of the notice is out of range")
    if data is not None and (not isinstance(data, bytes) or len(data) > DATA_MAX):
        raise NotificationMalformed("the data of the notice is no message")
    return Notification(account, name.decode(), namespace, timestamp, expiry, data)


def _number(fields: Mapping[bytes, bt.Value], key: bytes) -> int:
    value = fields.get(key)
    if not isinstance(value, int):
        raise NotificationMalformed(f"`{key.decode()}` of the notice is not a number")
    return value


@dataclass(frozen=True, slots=True)
class MonitorEnded:
    """A subscription has ended because the account left the node's swarm: why, and where it is now.

    `details` holds the swarm's data as the node sent it (`snodes`, `swarm`).
    """

    account: bytes = field(repr=False)
    code: int = MonitorCode.WRONG_SWARM
    error: str = "account is not in this swarm any more"
    details: Mapping[str, bt.Encodable] = field(default_factory=dict, repr=False)


def encode_monitor_ended(ended: MonitorEnded) -> bytes:
    """The body of `monitor_ended`: one bencoded dict."""
    return bt.encode({"@": ended.account, "errcode": ended.code, "error": ended.error, **ended.details})


def decode_monitor_ended(body: bytes) -> MonitorEnded:
    """Read the end of a subscription. Raises NotificationMalformed."""
    fields = _decoded(body)
    if not isinstance(fields, dict):
        raise NotificationMalformed("the end of the subscription is not a dict")
    account, text = fields.get(b"@"), fields.get(b"error", b"")
    if not isinstance(account, bytes) or len(account) != ACCOUNT_ID_SIZE or not isinstance(text, bytes):
        raise NotificationMalformed("the end of the subscription names no account")
    details = {key.decode("latin-1"): fields[key] for key in (b"snodes", b"swarm") if key in fields}
    return MonitorEnded(account, _number(fields, b"errcode"), text.decode(errors="replace"), details)


def _decoded(body: bytes) -> bt.Value:
    try:
        return bt.decode(body)
    except bt.BtMalformed:
        raise NotificationMalformed("the body is not bencoded") from None
