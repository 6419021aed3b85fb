"""What a user can ask for and cannot have: the leaves of ClientError that the services raise."""

from __future__ import annotations

from veery.errors import ClientError, NotFound, Retry


class TextRefused(ClientError):
    """A text that cannot be sent. `kind`: client.text.empty, .too_long or .not_text."""

    default_kind = "client.text"


class ReactionRefused(ClientError):
    """A reaction that cannot be sent. `kind`: client.reaction.emoji, .target or .too_many."""

    default_kind = "client.reaction"


class TimerRefused(ClientError):
    """Messages cannot disappear in this way. `kind`: client.timer.request, .mode, .time, .group or .notice."""

    default_kind = "client.timer"


class QuoteRefused(ClientError):
    """A notice or a deleted message cannot be answered."""

    default_kind = "client.quote"
    default_remedy = "Answer a message that somebody wrote"


class UnsendRefused(ClientError):
    """A message that cannot be deleted for everyone."""

    default_kind = "client.unsend"
    default_remedy = "Delete it on this device alone, with `veery delete`"


class ContactBlocked(ClientError):
    """The contact is blocked by this account."""

    default_kind = "client.blocked"
    default_remedy = "Unblock the contact first"


class SelfRefused(ClientError):
    """What is asked for cannot be done to the own account."""

    default_kind = "client.self"


class SendFailed(ClientError):
    """A message was given up. `kind` is that of the error which ended it."""

    default_kind = "client.send_failed"
    default_retry = Retry.LATER
    default_remedy = "Run `veery doctor` to see where the road ends, then send the message again with `retry`"


class NotWaiting(ClientError):
    """A message that does not wait for keys cannot be sent without them."""

    default_kind = "client.keys.not_waiting"
    default_remedy = "`veery outbox` lists what waits, and for what"


class WaitsForKeys(ClientError):
    """A message stays in the outbox because the keys of its recipient are too old."""

    default_kind = "client.keys.waiting"
    default_retry = Retry.LATER


class AlreadyStored(ClientError):
    """A message that lies in a swarm cannot be dropped, and need not be tried again."""

    default_kind = "client.stored"
    default_remedy = "Delete it on this device instead"


class ClientClosed(ClientError):
    """The engine was closed while something waited for it."""

    default_kind = "client.closed"
    default_retry = Retry.LATER
    default_remedy = "What was written is kept; open the profile again"


class NoRoad(ClientError):
    """The network file of the profile cannot be used."""

    default_kind = "client.network_file"


def no_message(message: int) -> NotFound:
    """The error for a message id that the store does not know."""
    return NotFound(
        f"there is no message {message}",
        kind="client.not_found.message",
        remedy="List the messages of a conversation to see their ids",
    )


def no_conversation() -> NotFound:
    """The error for a conversation that the store does not know."""
    return NotFound(
        "there is no such conversation",
        kind="client.not_found.conversation",
        remedy="List the conversations to see their ids",
    )


def no_copy(copy: int) -> NotFound:
    """The error for a copy that is not in the outbox, or that belongs to a message."""
    return NotFound(
        f"there is no notice {copy} in the outbox",
        kind="client.not_found.copy",
        remedy="`veery outbox` lists what is not stored yet",
    )
