"""Groups: up to 100 members, a swarm of their own, and no server that knows them (08).

A group is an Ed25519 key pair. `identity` is what its admins hold. Members read with a rotating key, which comes in
`key_messages` and is kept in a `key_list`; they use the swarm with a token that an admin signed (`subaccounts` of the
storage RPC, re-exported here). `info` and `members` give meaning to the two documents of the group, which are objects
of `veery.protocol.config`, sealed with the group's keys and signed by the group. `messages` are signed by their
author and encrypted once for all. `kicked_notice`, over `multi_recipient`, tells removed members that they were
removed. `control` makes what admins sign in messages.
"""

from __future__ import annotations

from veery.protocol.groups.errors import GroupMalformed, GroupMisuse, GroupRefused
from veery.protocol.groups.identity import GroupAdminKeys
from veery.protocol.groups.key_list import KeyList
from veery.protocol.groups.key_messages import GroupKey, Rotation
from veery.protocol.groups.members import Member, MemberStatus
from veery.protocol.groups.messages import OpenedGroupMessage
from veery.protocol.storage_rpc.subaccounts import Access, MemberKey, group_auth_data, group_token, member_key

__all__ = [
    "Access",
    "GroupAdminKeys",
    "GroupKey",
    "GroupMalformed",
    "GroupMisuse",
    "GroupRefused",
    "KeyList",
    "Member",
    "MemberKey",
    "MemberStatus",
    "OpenedGroupMessage",
    "Rotation",
    "group_auth_data",
    "group_token",
    "member_key",
]
