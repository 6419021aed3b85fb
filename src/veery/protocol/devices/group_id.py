"""The identifier of a device group: fixed for its life, and readable only with the account's seed (06.6.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from veery.errors import Misuse
from veery.protocol import crypto
from veery.protocol.constants import GROUP_ID_SIZE, KEY_SIZE, PERSON_GROUP_ID_KEY, PERSON_GROUP_ID_NONCE
from veery.protocol.crypto import RandomBytes
from veery.protocol.devices import emoji
from veery.protocol.devices.emoji import EmojiString
from veery.secret import Secret

_MINUTE_SIZE: Final = 4
_MINUTE_S: Final = 60


@dataclass(frozen=True, order=True, slots=True)
class GroupId:
    """8 bytes: the minute of creation (32 bits, little-endian) and 4 random bytes. Raises Misuse for other sizes."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != GROUP_ID_SIZE:
            raise Misuse(f"a group identifier has {GROUP_ID_SIZE} bytes", kind="devices.group_id")

    @classmethod
    def create(cls, now_s: int, random: RandomBytes) -> GroupId:
        """A new identifier."""
        minute = now_s // _MINUTE_S % 2 ** (8 * _MINUTE_SIZE)
        return cls(minute.to_bytes(_MINUTE_SIZE, "little") + random(GROUP_ID_SIZE - _MINUTE_SIZE))

    @property
    def created_s(self) -> int:
        """When the group was created, unix seconds, a whole minute."""
        return int.from_bytes(self.raw[:_MINUTE_SIZE], "little") * _MINUTE_S

    @property
    def emoji(self) -> EmojiString:
        """For people who compare two devices; this proves nothing."""
        return emoji.of_group(self.raw)


def encrypt(group_id: GroupId, root_seed: Secret, ephemeral: bytes) -> bytes:
    """The identifier as a group message with this ephemeral key carries it, 8 bytes. root_seed: 32 bytes."""
    return _crypt(group_id.raw, root_seed, ephemeral)


def decrypt(encrypted: bytes, root_seed: Secret, ephemeral: bytes) -> GroupId:
    """Read the identifier of a group message. Anything decrypts: its signature must have been checked."""
    return GroupId(_crypt(encrypted, root_seed, ephemeral))


def _crypt(data: bytes, root_seed: Secret, ephemeral: bytes) -> bytes:
    key = crypto.blake2b(KEY_SIZE, root_seed.reveal(), person=PERSON_GROUP_ID_KEY)
    nonce = crypto.blake2b(crypto.XCHACHA_NONCE_SIZE, ephemeral, person=PERSON_GROUP_ID_NONCE)
    return crypto.xchacha_stream(key, nonce, data)
