"""base32z, in which keys of nodes are written: 5 bits a character, most significant first, no padding (05.2)."""

from __future__ import annotations

from typing import Final

from veery.errors import Malformed
from veery.protocol.constants import BASE32Z_ALPHABET, BASE32Z_KEY_LENGTH, KEY_SIZE

_BITS: Final = 5
_VALUES: Final = {character: value for value, character in enumerate(BASE32Z_ALPHABET)}


class Base32zMalformed(Malformed):
    """The text is not base32z of whole bytes."""

    default_kind = "protocol.base32z"


def encode(data: bytes) -> str:
    """Write bytes as base32z: 52 characters for 32 bytes."""
    length = -(-len(data) * 8 // _BITS)
    number = int.from_bytes(data, "big") << (length * _BITS - len(data) * 8)
    return "".join(BASE32Z_ALPHABET[number >> _BITS * place & 31] for place in range(length - 1, -1, -1))


def decode_key(text: str) -> bytes:
    """Read a key of 32 bytes from 52 characters; capitals are taken as well (QR codes, 15.1.4).

    Raises Base32zMalformed for other lengths or characters, and when the four bits left over are not zero, so that
    every key has one spelling.
    """
    if len(text) != BASE32Z_KEY_LENGTH:
        raise Base32zMalformed(f"a base32z key has {BASE32Z_KEY_LENGTH} characters")
    number = 0
    for character in text.lower():
        value = _VALUES.get(character)
        if value is None:
            raise Base32zMalformed("a character is not of the base32z alphabet")
        number = number << _BITS | value
    spare = BASE32Z_KEY_LENGTH * _BITS - KEY_SIZE * 8
    if number & ((1 << spare) - 1):
        raise Base32zMalformed("the base32z text has bits left over")
    return (number >> spare).to_bytes(KEY_SIZE, "big")
