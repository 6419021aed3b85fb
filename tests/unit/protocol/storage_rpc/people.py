"""Accounts, keys and requests that the tests of the storage RPC share."""

from __future__ import annotations

from typing import Any, Final

from veery.protocol import crypto
from veery.protocol.storage_rpc import (
    Delete,
    DeleteAll,
    DeleteBefore,
    Expire,
    ExpireAll,
    GetExpiries,
    Retrieve,
    RevokedSubaccounts,
    RevokeSubaccount,
    Signed,
    Store,
    SubaccountSigner,
    UnrevokeSubaccount,
    message_hash,
    owner_signer,
)
from veery.protocol.storage_rpc.subaccounts import Access, build_token, group_auth_data, member_key
from veery.secret import Secret

NOW: Final = 1_736_038_121_769
DAY: Final = 86_400_000

ALICE_SEED: Final = bytes(range(32))
GROUP_SEED: Final = bytes(range(32, 64))
ALICE_PUBLIC, ALICE_SECRET = crypto.ed25519_from_seed(ALICE_SEED)
GROUP_PUBLIC, GROUP_SECRET = crypto.ed25519_from_seed(GROUP_SEED)
NODE_PUBLIC, NODE_SECRET = crypto.ed25519_from_seed(b"n" * 32)
ALICE: Final = b"\x05" + crypto.ed25519_public_to_x25519(ALICE_PUBLIC)
GROUP: Final = b"\x03" + GROUP_PUBLIC

alice = owner_signer(ALICE, Secret(ALICE_SECRET))
group = owner_signer(GROUP, Secret(GROUP_SECRET))

HASHES: Final = tuple(message_hash(ALICE, 0, bytes((number,))) for number in range(3))
TOKEN: Final = build_token(3, Access.READ, b"k" * 32)


def member(access: Access = Access.READ | Access.WRITE) -> SubaccountSigner:
    """Alice as a member of the group."""
    auth_data = group_auth_data(Secret(GROUP_SEED), ALICE[1:], access)
    return SubaccountSigner(member_key(GROUP, auth_data, Secret(ALICE_SEED), Access.NONE))


def requests_of(account: bytes) -> list[Signed]:
    """One unsigned request of every method with a signature, valid at NOW."""
    return [
        Store(account, 2, b"data", NOW, NOW + DAY),
        Retrieve(account, 2, timestamp=NOW),
        Delete(account, HASHES),
        DeleteAll(account, NOW, "all"),
        DeleteBefore(account, NOW, 2),
        Expire(account, HASHES, (NOW + DAY,), extend=True),
        ExpireAll(account, NOW, -21),
        GetExpiries(account, HASHES, NOW),
        RevokeSubaccount(account, (TOKEN,), NOW),
        UnrevokeSubaccount(account, (TOKEN,), NOW),
        RevokedSubaccounts(account, NOW),
    ]


def store_params(**changes: Any) -> dict[str, Any]:
    """Valid parameters of a store, with changes; None takes a field away."""
    params = {"pubkey": ALICE.hex(), "data": "AAAA", "timestamp": NOW, "ttl": DAY} | changes
    return {name: value for name, value in params.items() if value is not None}
