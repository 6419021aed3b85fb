"""Conversations and contacts: one row each, for a person, a group or a community.

Rules of the book about *when* a row changes (approval, profiles, unhiding) belong to the client; here is what there is
and how it is listed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from veery.errors import StoreError
from veery.secret import Secret, shorten
from veery.store.sql import Connection, Row, clamp, one

CONTACT: Final = "contact"  # kind of a conversation with one person; note to self is one with oneself
HIDDEN: Final = -1  # priority, 07.10


class NoConversation(StoreError):
    """A row names a conversation that is not in the store."""

    default_kind = "store.no_conversation"


@dataclass(frozen=True, slots=True, eq=False)
class Conversation:
    """One conversation, with the values of a new one as defaults.

    id: 66 hex characters for persons and groups. name: chosen by the other side; nickname: given by us.
    profile_s: seconds, 02.7.2. priority: 0 normal, above pinned (higher first), below hidden. active_ms: T of the
    newest message, None while there was none. last_read_ms: T up to which everything is read. unread: incoming
    messages that are not read; it is counted, so `save` does not look at it. muted_until_ms: local time.
    downloads: files of this contact are fetched by themselves, which only this device knows (09.6).
    Names and ids do not print.
    """

    id: str = field(repr=False)
    kind: str
    created_ms: int
    name: str = field(default="", repr=False)
    nickname: str = field(default="", repr=False)
    profile_s: int = 0
    picture_url: str | None = field(default=None, repr=False)
    picture_key: Secret | None = None
    approved: bool = False
    approved_me: bool = False
    blocked: bool = False
    priority: int = 0
    active_ms: int | None = None
    last_read_ms: int = 0
    marked_unread: bool = False
    expiration_type: int = 0
    expiration_timer_s: int = 0
    unread: int = 0
    muted_until_ms: int = 0
    downloads: bool = False

    def is_muted(self, now_ms: int) -> bool:
        """Whether nobody is to be notified of its messages now (local time)."""
        return now_ms < self.muted_until_ms

    @property
    def hidden(self) -> bool:
        """Whether it is kept out of the list of conversations."""
        return self.priority < 0

    @property
    def title(self) -> str:
        """What a person sees: nickname, else name, else the shortened id."""
        return self.nickname or self.name or shorten(self.id)

    @property
    def is_request(self) -> bool:
        """Whether it is an incoming message request (02.8.6)."""
        wanted = self.approved_me and not self.approved and not self.blocked and not self.hidden
        return wanted and self.kind == CONTACT and self.active_ms is not None


_COLUMNS: Final = (
    "SELECT id, kind, created_ms, name, nickname, profile_s, picture_url, picture_key, approved, approved_me, blocked,"
    " priority, active_ms, last_read_ms, marked_unread, expiration_type, expiration_timer_s, muted_until_ms,"
    " downloads,"
)
_SELECT: Final = (
    _COLUMNS + " (SELECT count(*) FROM messages WHERE messages.conversation = conversations.key AND read = 0)"  # noqa: S608
    " FROM conversations"
)
_SETTINGS: Final = _COLUMNS + " 0 FROM conversations WHERE id = ?"
_ORDER: Final = " ORDER BY priority DESC, active_ms DESC, created_ms DESC, key DESC"
_VISIBLE: Final = _SELECT + " WHERE priority >= 0" + _ORDER
_ALL: Final = _SELECT + _ORDER
_REQUESTS: Final = (
    _SELECT + " WHERE kind = 'contact' AND approved_me = 1 AND approved = 0 AND blocked = 0 AND priority >= 0"
    " AND active_ms IS NOT NULL" + _ORDER
)


class Conversations:
    """The conversations."""

    __slots__ = ("_db",)

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def get(self, id_: str) -> Conversation | None:
        """One conversation, or None."""
        row = one(self._db, _SELECT + " WHERE id = ?", (id_,))
        return None if row is None else _conversation(row)

    def settings(self, id_: str) -> Conversation | None:
        """As `get`, but `unread` is 0: for those who do not look at it, because counting reads every unread message."""
        row = one(self._db, _SETTINGS, (id_,))
        return None if row is None else _conversation(row)

    def ensure(self, id_: str, kind: str, now_ms: int) -> Conversation:
        """One conversation, made with default values if it is not there."""
        self._db.execute(
            "INSERT INTO conversations (id, kind, created_ms) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
            (id_, kind, now_ms),
        )
        row = one(self._db, _SELECT + " WHERE id = ?", (id_,))
        if row is None:
            raise NoConversation("the conversation was not made")
        return _conversation(row)

    def all(self, *, hidden: bool = False) -> tuple[Conversation, ...]:
        """Conversations, pinned ones first, then the latest active; hidden ones only when asked for."""
        return tuple(_conversation(row) for row in self._db.execute(_ALL if hidden else _VISIBLE))

    def requests(self) -> tuple[Conversation, ...]:
        """Incoming message requests (02.8.6), latest first."""
        return tuple(_conversation(row) for row in self._db.execute(_REQUESTS))

    def update(self, id_: str, change: Callable[[Conversation], Conversation]) -> Conversation:
        """Read, change and write one conversation; gives what was written. Raises NoConversation."""
        held = self.get(id_)
        if held is None:
            raise NoConversation("the conversation is not in the store")
        changed = change(held)
        self.save(changed)
        return changed

    def save(self, conversation: Conversation) -> None:
        """Write all fields of a conversation that is in the store. Raises NoConversation."""
        key = conversation.picture_key
        changed = self._db.execute(
            "UPDATE conversations SET kind = ?2, created_ms = ?3, name = ?4, nickname = ?5, profile_s = ?6,"
            " picture_url = ?7, picture_key = ?8, approved = ?9, approved_me = ?10, blocked = ?11, priority = ?12,"
            " active_ms = ?13, last_read_ms = ?14, marked_unread = ?15, expiration_type = ?16,"
            " expiration_timer_s = ?17, muted_until_ms = ?18, downloads = ?19 WHERE id = ?1",
            (
                conversation.id,
                conversation.kind,
                conversation.created_ms,
                conversation.name,
                conversation.nickname,
                clamp(conversation.profile_s),
                conversation.picture_url,
                None if key is None else key.reveal(),
                int(conversation.approved),
                int(conversation.approved_me),
                int(conversation.blocked),
                conversation.priority,
                conversation.active_ms,
                conversation.last_read_ms,
                int(conversation.marked_unread),
                conversation.expiration_type,
                conversation.expiration_timer_s,
                clamp(conversation.muted_until_ms),
                int(conversation.downloads),
            ),
        ).rowcount
        if not changed:
            raise NoConversation("the conversation is not in the store")

    def delete(self, id_: str) -> tuple[str, ...]:
        """Remove a conversation with its messages and waiting copies; gives the names of attachment files to remove."""
        files = self._db.execute(
            "SELECT file FROM attachments JOIN messages ON messages.id = attachments.message"
            " WHERE file IS NOT NULL AND conversation = (SELECT key FROM conversations WHERE id = ?)",
            (id_,),
        ).fetchall()
        self._db.execute("DELETE FROM conversations WHERE id = ?", (id_,))
        return tuple(str(row[0]) for row in files)

    def unread(self) -> int:
        """Incoming messages that are not read, in conversations that are shown and neither blocked nor requests."""
        row = one(
            self._db,
            "SELECT count(*) FROM messages JOIN conversations ON conversations.key = messages.conversation"
            " WHERE read = 0 AND blocked = 0 AND priority >= 0 AND (approved = 1 OR conversations.kind <> 'contact')",
        )
        return int(row[0]) if row else 0


def _conversation(row: Row) -> Conversation:
    (id_, kind, created, name, nickname, profile_s, url, key, approved, approved_me, blocked, *rest) = row
    (priority, active, last_read, marked, expiration_type, timer, muted_until, downloads, unread) = rest
    return Conversation(
        id=id_,
        kind=kind,
        created_ms=created,
        name=name,
        nickname=nickname,
        profile_s=profile_s,
        picture_url=url,
        picture_key=None if key is None else Secret(key),
        approved=bool(approved),
        approved_me=bool(approved_me),
        blocked=bool(blocked),
        priority=priority,
        active_ms=active,
        last_read_ms=last_read,
        marked_unread=bool(marked),
        expiration_type=expiration_type,
        expiration_timer_s=timer,
        unread=unread,
        muted_until_ms=muted_until,
        downloads=bool(downloads),
    )
