"""What of a group is kept alive with one request, when there is more than fits."""

from __future__ import annotations

from veery.client.groups.restoring import _EXTENDED_MAX, _Held
from veery.protocol.crypto import ed25519_from_seed
from veery.protocol.storage_rpc import owner_signer
from veery.secret import Secret


def test_what_is_missed_when_it_is_lost_is_asked_for_first() -> None:
    public, secret = ed25519_from_seed(bytes(32))
    signer = owner_signer(b"\x03" + public, Secret(secret))
    older = frozenset(f"a{number:04}" for number in range(_EXTENDED_MAX))
    documents = {"GroupInfo": frozenset({"y"}), "GroupMembers": frozenset({"x"})}
    held = _Held(signer, True, older | {"z"}, frozenset({"z"}), documents)
    assert held.hashes[:3] == ("x", "y", "z")
    assert len(held.hashes) == _EXTENDED_MAX
    assert set(held.hashes[3:]) < older
