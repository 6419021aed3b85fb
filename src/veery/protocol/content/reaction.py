"""Reactions: one emoji on one message, put or taken away, 02.3.3 and 02.7.3."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.value import Value, keep, others, text


class ReactionAction(IntEnum):
    """What happens to the emoji."""

    REACT = 0  # the sender joins its list
    REMOVE = 1  # the sender leaves it


@dataclass(frozen=True, slots=True, repr=False)
class Reaction(Value):
    """id: timestamp T (ms) of the target, in communities its server id; author: Account ID of the target's author.

    Without an emoji a reaction is ignored.
    """

    id: int
    author: str
    emoji: str | None = None
    action: ReactionAction = ReactionAction.REACT


def to_wire(reaction: Reaction) -> wire.DataMessage.Reaction:
    """The protobuf message of a reaction."""
    message = wire.DataMessage.Reaction(
        id=reaction.id, author=reaction.author, emoji=reaction.emoji, action=reaction.action.name
    )
    return keep(message, reaction.other_fields)


def from_wire(message: wire.DataMessage.Reaction) -> Reaction:
    """The reaction of a protobuf message. Raises ContentMalformed."""
    return Reaction(
        id=message.id,
        author=text(message.author),
        emoji=text(message.emoji) if message.HasField("emoji") else None,
        action=ReactionAction(message.action),
        other_fields=others(message, "id", "author", "emoji", "action"),
    )
