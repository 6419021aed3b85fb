"""Visible messages, and what rides on them: timer updates, reactions and group updates, 02.3.3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from veery.errors import Misuse
from veery.protocol.constants import ATTACHMENTS_MAX
from veery.protocol.content import attachment, group_update, invitation, preview, profile, quote, reaction
from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.attachment import AttachmentPointer
from veery.protocol.content.group_update import GroupUpdateMessage
from veery.protocol.content.invitation import CommunityInvitation
from veery.protocol.content.preview import Preview
from veery.protocol.content.profile import Profile
from veery.protocol.content.quote import Quote
from veery.protocol.content.reaction import Reaction
from veery.protocol.content.value import Value, bounded, keep, others, text

EXPIRATION_TIMER_UPDATE: Final = 2
_SCALARS = ("body", "flags", "profileKey", "syncTarget", "blocksCommunityMessageRequests")
_MESSAGES = ("attachments", "quote", "preview", "reaction", "profile", "communityInvitation", "groupUpdateMessage")


@dataclass(frozen=True, slots=True, repr=False)
class DataMessage(Value):
    """A message that users see, or one that changes such a message.

    profile_key: 32 bytes, only together with a picture URL. sync_target: Account ID of the conversation, only in copies
    to one's own swarm. Legacy fields (group context, expireTimer, timestamp) are in `other_fields`.
    """

    body: str | None = None
    attachments: tuple[AttachmentPointer, ...] = ()
    flags: int | None = None
    profile_key: bytes | None = None
    quote: Quote | None = None
    preview: tuple[Preview, ...] = ()
    reaction: Reaction | None = None
    profile: Profile | None = None
    community_invitation: CommunityInvitation | None = None
    sync_target: str | None = None
    blocks_community_message_requests: bool | None = None
    group_update_message: GroupUpdateMessage | None = None

    @property
    def is_timer_update(self) -> bool:
        """Whether it changes the disappearing-message setting; body and attachments are then ignored."""
        return self.flags == EXPIRATION_TIMER_UPDATE

    @property
    def has_visible_content(self) -> bool:
        """Whether there is anything to show or apply beside the sender's profile, 02.5.2."""
        parts = (self.flags, self.body, self.attachments, self.quote, self.preview, self.reaction)
        return any(parts) or self.shown_invitation is not None

    @property
    def shown_invitation(self) -> CommunityInvitation | None:
        """The community invitation, unless its URL or name is empty."""
        offer = self.community_invitation
        return offer if offer is not None and offer.url and offer.name else None


def to_wire(data: DataMessage) -> wire.DataMessage:
    """The protobuf message of a data message. Raises Misuse for more than ATTACHMENTS_MAX attachments."""
    if len(data.attachments) > ATTACHMENTS_MAX:
        raise Misuse(f"a message has at most {ATTACHMENTS_MAX} attachments", kind="content.attachments")
    update = data.group_update_message
    message = wire.DataMessage(
        body=data.body,
        attachments=[attachment.to_wire(each) for each in data.attachments],
        flags=data.flags,
        profileKey=data.profile_key,
        quote=None if data.quote is None else quote.to_wire(data.quote),
        preview=[preview.to_wire(each) for each in data.preview],
        reaction=None if data.reaction is None else reaction.to_wire(data.reaction),
        profile=None if data.profile is None else profile.to_wire(data.profile),
        communityInvitation=None
        if data.community_invitation is None
        else invitation.to_wire(data.community_invitation),
        syncTarget=data.sync_target,
        groupUpdateMessage=None if update is None else group_update.to_wire(update),
    )
    if data.blocks_community_message_requests is not None:
        message.blocksCommunityMessageRequests = data.blocks_community_message_requests
    return keep(message, data.other_fields)


def from_wire(message: wire.DataMessage) -> DataMessage:
    """The data message of a protobuf message. Raises ContentMalformed.

    More attachments than ATTACHMENTS_MAX are read; the rules for received messages drop the message, 02.5.2.
    """
    has = message.HasField
    blocks = has("blocksCommunityMessageRequests")
    return DataMessage(
        body=text(message.body) if has("body") else None,
        attachments=tuple(attachment.from_wire(each) for each in bounded(message.attachments)),
        flags=message.flags if has("flags") else None,
        profile_key=message.profileKey if has("profileKey") else None,
        quote=quote.from_wire(message.quote) if has("quote") else None,
        preview=tuple(preview.from_wire(each) for each in bounded(message.preview)),
        reaction=reaction.from_wire(message.reaction) if has("reaction") else None,
        profile=profile.from_wire(message.profile) if has("profile") else None,
        community_invitation=invitation.from_wire(message.communityInvitation) if has("communityInvitation") else None,
        sync_target=text(message.syncTarget) if has("syncTarget") else None,
        blocks_community_message_requests=message.blocksCommunityMessageRequests if blocks else None,
        group_update_message=group_update.from_wire(message.groupUpdateMessage) if has("groupUpdateMessage") else None,
        other_fields=others(message, *_SCALARS, *_MESSAGES),
    )
