"""Configuration sync: pushes of every type with decoded data, and conflicts of whole objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.vectors.harness import Case, topic
from tests.vectors.topics.bt import value_of
from tests.vectors.topics.config import (
    NOW_MS,
    account_of,
    arrived,
    dict_of,
    encoded_diff,
    object_of,
    refused_or_checked,
)
from veery.protocol import bt
from veery.protocol.account import AccountId
from veery.protocol.config import (
    AccountSealer,
    ConfigObject,
    Phase,
    community_url,
    contacts,
    convo_info_volatile,
    message,
    user_communities,
    user_groups,
    user_profile,
)
from veery.protocol.config.data import Data
from veery.protocol.config.fields import Picture
from veery.secret import Secret


@topic("config-types")
def config_types(inputs: Case, expected: Case) -> None:
    check = {
        "open_push": _open_push,
        "merge_pushes": _merge_pushes,
        "canonical_community_url": _canonical,
        "parse_community_url": _full_url,
    }[inputs["op"]]
    refused_or_checked(check, inputs, expected)


# -- pushes ----------------------------------------------------------------------------------------------------


def _open_push(inputs: Case, expected: Case) -> None:
    held = object_of(inputs)
    assert held.kind.namespace == inputs["namespace"]
    merged = held.merge([("h", bytes.fromhex(inputs["stored"]))], NOW_MS)
    for error in merged.refused.values():
        raise error
    found = held.message()
    assert found.raw.hex() == expected["message"]
    assert found.hash.hex() == expected["hash"]
    assert found.seqno == expected["seqno"]
    assert found.data == dict_of(expected["data"])
    assert (held.phase, held.current_hashes) == (Phase.CLEAN, frozenset({"h"}))
    for name, wanted in expected.get("fields", {}).items():
        if inputs["type"] == "UserProfile":
            assert _profile(found.data)[name] == wanted, name
        else:
            have = _ENTRIES[inputs["type"]](found.data, name)
            assert {key: have[key] for key in wanted} == wanted, name
    again = ConfigObject(held.kind, AccountSealer(account_of(inputs)))
    again.merge([("again", stored) for stored in held.push(NOW_MS).stored], NOW_MS)
    assert again.message().raw == found.raw


def _merge_pushes(inputs: Case, expected: Case) -> None:
    held = object_of(inputs)
    held.merge(arrived(inputs["stored"]), NOW_MS)
    assert held.needs_push is expected["needs_push"]
    found = held.message()
    assert found.seqno == expected["seqno"]
    assert found.raw.hex() == expected["message"]
    assert found.data == dict_of(expected["data"])
    assert sorted(held.obsolete_hashes) == sorted(expected["obsolete_hashes"])
    if "diff" in expected:
        assert encoded_diff(found) == bt.encode(value_of(expected["diff"]))
    assert message.parse(found.raw).hash == found.hash


# -- fields ----------------------------------------------------------------------------------------------------


def _hex(value: bytes | Secret | None) -> str | None:
    if isinstance(value, Secret):
        value = value.reveal()
    return None if value is None else value.hex()


def _picture(picture: Picture | None) -> dict[str, Any]:
    return {
        "picture_url": None if picture is None else picture.url,
        "picture_key": None if picture is None else _hex(picture.key),
    }


def _profile(data: Data) -> dict[str, Any]:
    profile = user_profile.read(data)
    pro = profile.pro
    return {
        "name": profile.name,
        **_picture(profile.picture),
        "note_to_self_priority": profile.note_to_self_priority,
        "note_to_self_expiry": profile.note_to_self_timer_s or None,
        "blinded_message_requests": profile.blinded_requests,
        "profile_updated": profile.updated_s,
        "pro_features": sorted(profile.pro_features),
        "pro_access_expiry_s": profile.pro_access_expiry_s or None,
        "pro": None
        if pro is None
        else {
            "expiry_s": pro.expiry_s,
            "tag": pro.tag.hex(),
            "rotating_seed": _hex(pro.rotating_seed),
            "signature": pro.signature.hex(),
        },
    }


def _contact(data: Data, name: str) -> dict[str, Any]:
    account_id = AccountId.from_hex(name)
    for (base_url, blinded_id), stranger in contacts.read_blinded(data).items():
        if blinded_id == account_id:
            return {
                "name": stranger.name,
                "community": base_url,
                "server_key": stranger.server_key.hex(),
                "priority": stranger.priority,
                "created": stranger.created_s,
                "profile_updated": stranger.updated_s,
                "pro_features": sorted(stranger.pro_features),
                **_picture(stranger.picture),
            }
    contact = contacts.read(data)[account_id]
    return {
        "name": contact.name,
        "nickname": contact.nickname,
        "approved": contact.approved,
        "approved_me": contact.approved_me,
        "blocked": contact.blocked,
        "created": contact.created_s,
        "notifications": contact.notifications,
        "priority": contact.priority,
        "mute_until": contact.muted_until_s,
        "profile_updated": contact.updated_s,
        "expiry_mode": contact.expiry_mode,
        "expiry_timer": contact.expiry_timer_s,
        "pro_features": sorted(contact.pro_features),
        **_picture(contact.picture),
    }


def _read_state(data: Data, name: str) -> dict[str, Any]:
    if "/" in name:
        base_url, _, room = name.rpartition("/")
        found = convo_info_volatile.read_communities(data)[base_url, room]
    else:
        found = convo_info_volatile.read(data)[AccountId.from_hex(name)]
    return {
        "last_read": found.last_read_ms,
        "unread": found.unread,
        "pro_tag": _hex(found.pro_tag),
        "pro_expiry": found.pro_expiry_s or None,
    }


def _membership(data: Data, name: str) -> dict[str, Any]:
    if "/" in name:
        base_url, _, room = name.rpartition("/")
        community = user_communities.read(data)[base_url, room]
        return {
            "name": community.room,
            "room": community.room,
            "pubkey": community.server_key.hex(),
            **_common(community),
        }
    group = user_groups.read(data)[AccountId.from_hex(name)]
    return {
        "name": group.name,
        "seed": _hex(group.seed),
        "auth_data": _hex(group.auth_data),
        "removed": group.removed,
        **_common(group),
    }


def _common(found: user_groups.Group | user_communities.Community) -> dict[str, Any]:
    return {
        "priority": found.priority,
        "joined": found.joined_s,
        "notifications": found.notifications,
        "mute_until": found.muted_until_s,
        "invited": found.invited,
    }


_ENTRIES: Mapping[str, Callable[[Data, str], dict[str, Any]]] = {
    "Contacts": _contact,
    "ConvoInfoVolatile": _read_state,
    "UserGroups": _membership,
}


# -- URLs ------------------------------------------------------------------------------------------------------


def _canonical(inputs: Case, expected: Case) -> None:
    found = community_url.canonical_base_url(inputs["url"])
    assert found == expected["base_url"]
    assert community_url.canonical_base_url(found) == found


def _full_url(inputs: Case, expected: Case) -> None:
    found = community_url.parse(inputs["url"])
    assert found.base_url == expected["base_url"]
    assert found.room == expected["room"]
    assert _hex(found.server_key) == expected["pubkey"]
    assert community_url.parse(str(found)) == found
