"""Sealing what is said in a group, and signing what is stored in its swarm (08.5, 08.2)."""

from __future__ import annotations

from collections.abc import Callable

from veery.client.core import Core
from veery.client.groups.faults import GroupClosed
from veery.client.groups.standing import check_open, keys_of, signer_of
from veery.client.levels.outcomes import SealedCopy
from veery.client.views import GROUP_LEVEL
from veery.protocol.account import AccountId
from veery.protocol.constants import PREFIX_GROUP
from veery.protocol.groups import GroupMisuse, KeyList
from veery.protocol.groups import messages as group_messages
from veery.protocol.message_v1 import decoy_pro_signature
from veery.protocol.storage_rpc import Store, sign_request
from veery.secret import Secret
from veery.store.groups import GroupRow
from veery.store.outbox import Copy


def sending_key(keys: KeyList) -> Secret | None:
    """The key to encrypt messages with: the newest that is known to be in the swarm.

    A rotation that is not stored yet is left out: a message must not come before the key that opens it.
    """
    return keys.keys[-1].key if keys.keys else None


def seal_content(core: Core, row: GroupRow, content: bytes, timestamp_ms: int) -> bytes:
    """Seal a content for a group. Raises GroupMisuse without a key, or for what is too long."""
    key = sending_key(keys_of(row))
    if key is None:
        raise GroupMisuse("no key of the group is held", kind="group.misuse.no_key")
    random = core.random.random_bytes
    return group_messages.seal(
        content,
        sender_ed25519_secret=core.account.ed25519_secret,
        group_public=row.id.key,
        key=key,
        timestamp_ms=timestamp_ms,
        pro_sig=decoy_pro_signature(random),
        random=random,
    )


async def seal_copy(core: Core, copy: Copy) -> SealedCopy:
    """Seal a copy of the outbox for a group. Raises GroupMisuse when the account is not in it, or has no key."""
    row = await core.read(lambda tables: tables.groups.get(copy.destination))
    if row is None:
        raise GroupMisuse("the account is not in this group any more", kind="client.group.closed")
    try:
        check_open(row)
    except GroupClosed as error:
        raise GroupMisuse(error.message, kind=error.kind) from error
    return SealedCopy(seal_content(core, row, copy.content, copy.timestamp_ms), GROUP_LEVEL)


async def store_signer(core: Core, destination: AccountId) -> Callable[[Store], Store]:
    """What signs requests to store for a destination: in a group's swarm by its rights, elsewhere not at all.

    Without rights a request stays unsigned, and is refused.
    """
    if destination.prefix != PREFIX_GROUP:
        return lambda request: request
    row = await core.read(lambda tables: tables.groups.get(destination))
    signer = None if row is None else signer_of(row, core.account)
    return lambda request: request if signer is None else sign_request(request, signer)
