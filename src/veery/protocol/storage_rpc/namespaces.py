"""Classes of namespaces, 16-bit numbers that divide an account's messages (04.3).

Remainders are those of C: the sign follows the dividend, so the classes below zero are told by the negated number.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, Literal, TypeAlias

from veery.protocol.constants import (
    NAMESPACE_LEGACY_GROUP,
    NAMESPACE_MAX,
    NAMESPACE_MIN,
    NAMESPACE_TESTING,
    PUBLIC_INBOX_STEP,
    PUBLIC_OUTBOX_STEP,
    TTL_MAX_PRIVATE_MS,
    TTL_MAX_PUBLIC_MS,
    UNREVOCABLE_FIRST,
    UNREVOCABLE_STEP,
)

ALL: Final = "all"
NamespaceOrAll: TypeAlias = int | Literal["all"]


class Namespace(IntEnum):
    """Namespaces with a known use (04.3)."""

    INBOX = 0
    USER_PROFILE = 2
    CONTACTS = 3
    CONVERSATION_VOLATILE = 4
    USER_GROUPS = 5
    LEGACY_GROUP = -10
    GROUP_MESSAGES = 11
    GROUP_KEYS = 12
    GROUP_INFO = 13
    GROUP_MEMBERS = 14
    GROUP_REVOKED = -11
    DEVICE_GROUP = 21
    ACCOUNT_RECORD = -21


def in_range(namespace: int) -> bool:
    """Whether the number fits into 16 bits."""
    return NAMESPACE_MIN <= namespace <= NAMESPACE_MAX


def is_public_inbox(namespace: int) -> bool:
    """Whether anybody may store without a signature."""
    return namespace % PUBLIC_INBOX_STEP == 0


def is_public_outbox(namespace: int) -> bool:
    """Whether it holds one message that anybody may retrieve; a store replaces it."""
    return namespace < 0 and -namespace % PUBLIC_OUTBOX_STEP == 1


def is_unrevocable(namespace: int) -> bool:
    """Whether a revoked subaccount may still retrieve."""
    return namespace < 0 and -namespace % UNREVOCABLE_STEP == UNREVOCABLE_FIRST


def is_testing(namespace: int) -> bool:
    """Whether stores are refused and retrievals are empty. It is an outbox by the rule, so ask this first."""
    return namespace == NAMESPACE_TESTING


def retrieve_needs_signature(namespace: int) -> bool:
    """Whether a retrieve must be signed."""
    return namespace != NAMESPACE_LEGACY_GROUP and not is_public_outbox(namespace)


def max_ttl_ms(namespace: int) -> int:
    """The longest time to live, ms: 14 days in public inboxes, else 30 (04.4.2)."""
    return TTL_MAX_PUBLIC_MS if is_public_inbox(namespace) else TTL_MAX_PRIVATE_MS


def signed_namespace(namespace: NamespaceOrAll) -> bytes:
    """The namespace as signed strings and hashes write it: nothing for 0 (04.2)."""
    return b"" if namespace == 0 else str(namespace).encode()
