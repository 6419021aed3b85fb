"""Recovery words: a seed as English words of which three characters count (01.3).

Four bytes, read little-endian, become three words of a list of 1626; a last word repeats the one that the CRC-32 of all
the three-character beginnings points at. For an account that is 13 words. `decode` looks words up by their first three
characters, so `amazing` is as good as `amaze`; case and white space do not matter. What is written is always lower case
with single spaces.

A word that is not in the list is shown back to the person who typed it, with near words of the list, because a single
wrong word is what goes wrong. Nothing else of the input appears in an error.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from veery.errors import Malformed, Misuse
from veery.protocol.constants import (
    RECOVERY_BYTES_MAX,
    RECOVERY_GROUP_SIZE,
    RECOVERY_WORD_PREFIX,
    RECOVERY_WORDS,
)
from veery.protocol.words_english import WORDS

_COUNT: Final = len(WORDS)
_INDEX: Final = {word[:RECOVERY_WORD_PREFIX]: index for index, word in enumerate(WORDS)}
_WORDS_A_GROUP: Final = 3
_NEAR: Final = 3  # near words shown
_SHOWN: Final = 24  # characters of a wrong word that are shown and compared; the longest word of the list has 12


class RecoveryWordsWrong(Malformed):
    """The recovery password does not stand for a seed.

    `kind` is account.words.too_few, .too_many, .unknown_word, .bad_encoding or .bad_checksum (01.3.4). When one word
    is to blame, `position` (from 1), `word` (as typed, cut) and `near` (up to three words of the list) name it.
    """

    default_kind = "account.words"

    def __init__(
        self,
        message: str,
        *,
        kind: str,
        remedy: str,
        position: int | None = None,
        word: str | None = None,
        near: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, kind=kind, remedy=remedy)
        self.position = position
        self.word = word
        self.near = near


def encode(seed: bytes, *, checksum: bool = True) -> str:
    """Write bytes as words: 12 for an account seed, and the checksum word (01.3.2).

    Takes any multiple of 4 bytes up to 1,024. Raises Misuse for other sizes.
    """
    if not seed or len(seed) % RECOVERY_GROUP_SIZE or len(seed) > RECOVERY_BYTES_MAX:
        raise Misuse(f"words stand for a multiple of {RECOVERY_GROUP_SIZE} bytes, at most {RECOVERY_BYTES_MAX}")
    words: list[str] = []
    for start in range(0, len(seed), RECOVERY_GROUP_SIZE):
        words += _words_of(int.from_bytes(seed[start : start + RECOVERY_GROUP_SIZE], "little"))
    if checksum:
        words.append(_checksum_word(words))
    return " ".join(words)


def decode(text: str, *, checksum: bool = True) -> bytes:
    """Read the 13 recovery words of an account: 16 bytes (01.3.3). Raises RecoveryWordsWrong.

    checksum=False reads data words alone, any multiple of three; restoring an account must not use it (01.3.5).
    """
    limit = RECOVERY_WORDS if checksum else RECOVERY_BYTES_MAX // RECOVERY_GROUP_SIZE * _WORDS_A_GROUP
    words = text.lower().split(None, limit)
    _check_count(words, limit, checksum)
    data = words[:-1] if checksum else words
    indexes = [_index_of(word, position) for position, word in enumerate(data, 1)]
    groups = (indexes[start : start + _WORDS_A_GROUP] for start in range(0, len(indexes), _WORDS_A_GROUP))
    seed = b"".join(_bytes_of(group) for group in groups)
    if checksum:
        _check_last(words[-1], data)
    return seed


def near_words(word: str) -> tuple[str, ...]:
    """Up to three words of the list that look like a mistyped one, the nearest first."""
    typed = word[:_SHOWN]
    close = get_close_matches(typed, WORDS, _NEAR, cutoff=0.7)
    same_start = [candidate for candidate in WORDS if candidate[:2] == typed[:2]]
    more = get_close_matches(typed, same_start, _NEAR, cutoff=0.0)
    return tuple(dict.fromkeys([*close, *more]))[:_NEAR]


def _words_of(number: int) -> tuple[str, str, str]:
    first = number % _COUNT
    second = (number // _COUNT + first) % _COUNT
    third = (number // _COUNT // _COUNT + second) % _COUNT
    return WORDS[first], WORDS[second], WORDS[third]


def _bytes_of(group: Sequence[int]) -> bytes:
    first, second, third = group
    number = first + _COUNT * ((second - first) % _COUNT) + _COUNT * _COUNT * ((third - second) % _COUNT)
    try:
        return number.to_bytes(RECOVERY_GROUP_SIZE, "little")
    except OverflowError:
        raise RecoveryWordsWrong(
            "these words do not stand for a recovery password",
            kind="account.words.bad_encoding",
            remedy="Each word is in the list, but not in this order; compare them with what was written down",
        ) from None


def _checksum_word(words: Sequence[str]) -> str:
    beginnings = "".join(word[:RECOVERY_WORD_PREFIX] for word in words)
    return words[zlib.crc32(beginnings.encode()) % len(words)]


def _check_count(words: Sequence[str], limit: int, checksum: bool) -> None:
    count = len(words)
    if count > limit:
        raise RecoveryWordsWrong(
            f"these are more than {limit} words",
            kind="account.words.too_many",
            remedy=f"A recovery password has {RECOVERY_WORDS} words",
        )
    if (checksum and count < limit) or not count or (not checksum and count % _WORDS_A_GROUP):
        only = "this is only 1 word" if count == 1 else f"these are only {count} words"
        raise RecoveryWordsWrong(
            only, kind="account.words.too_few", remedy=f"A recovery password has {RECOVERY_WORDS} words"
        )


def _index_of(word: str, position: int) -> int:
    index = _INDEX.get(word[:RECOVERY_WORD_PREFIX])
    if index is None:
        raise _unknown(word, position, "account.words.unknown_word")
    return index


def _check_last(word: str, data: Sequence[str]) -> None:
    if word[:RECOVERY_WORD_PREFIX] not in _INDEX:
        raise _unknown(word, RECOVERY_WORDS, "account.words.bad_checksum")  # the class of the book for this place
    if word[:RECOVERY_WORD_PREFIX] != _checksum_word(data)[:RECOVERY_WORD_PREFIX]:
        raise RecoveryWordsWrong(
            "the last word does not fit the others",
            kind="account.words.bad_checksum",
            remedy="A word is wrong or two have changed places; compare them with what was written down",
        )


def _unknown(word: str, position: int, kind: str) -> RecoveryWordsWrong:
    shown = "".join(character if character.isprintable() else "?" for character in word[:_SHOWN])
    near = near_words(word)
    listed = near[0] if len(near) == 1 else f"{', '.join(near[:-1])} or {near[-1]}" if near else ""
    return RecoveryWordsWrong(
        f'word {position}, "{shown}", is not in the list of recovery words',
        kind=kind,
        remedy=f"Did you mean {listed}?" if near else "Compare it with what was written down",
        position=position,
        word=shown,
        near=near,
    )
