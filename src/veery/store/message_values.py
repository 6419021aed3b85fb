"""The values of the message tables. What names people or holds their words does not print."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Final

from veery.errors import Rejected
from veery.protocol.account import AccountId
from veery.secret import Secret
from veery.store.sql import INTEGER_MAX


class TimestampRefused(Rejected):
    """A message's T is no number that a clock of this age of the universe can show."""

    default_kind = "store.timestamp"


class DeliveryState(Enum):
    """How far a message has come. Only own messages move."""

    RECEIVED = "received"  # from somebody else
    QUEUED = "queued"  # kept here, not sealed yet
    SEALED = "sealed"  # the bytes for the recipient's swarm are fixed
    STORED = "stored"  # on at least one member of the recipient's swarm
    READ = "read"  # the recipient has sent a read receipt
    FAILED = "failed"  # given up; `reason` says why


class SyncState(Enum):
    """The copy of an own message for one's own other devices (02.4.2)."""

    NONE = "none"  # there is none: received messages, and copies fetched from another own device
    WAITING = "waiting"  # made, and not stored yet
    STORED = "stored"  # on the own swarm
    FAILED = "failed"  # the message is sent, but the other devices do not know of it


class Deleted(IntEnum):
    """Whether a message is only a placeholder."""

    NO = 0
    HERE = 1  # deleted on this device, 02.8.2
    EVERYWHERE = 2  # deleted for everyone, 02.8.3


class AttachmentState(Enum):
    """Where the file of an attachment is."""

    REMOTE = "remote"  # on the file server only
    WANTED = "wanted"  # to be fetched
    STORED = "stored"  # in the local, encrypted file
    FAILED = "failed"  # it could not be fetched or opened
    TRIMMED = "trimmed"  # removed here by a rule that the user set
    UPLOADING = "uploading"  # own: local, not on the file server yet


@dataclass(frozen=True, slots=True)
class Delivery:
    """Fate of a message: state, the error kind when it failed, and on how many of the swarm's nodes it lies."""

    state: DeliveryState = DeliveryState.RECEIVED
    reason: str | None = None
    stored_on: int | None = None
    swarm_size: int | None = None
    sync: SyncState = SyncState.NONE


@dataclass(frozen=True, slots=True)
class Expiration:
    """Disappearing of one message: mode (number of 02.3.2), timer in seconds, and the times once it runs (02.8.1)."""

    type: int = 0
    timer_s: int = 0
    start_ms: int | None = None
    expires_ms: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class NewAttachment:
    """One attachment pointer of a new message (02.7.4), and a local file if there is one already.

    thumbnail: name of the local file of a small picture, encrypted with `thumbnail_key`. preview: it is the picture of
    the message's link preview.
    """

    url: str = field(repr=False)
    content_type: str = ""
    file_name: str = field(default="", repr=False)
    size: int = 0
    flags: int = 0
    width: int = 0
    height: int = 0
    caption: str = field(default="", repr=False)
    key: Secret | None = None
    digest: bytes | None = field(default=None, repr=False)
    state: AttachmentState = AttachmentState.REMOTE
    file: str | None = None
    file_key: Secret | None = None
    thumbnail: str | None = None
    thumbnail_key: Secret | None = None
    preview: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Attachment:
    """One attachment in the store. failures: downloads in a row that failed.

    trimmed_ms: local time at which a rule took the file; None if none did, or it is not known.
    """

    id: int
    message: int
    position: int
    pointer: NewAttachment
    failures: int = 0
    trimmed_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Reaction:
    """One emoji of one person on one message. timestamp_ms: T of the reaction."""

    emoji: str
    author: AccountId
    timestamp_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class NewMessage:
    """A message to be kept.

    conversation: its id. content: the Content as it was on the wire, unpadded, so that nothing unknown is lost.
    received_ms: local time. storage_hash, server_expiry_ms: of the copy in the own swarm. read: set for own messages;
    an incoming one also counts as read when its T is not above the conversation's last-read time.
    Raises TimestampRefused for a T that no integer column holds.
    """

    conversation: str = field(repr=False)
    author: AccountId
    timestamp_ms: int
    outgoing: bool
    kind: str
    body: str = field(repr=False)
    content: bytes = field(repr=False)
    received_ms: int
    storage_hash: str | None = None
    server_expiry_ms: int | None = None
    delivery: Delivery = Delivery()
    level: str = "v1"
    late: bool = False
    read: bool = False
    expiration: Expiration = Expiration()
    attachments: tuple[NewAttachment, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.timestamp_ms <= INTEGER_MAX:
            raise TimestampRefused("the time of the message is out of range")


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """A message in the store. id: local number, never used again. Its identity among people is (author, T), 02.6.

    storage_hash: of the copy in the own swarm; recipient_hash: of an own message's copy in the recipient's swarm, None
    until it is sealed, and when another device has written it.
    """

    id: int
    conversation: str = field(repr=False)
    author: AccountId
    timestamp_ms: int
    outgoing: bool
    kind: str
    body: str = field(repr=False)
    content: bytes = field(repr=False)
    received_ms: int
    storage_hash: str | None
    server_expiry_ms: int | None
    delivery: Delivery
    level: str
    late: bool
    read: bool
    deleted: Deleted
    expiration: Expiration
    recipient_hash: str | None = None

    @property
    def position(self) -> Position:
        """Its place in the order of its conversation."""
        return Position(self.timestamp_ms, self.id)


@dataclass(frozen=True, order=True, slots=True)
class Position:
    """A place in the order of a conversation: T, and the local id among equal T.

    `Position(t)` lies before all messages of that T, `Position(t, AFTER_ALL)` behind them.
    """

    timestamp_ms: int
    id: int = 0


AFTER_ALL: Final = INTEGER_MAX
