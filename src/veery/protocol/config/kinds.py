"""The kinds of configuration: where each is stored and how it is told from the others (07.10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from veery.protocol.config import convo_info_volatile
from veery.protocol.config.data import Data
from veery.protocol.content import SharedConfigKind
from veery.protocol.storage_rpc.namespaces import Namespace


def _untouched(data: Data, now_ms: int) -> Data:
    return data


@dataclass(frozen=True, slots=True)
class ConfigKind:
    """One kind of configuration.

    domain: its name in keys and nonces, 1 to 24 ASCII bytes. namespace: None for what never leaves the device.
    wrapped_as: the legacy wrapper's kind, None for what is stored bare. tidied: what is left out of a new push.
    """

    name: str
    domain: bytes
    namespace: int | None
    wrapped_as: SharedConfigKind | None = None
    tidied: Callable[[Data, int], Data] = _untouched


USER_PROFILE: Final = ConfigKind("UserProfile", b"UserProfile", Namespace.USER_PROFILE, SharedConfigKind.USER_PROFILE)
CONTACTS: Final = ConfigKind("Contacts", b"Contacts", Namespace.CONTACTS, SharedConfigKind.CONTACTS)
CONVO_INFO_VOLATILE: Final = ConfigKind(
    "ConvoInfoVolatile",
    b"ConvoInfoVolatile",
    Namespace.CONVERSATION_VOLATILE,
    SharedConfigKind.CONVO_INFO_VOLATILE,
    convo_info_volatile.without_stale,
)
USER_GROUPS: Final = ConfigKind("UserGroups", b"UserGroups", Namespace.USER_GROUPS, SharedConfigKind.USER_GROUPS)
LOCAL: Final = ConfigKind("Local", b"Local", None)
GROUP_INFO: Final = ConfigKind("groups::Info", b"groups::Info", Namespace.GROUP_INFO)
GROUP_MEMBERS: Final = ConfigKind("groups::Members", b"groups::Members", Namespace.GROUP_MEMBERS)

ACCOUNT_KINDS: Final = (USER_PROFILE, CONTACTS, CONVO_INFO_VOLATILE, USER_GROUPS)  # in the order to process them, 07.9
