"""Short authentication strings: emoji that two people, or two devices of one person, compare (06.8.3, 06.6.3).

The emoji of a link request are made slowly (Argon2id), because whoever could find a second request with the same first
emoji would be let into the group. Those of a group identifier are for orientation only. The table is that of the
public Matrix specification.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from veery.protocol import crypto
from veery.protocol.constants import (
    EMOJI_ARGON_MEMORY,
    EMOJI_ARGON_OPS,
    EMOJI_COUNT,
    EMOJI_GROUP,
    EMOJI_SEED_SIZE,
    EMOJI_SHORT,
    PERSON_GROUP_EMOJI,
    PERSON_LINK_EMOJI,
)

_INDEX_BITS: Final = 6

TABLE: Final = (  # emoji and English name, by index
    ("🐶", "Dog"),
    ("🐱", "Cat"),
    ("🦁", "Lion"),
    ("🐎", "Horse"),
    ("🦄", "Unicorn"),
    ("🐷", "Pig"),
    ("🐘", "Elephant"),
    ("🐰", "Rabbit"),
    ("🐼", "Panda"),
    ("🐓", "Rooster"),
    ("🐧", "Penguin"),
    ("🐢", "Turtle"),
    ("🐟", "Fish"),
    ("🐙", "Octopus"),
    ("🦋", "Butterfly"),
    ("🌷", "Flower"),
    ("🌳", "Tree"),
    ("🌵", "Cactus"),
    ("🍄", "Mushroom"),
    ("🌏", "Globe"),
    ("🌙", "Moon"),
    ("☁️", "Cloud"),
    ("🔥", "Fire"),
    ("🍌", "Banana"),
    ("🍎", "Apple"),
    ("🍓", "Strawberry"),
    ("🌽", "Corn"),
    ("🍕", "Pizza"),
    ("🎂", "Cake"),
    ("❤️", "Heart"),
    ("😀", "Smiley"),
    ("🤖", "Robot"),
    ("🎩", "Hat"),
    ("👓", "Glasses"),
    ("🔧", "Spanner"),
    ("🎅", "Santa"),
    ("👍", "Thumbs Up"),
    ("☂️", "Umbrella"),
    ("⌛", "Hourglass"),
    ("⏰", "Clock"),
    ("🎁", "Gift"),
    ("💡", "Light Bulb"),
    ("📕", "Book"),
    ("✏️", "Pencil"),
    ("📎", "Paperclip"),
    ("✂️", "Scissors"),
    ("🔒", "Lock"),
    ("🔑", "Key"),
    ("🔨", "Hammer"),
    ("☎️", "Telephone"),
    ("🏁", "Flag"),
    ("🚂", "Train"),
    ("🚲", "Bicycle"),
    ("✈️", "Aeroplane"),
    ("🚀", "Rocket"),
    ("🏆", "Trophy"),
    ("⚽", "Ball"),
    ("🎸", "Guitar"),
    ("🎺", "Trumpet"),
    ("🔔", "Bell"),
    ("⚓", "Anchor"),
    ("🎧", "Headphones"),
    ("📁", "Folder"),
    ("📌", "Pin"),
)


@dataclass(frozen=True, slots=True)
class EmojiString:
    """Indices into `TABLE`, 21 of them. shown: how many are shown at first."""

    indices: tuple[int, ...]
    shown: int

    @property
    def short(self) -> str:
        """The first emoji, joined by spaces."""
        return " ".join(self.emoji[: self.shown])

    @property
    def extended(self) -> str:
        """All 21, as three lines of seven."""
        rows = (self.emoji[start : start + EMOJI_SHORT] for start in range(0, EMOJI_COUNT, EMOJI_SHORT))
        return "\n".join(" ".join(row) for row in rows)

    @property
    def emoji(self) -> Sequence[str]:
        """All 21 emoji."""
        return [TABLE[index][0] for index in self.indices]

    @property
    def names(self) -> Sequence[str]:
        """The English names of all 21, for screens that cannot show them and for reading aloud."""
        return [TABLE[index][1] for index in self.indices]


def of_request(plaintext: bytes) -> EmojiString:
    """The emoji of a link request: of its exact plaintext, signature included. Takes 16 MiB and some milliseconds."""
    return EmojiString(_indices(request_seed(plaintext)), EMOJI_SHORT)


def of_group(group_id: bytes) -> EmojiString:
    """The emoji of a group identifier (8 bytes): the first four are shown."""
    return EmojiString(_indices(crypto.blake2b(EMOJI_SEED_SIZE, group_id, person=PERSON_GROUP_EMOJI)), EMOJI_GROUP)


def request_salt(plaintext: bytes) -> bytes:
    """The salt of a request's emoji, 16 bytes."""
    return crypto.blake2b(EMOJI_SEED_SIZE, plaintext, person=PERSON_LINK_EMOJI)


def request_seed(plaintext: bytes) -> bytes:
    """What a request's emoji are read from, 16 bytes."""
    salt = request_salt(plaintext)
    return crypto.argon2id(EMOJI_SEED_SIZE, plaintext, salt, ops=EMOJI_ARGON_OPS, memory=EMOJI_ARGON_MEMORY)


def _indices(seed: bytes) -> tuple[int, ...]:
    number = int.from_bytes(seed, "little")
    return tuple(number >> (_INDEX_BITS * place) & (len(TABLE) - 1) for place in range(EMOJI_COUNT))
