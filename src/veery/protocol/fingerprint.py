"""The fingerprint of an account: a short hash of its whole identifier, to compare by eye or voice (our own).

It stands beside names, for anybody can call himself anything, and the beginning of an Account ID is soon matched: 4 hex
digits by 65,000 keys. Alone in a module of the standard library, for commands that show names and need no cryptography.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from veery.protocol.constants import ACCOUNT_ID_HEX, PREFIX_GROUP

_GROUP: Final = f"{PREFIX_GROUP:02x}"
_SIZE: Final = 8  # bytes
_PERSON: Final = b"VeeryFingerprint"


def fingerprint(raw: bytes) -> str:
    """Four groups of four hex characters of an identifier (33 bytes): `a1b2 c3d4 e5f6 a7b8`."""
    digest = blake2b(raw, digest_size=_SIZE, person=_PERSON).hexdigest()
    return " ".join(digest[at : at + 4] for at in range(0, len(digest), 4))


def fingerprint_of(id_: str) -> str | None:
    """The fingerprint of an Account ID in hex; None for the id of a group, and for what is no identifier."""
    if len(id_) != ACCOUNT_ID_HEX or id_.startswith(_GROUP):
        return None
    try:
        return fingerprint(bytes.fromhex(id_))
    except ValueError:
        return None
