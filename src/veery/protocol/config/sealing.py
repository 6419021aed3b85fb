"""Who encrypts a configuration, and how it is written and read (07.7): an account its own, a group its documents.

`Sealer` is what an object needs of either. Opening gives the bytes of a message or a part; what both have in common is
in `storage_form`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from veery.errors import ProtocolError
from veery.protocol.account import Account
from veery.protocol.config import legacy_wrapper, parts, storage_form
from veery.protocol.config.errors import ConfigMisuse
from veery.protocol.config.kinds import ConfigKind
from veery.protocol.config.parts import Part
from veery.protocol.constants import DATA_MAX
from veery.secret import Secret


@dataclass(frozen=True, slots=True, repr=False)
class Sealed:
    """What to store for one message, in this order. set_hash: of the set, when there are several parts."""

    stored: tuple[bytes, ...]
    set_hash: bytes | None = None


class Sealer(Protocol):
    """Turns messages into what is stored, and back."""

    def seal(self, kind: ConfigKind, seqno: int, message: bytes) -> Sealed:
        """The stored form of a message. Raises ConfigMisuse for messages that are too large."""

    def open(self, kind: ConfigKind, stored: bytes) -> bytes | Part:
        """The message or part in something stored. Raises ConfigMalformed, ConfigRefused."""


class AccountSealer:
    """Seals the configurations of an account with its seed, in the legacy wrapper where that is asked for."""

    __slots__ = ("_account", "_keys")

    def __init__(self, account: Account) -> None:
        self._account = account
        self._keys = (account.seed32,)

    def seal(self, kind: ConfigKind, seqno: int, message: bytes) -> Sealed:
        """The stored form of a message; wrapped if that fits into one stored message, 07.7.5."""
        sealed = _seal(kind, message, self._keys[0])
        if kind.wrapped_as is None or sealed.set_hash is not None:
            return sealed
        wrapped = legacy_wrapper.wrap(self._account, kind.wrapped_as, seqno, sealed.stored[0])
        return Sealed((wrapped,)) if len(wrapped) <= DATA_MAX else sealed

    def open(self, kind: ConfigKind, stored: bytes) -> bytes | Part:
        """The message or part in something stored, wrapped once, twice (by a past release) or not at all."""
        for _ in range(2):
            try:
                stored = self._unwrapped(kind, stored)
            except ProtocolError:
                break
        return _open(kind, stored, self._keys)

    def _unwrapped(self, kind: ConfigKind, stored: bytes) -> bytes:
        if kind.wrapped_as is None:
            raise ConfigMisuse("this kind of configuration is not wrapped")
        return legacy_wrapper.unwrap(self._account, kind.wrapped_as, stored)


class GroupSealer:
    """Seals Info and Members of a group. keys: 32 bytes each, the one to encrypt with first, then all older ones."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Sequence[Secret]) -> None:
        self._keys = tuple(keys)

    def seal(self, kind: ConfigKind, seqno: int, message: bytes) -> Sealed:
        """The stored form of a message, bare. Raises ConfigMisuse: `config.misuse.no_key` while none is held."""
        if not self._keys:
            raise ConfigMisuse("no key of the group is held", kind="config.misuse.no_key")
        return _seal(kind, message, self._keys[0])

    def open(self, kind: ConfigKind, stored: bytes) -> bytes | Part:
        """The message or part in something stored, with whichever key opens it."""
        return _open(kind, stored, self._keys)


def _seal(kind: ConfigKind, message: bytes, key: Secret) -> Sealed:
    padded = storage_form.padded(message)
    if not parts.needs_parts(padded):
        return Sealed((storage_form.encrypt(padded, key, kind.domain),))
    stored = tuple(storage_form.encrypt(part, key, kind.domain) for part in parts.cut(padded))
    return Sealed(stored, parts.set_hash(padded))


def _open(kind: ConfigKind, stored: bytes, keys: Sequence[Secret]) -> bytes | Part:
    payload = storage_form.unpadded(storage_form.decrypt(stored, keys, kind.domain))
    return parts.read(payload) if payload.startswith(storage_form.PART) else storage_form.inflated(payload)
