"""Synchronised configuration: documents that all devices of an account share (07).

There is no server logic: every device reads all messages that it finds, merges them by one deterministic rule and
stores the result. From the bottom up: `data` and `diff` (what a document holds, and what a message changed), `message`,
`merge`, `storage_form` with `compression`, `parts` and `legacy_wrapper` (what is stored), `sealing`, `state`, and
`object`, which is what a client shell holds. `batches` says how pushes go into requests.

One module a type gives meaning to the data: `user_profile`, `contacts`, `convo_info_volatile`, `user_groups` with
`user_communities`, and `local`. Their functions are pure: application data in, a value or an edited copy out, which
goes into `ConfigObject.change`. Keys that a type does not know survive every edit.
"""

from __future__ import annotations

from veery.protocol.config.community_url import CommunityUrl
from veery.protocol.config.data import Data, changed_keys
from veery.protocol.config.errors import ConfigMalformed, ConfigMisuse, ConfigRefused
from veery.protocol.config.kinds import (
    ACCOUNT_KINDS,
    CONTACTS,
    CONVO_INFO_VOLATILE,
    GROUP_INFO,
    GROUP_MEMBERS,
    LOCAL,
    USER_GROUPS,
    USER_PROFILE,
    ConfigKind,
)
from veery.protocol.config.object import ConfigObject, Merged, Opened, Push
from veery.protocol.config.sealing import AccountSealer, GroupSealer, Sealer
from veery.protocol.config.state import Phase

__all__ = [
    "ACCOUNT_KINDS",
    "CONTACTS",
    "CONVO_INFO_VOLATILE",
    "GROUP_INFO",
    "GROUP_MEMBERS",
    "LOCAL",
    "USER_GROUPS",
    "USER_PROFILE",
    "AccountSealer",
    "CommunityUrl",
    "ConfigKind",
    "ConfigMalformed",
    "ConfigMisuse",
    "ConfigObject",
    "ConfigRefused",
    "Data",
    "GroupSealer",
    "Merged",
    "Opened",
    "Phase",
    "Push",
    "Sealer",
    "changed_keys",
]
