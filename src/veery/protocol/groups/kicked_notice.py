"""The notice that tells removed members that they were removed (08.7.1).

It is stored where a revoked token still reads. Each removed member finds its own X25519 key and the generation of keys
at the time; a notice of an earlier generation than the member holds is from an earlier membership and does not count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from veery.protocol import crypto
from veery.protocol.account import Account, AccountId
from veery.protocol.constants import GROUP_DOMAIN_KICKED, KEY_SIZE
from veery.protocol.groups import multi_recipient
from veery.protocol.groups.errors import GroupMalformed, GroupRefused
from veery.protocol.groups.identity import GroupAdminKeys

_DIGITS_MAX: Final = 20  # of 64 bits


@dataclass(frozen=True, slots=True)
class KickedNotice:
    """Who was removed, and the generation of keys at that time."""

    account_id: AccountId = field(repr=False)
    generation: int

    def counts(self, own_generation: int | None) -> bool:
        """Whether it ends a membership whose newest key is of this generation; None when no key was ever read."""
        return self.generation >= (own_generation or 0)


def build(admin: GroupAdminKeys, removed: Iterable[AccountId], generation: int, nonce: bytes) -> bytes:
    """One notice for all that are removed. generation: before rotating; nonce: 24 random bytes."""
    people = list(removed)
    return multi_recipient.encrypt(
        [person.key + str(generation).encode() for person in people],
        [person.key for person in people],
        sender_ed25519_secret=admin.secret,
        domain=GROUP_DOMAIN_KICKED,
        nonce=nonce,
    )


def read(encoded: bytes, *, account: Account, group_public: bytes) -> KickedNotice:
    """Read what an admin of the group wrote for this account.

    Raises GroupMalformed: `group.multi`, `group.kicked`; GroupRefused: `group.refused.recipient`.
    """
    payload = multi_recipient.decrypt(encoded, account=account, sender_public=group_public, domain=GROUP_DOMAIN_KICKED)
    person, number = payload[:KEY_SIZE], payload[KEY_SIZE:]
    if not crypto.equal(person, account.x25519_public):
        raise GroupRefused("the notice names another account", kind="group.refused.recipient")
    if not number.isdigit() or len(number) > _DIGITS_MAX:
        raise GroupMalformed("the notice names no generation", kind="group.kicked")
    return KickedNotice(account.account_id, int(number))
