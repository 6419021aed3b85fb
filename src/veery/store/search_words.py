"""Text made ready for the full-text index, and what a person types made into an expression for it.

The index (FTS5, `unicode61`) knows words: runs of letters, marks and digits, folded in case and Latin accents, found
whole or by their beginning. Three things are done to the text before, to both sides alike:

- Scripts that write no spaces, or glue particles to words (Chinese, Japanese, Korean, Thai, Lao, Khmer, Burmese,
  Tibetan, Arabic, Hebrew): a run of them is indexed as its overlapping pairs and its last character, `abcd` as
  `ab bc cd d`, so that every part of it is found, from one character upwards. Vowel signs of Arabic and Hebrew count
  as little as accents of Latin and Greek do.
- Symbols and emoji become a word each, `u1f600`, for the tokenizer knows only those of its time.
- Compatibility forms (full-width letters, ligatures) become the plain ones, NFKC; what a keyboard without the letter
  writes instead is the same (`ß` and `ss`, `æ` and `ae`, `ł` and `l`); so are the four letters i that Turkish tells
  apart, for whoever has searched wants to find; and letters get one case that the tokenizer knows no case of.

The names of a message's files are words of the message.

Measured on an encrypted store (200,000 messages of up to 20 words, secure deletion on) against FTS5's `trigram`, which
would find parts of words in every script: 1.6 times the time of an insert, 3 times that of a deletion, 4 times the
space, and it cannot look for one or two characters, which most Chinese and Japanese words are. A prefix index was
measured as well: it makes deletions 6 times as slow, and searching for `th` takes 0.1 instead of 0.8 ms.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import groupby
from typing import Final

_PAIRED: Final = (
    "\u0e00-\u0fff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff"  # Thai, Lao, Tibetan; Burmese; Jamo; Khmer
    "\u3040-\u30ff\u3100-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"  # Kana, Bopomofo, Han
    "\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"  # Hangul, Han
)
_CONSONANTAL: Final = "\u0590-\u06ff\u0750-\u077f\u0870-\u08ff"  # Hebrew, Arabic
_IS_PAIRED: Final = re.compile(f"[{_PAIRED}{_CONSONANTAL}]")
_IS_CONSONANTAL: Final = re.compile(f"[{_CONSONANTAL}]")
_IS_GREEK: Final = re.compile("[\u0370-\u03ff\u1f00-\u1fff]")  # the tokenizer knows no accents but Latin ones
_IS_LATER: Final = re.compile(  # letters whose case Unicode has learnt since the tokenizer was made
    "[\u0250-\u02af\u0528-\u052f\u10a0-\u10ff\u13a0-\u13ff\u1c80-\u1cbf\u1d00-\u1dbf\u2c2f\u2c5f"
    "\ua690-\ua69f\ua790-\ua7ff\uab30-\uabbf\U00010400-\U0001e943]"
)
_FOLDED: Final = {
    "ß": "ss",
    "ẞ": "ss",
    "æ": "ae",
    "Æ": "ae",
    "œ": "oe",
    "Œ": "oe",
    "ı": "i",
    "þ": "th",
    "Þ": "th",
    "ø": "o",
    "Ø": "o",
    "ł": "l",
    "Ł": "l",
    "đ": "d",
    "Đ": "d",
    "ð": "d",
    "Ð": "d",
    "ħ": "h",
    "Ħ": "h",
}
_TATWEEL: Final = "\u0640"
_VARIATION: Final = re.compile("[\ufe00-\ufe0f\u200b-\u200f\u2060\u00ad\ufeff]")  # shapes of what stands before
_IN_WORDS: Final = frozenset("LMN")


class _Kind(Enum):
    WORD = "word"  # as the tokenizer takes it
    PAIRED = "paired"  # indexed by pairs
    SYMBOL = "symbol"  # a word of its own
    GAP = "gap"  # between words


def index_words(text: str) -> str | None:
    """What the index takes for a text; None when that is the text itself."""
    if text.isascii():
        return None
    words = " ".join(_words(text, ended=True))
    return None if words == text else words


def message_words(body: str, names: Iterable[str]) -> str | None:
    """What the index takes for a message: its text, and the names of its files; None when that is the text itself."""
    text = "\n".join((body, *(name for name in names if name)))
    words = index_words(text)
    return text if words is None and text != body else words


def match_expression(phrases: Iterable[str]) -> str | None:
    """What FTS5 is asked for phrases that must all be there, each with its last word begun; None when they say nothing.

    A phrase is what a person typed as one argument: its words must follow each other.
    """
    found = [each for each in map(_phrase, phrases) if each is not None]
    return " AND ".join(found) or None


def _phrase(typed: str) -> str | None:
    words = list(_words(typed, ended=False))
    if not any(character.isalnum() for word in words for character in word):
        return None
    open_end = not (len(words[-1]) > 1 and _IS_PAIRED.match(words[-1]))
    quoted = " ".join(words).replace('"', " ")
    return f'"{quoted}"' + (" *" if open_end else "")


def _words(text: str, *, ended: bool) -> Iterator[str]:
    """The words of a text. Unless `ended`, what comes last may be the beginning of something longer."""
    runs = [
        (kind, "".join(character for character, _ in run))
        for kind, run in groupby(_characters(text), key=lambda each: each[1])
        if kind is not _Kind.GAP
    ]
    for at, (kind, run) in enumerate(runs):
        if kind is _Kind.WORD:
            yield run
        elif kind is _Kind.SYMBOL:
            yield from (f"u{ord(character):x}" for character in run)
        else:
            yield from (run[n : n + 2] for n in range(len(run) - 1))
            if ended or at + 1 < len(runs) or len(run) == 1:
                yield run[-1]


def _characters(text: str) -> Iterator[tuple[str, _Kind]]:
    for character in _VARIATION.sub("", unicodedata.normalize("NFKC", text)):
        category = unicodedata.category(character)
        if _IS_CONSONANTAL.match(character):
            if category[0] == "M" or character == _TATWEEL:
                continue
            plain = unicodedata.normalize("NFKD", character)[0]
            yield plain, _Kind.PAIRED if category[0] in _IN_WORDS else _Kind.GAP
        elif category[0] in _IN_WORDS:
            yield _folded(character), _Kind.PAIRED if _IS_PAIRED.match(character) else _Kind.WORD
        elif category == "So":
            yield character, _Kind.SYMBOL
        else:
            yield character, _Kind.GAP


def _folded(character: str) -> str:
    """A letter without what searches do not tell apart and the tokenizer would."""
    if _IS_GREEK.match(character):
        return unicodedata.normalize("NFD", character)[0]
    if _IS_LATER.match(character):
        return character.casefold()
    return _FOLDED.get(character, character)
