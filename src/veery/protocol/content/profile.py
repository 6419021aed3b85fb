"""Profiles that travel with messages, and when they are applied, 02.3.3 and 02.7.2."""

from __future__ import annotations

from dataclasses import dataclass

from veery.protocol.constants import PROFILE_KEY_SIZE
from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.value import Value, keep, others, text


@dataclass(frozen=True, slots=True, repr=False)
class Profile(Value):
    """Name and picture of the sender. last_profile_update_seconds is in seconds; the picture is a URL."""

    display_name: str | None = None
    profile_picture: str | None = None
    last_profile_update_seconds: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class ProfileChange(Value):
    """What an accepted profile changes. name is None when the name stays; no picture means that it is removed."""

    name: str | None
    picture_url: str | None
    picture_key: bytes | None
    updated_seconds: int


def change(
    profile: Profile | None, profile_key: bytes | None, *, known_name: str, known_seconds: int
) -> ProfileChange | None:
    """What a received profile changes in the one that is stored for its sender; None if it is absent or outdated.

    profile_key: of the message beside the profile; one of a wrong size counts as absent. The own profile is never
    changed by messages, so do not ask for own ones. 02.7.2.
    """
    if profile is None:
        return None
    new = profile.last_profile_update_seconds or 0
    if not (new > known_seconds or (new == 0 and known_seconds == 0)):
        return None
    named = bool(profile.display_name) and profile.display_name != known_name
    pictured = bool(profile.profile_picture) and profile_key is not None and len(profile_key) == PROFILE_KEY_SIZE
    return ProfileChange(
        name=profile.display_name if named else None,
        picture_url=profile.profile_picture if pictured else None,
        picture_key=profile_key if pictured else None,
        updated_seconds=new,
    )


def to_wire(profile: Profile) -> wire.Profile:
    """The protobuf message of a profile."""
    message = wire.Profile(
        displayName=profile.display_name,
        profilePicture=profile.profile_picture,
        lastProfileUpdateSeconds=profile.last_profile_update_seconds,
    )
    return keep(message, profile.other_fields)


def from_wire(message: wire.Profile) -> Profile:
    """The profile of a protobuf message. Raises ContentMalformed."""
    updated = message.HasField("lastProfileUpdateSeconds")
    return Profile(
        display_name=text(message.displayName) if message.HasField("displayName") else None,
        profile_picture=text(message.profilePicture) if message.HasField("profilePicture") else None,
        last_profile_update_seconds=message.lastProfileUpdateSeconds if updated else None,
        other_fields=others(message, "displayName", "profilePicture", "lastProfileUpdateSeconds"),
    )
