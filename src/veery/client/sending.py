"""Sending: a message is written with all its copies in one transaction, and everything after that is the outbox's.

`send_text` returns when the message is on the disk; the outbox pump seals and stores it. Whoever wants to know what
became of it reads the `state` events or calls `wait_stored`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from veery.client import fates
from veery.client.attachments import Attached, AttachmentsService
from veery.client.attachments.uploading import retry_uploads
from veery.client.contents import outgoing, quote_of
from veery.client.core import Core, Times
from veery.client.faults import (
    AlreadyStored,
    ClientClosed,
    QuoteRefused,
    SendFailed,
    TextRefused,
    WaitsForKeys,
    no_message,
)
from veery.client.groups.standing import GROUP_PREFIX, check_writable
from veery.client.levels.key_fetching import KeyFetching
from veery.client.levels.learning import too_weak
from veery.client.levels.notices import FOR_CONTACT
from veery.client.outbox import try_now
from veery.client.previews import MadePreview, Previews
from veery.client.reasons import reason_of
from veery.client.views import TEXT
from veery.client.writing import Draft, write_message
from veery.protocol import given
from veery.protocol.account import AccountId
from veery.protocol.constants import BODY_COMPOSE_CODE_POINTS, PREFIX_GROUP
from veery.protocol.content import DataMessage, Quote, decode
from veery.store.backup.settling import RESTORED
from veery.store.conversations import CONTACT, Conversation
from veery.store.message_values import Deleted, DeliveryState, Message
from veery.store.outbox import CopyState
from veery.store.tables import Tables


@dataclass(frozen=True, slots=True)
class _Text:
    own: AccountId
    recipient: AccountId
    body: str = field(repr=False)
    quoted: int | None
    preview: MadePreview | None
    times: Times


class Sending:
    """Sends messages of one account. sent: called with the conversation of each message that was written."""

    def __init__(
        self,
        core: Core,
        sent: Callable[[str], None],
        previews: Previews,
        attachments: AttachmentsService,
        keys: KeyFetching,
    ) -> None:
        self._core = core
        self._keys = keys
        self._attachments = attachments
        self._sent = sent
        self.previews = previews

    async def send_text(self, to: AccountId | str, text: str, *, quote: int | None = None) -> int:
        """Write a text to a person, to a group, or to oneself; gives its message id.

        to: Account ID, or id of a group. quote: id of a message of the same conversation. The message is on the disk
        when this returns, and will be stored in the recipient's swarm as soon as there is a road.
        Raises AccountIdWrong, TextRefused, ContactBlocked, NotFound and QuoteRefused (the quoted message), StoreError.
        """
        recipient = to if isinstance(to, AccountId) else _recipient(to)
        body = checked_text(text)
        preview = await self.previews.make(body)
        draft = _Text(self._core.own, recipient, body, quote, preview, self._core.times())
        message = await self._core.write(lambda tables: _queue_text(tables, draft))
        self._core.outbox_changed.set()
        self._sent(recipient.hex)
        return message

    async def send(
        self, to: AccountId | str, text: str = "", *, files: Sequence[Attached] = (), quote: int | None = None
    ) -> int:
        """Write a text, files, or both (see `attachments.prepare`); gives the message id. As `send_text`.

        Raises also AttachmentRefused.
        """
        if not files:
            return await self.send_text(to, text, quote=quote)
        given.members(files, Attached, "files")
        recipient = to if isinstance(to, AccountId) else _recipient(to)
        body = checked_text(text) if given.text(text, "a text").strip() else ""

        def quote_in(tables: Tables, conversation: Conversation) -> Quote | None:
            return _quote(tables, conversation, quote)

        message = await self._attachments.send(recipient, body, files, quote_in)
        self._sent(recipient.hex)
        return message

    async def wait_stored(self, message: int) -> Message:
        """Wait until an own message lies in the recipient's swarm; gives it, with the number of nodes that hold it.

        Raises SendFailed when it was given up, WaitsForKeys when it has to wait for keys, NotFound, and ClientClosed.
        Can be cancelled; nothing is lost then.
        """
        hub = self._core.hub
        while not hub.closed:
            version = hub.version
            held = await self.get(message)
            if held.delivery.state in (DeliveryState.STORED, DeliveryState.READ, DeliveryState.RECEIVED):
                return held
            if held.delivery.state is DeliveryState.FAILED:
                raise _failed(message, held.delivery.reason or SendFailed.default_kind)
            if held.delivery.reason in FOR_CONTACT:
                raise WaitsForKeys(
                    f"message #{message} waits for keys of its recipient",
                    remedy="Keep waiting, or send it with long-term keys this once: "
                    f"`veery outbox send-anyway {message}`",
                )
            await hub.changed(version)
        raise ClientClosed("the engine was closed before the message was stored")

    async def get(self, message: int) -> Message:
        """A message as it is now. Raises NotFound."""
        held = await self._core.read(lambda tables: tables.messages.get(message))
        if held is None:
            raise no_message(message)
        return held

    async def retry(self, message: int) -> None:
        """Try a message again now that failed or waits, under the same T, so that it cannot double.

        Raises NotFound, and AlreadyStored for one that is not on its way.

        One that waits for keys has them looked up at once, whatever was answered before.

        What was sealed is sent as it is, unless its time to live is over: then it gets a new one, and new bytes. So it
        does when the keys of its recipient were seen only after it was sealed.
        """
        now_ms = self._core.clock.now_ms()
        for contact in await self._core.read(lambda tables: tables.held.contacts(message)):
            await self._keys.look_again(contact)
        await self._core.write(lambda tables: _retry(tables, message, now_ms))
        self._core.outbox_changed.set()

    async def drop(self, message: int) -> None:
        """Give up an own message that is not stored yet, and remove it here.

        An attempt that is under way may still store it. Raises NotFound, AlreadyStored.
        """
        now_ms = self._core.clock.now_ms()
        await self._core.write(lambda tables: _drop(tables, message, now_ms))


def _failed(message: int, kind: str) -> SendFailed:
    reason = reason_of(kind, failed=True)
    return SendFailed(f"message #{message} was not sent: {reason.said}", kind=kind, remedy=reason.sentence)


def checked_text(text: str) -> str:
    """A text that may be sent: some characters, and no more than a composer may take (02.7.1). Raises TextRefused."""
    if not given.text(text, "a text").strip():
        raise TextRefused("the text is empty", kind="client.text.empty", remedy="Write something")
    if len(text) > BODY_COMPOSE_CODE_POINTS:
        raise TextRefused(
            f"the text has {len(text)} characters, the most is {BODY_COMPOSE_CODE_POINTS}",
            kind="client.text.too_long",
            remedy="Shorten it, or send it in parts",
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise TextRefused("the text is not Unicode", kind="client.text.not_text", remedy="Write it again") from None
    return text


def _recipient(typed: str) -> AccountId:
    """A person, or a group. Raises AccountIdWrong."""
    if given.text(typed, "whom a message is for").strip().startswith(GROUP_PREFIX):
        return AccountId.from_hex(typed.strip())
    return AccountId.parse_user(typed)


def _queue_text(tables: Tables, draft: _Text) -> int:
    if draft.recipient.prefix == PREFIX_GROUP:
        check_writable(tables, draft.recipient)
    conversation = tables.conversations.ensure(draft.recipient.hex, CONTACT, draft.times.local_ms)
    previews = () if draft.preview is None else (draft.preview.preview,)
    pictures = () if draft.preview is None or draft.preview.picture is None else (draft.preview.picture,)
    data = DataMessage(body=draft.body, quote=_quote(tables, conversation, draft.quoted), preview=previews)
    made = Draft(data, TEXT, draft.body, attachments=pictures)
    return write_message(tables, conversation, draft.own, made, draft.times)


def _quote(tables: Tables, conversation: Conversation, quoted: int | None) -> Quote | None:
    if quoted is None:
        return None
    held = tables.messages.get(quoted)
    if held is None or held.conversation != conversation.id:
        raise no_message(quoted)
    if held.kind != TEXT or held.deleted is not Deleted.NO:
        raise QuoteRefused("there is nothing left to answer")
    return quote_of(held)


def _retry(tables: Tables, message: int, now_ms: int) -> None:
    held = tables.messages.get(message)
    if held is None:
        raise no_message(message)
    if retry_uploads(tables, held, now_ms):
        return
    copies = tables.outbox.of(message)
    if not copies and held.delivery.state in (DeliveryState.RECEIVED, DeliveryState.STORED, DeliveryState.READ):
        raise AlreadyStored("the message is not on its way any more", remedy="`veery outbox` shows what waits")
    if not copies and held.delivery.reason == RESTORED:
        _write_again(tables, held, now_ms)
        return
    failed = [copy for copy in copies if copy.state is CopyState.FAILED]
    if any(now_ms >= copy.created_ms + copy.ttl_ms or too_weak(tables, copy) for copy in failed):
        fates.requeue(tables, message, copies, now_ms)
        return
    for copy in copies:
        try_now(tables, copy, now_ms)


def _write_again(tables: Tables, message: Message, now_ms: int) -> None:
    """Make the copies of a message again: it comes from a backup of an earlier version, which held none."""
    kind, conversation = decode(message.content).kind, tables.conversations.get(message.conversation)
    if not isinstance(kind, DataMessage) or conversation is None:
        raise no_message(message.id)
    account, recipient = tables.accounts.get(), AccountId.from_hex(message.conversation)
    data = replace(kind, profile=None, profile_key=None, sync_target=None)
    sent = outgoing(conversation, account, data, message.timestamp_ms, message.expiration)
    tables.deliveries.add_copies(message.id, sent.copies(account.account_id, recipient), now_ms)
    fates.tell_state(tables, message.id, now_ms)


def _drop(tables: Tables, message: int, now_ms: int) -> None:
    held = tables.messages.get(message)
    if held is None:
        raise no_message(message)
    if held.delivery.state not in (DeliveryState.QUEUED, DeliveryState.SEALED, DeliveryState.FAILED):
        raise AlreadyStored("the message is not on its way any more")
    tables.messages.delete((message,))
    fates.tell_deleted(tables, held, None, now_ms)
