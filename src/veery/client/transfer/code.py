"""The short code of a transfer: four digits and two words, as in `4821-anchor-mustard`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from veery.errors import Malformed
from veery.protocol.words_english import WORDS

DIGITS: Final = 4
_FORM: Final = re.compile(rf"([0-9]{{{DIGITS}}})[-\s]+([a-z]+)[-\s]+([a-z]+)")
_PREFIX: Final = 3  # letters that tell the words apart


class TransferCodeWrong(Malformed):
    """What was typed is not a code."""

    default_kind = "client.transfer.code"
    default_remedy = "Type the code that the other device shows, as in 4821-anchor-mustard"


@dataclass(frozen=True, slots=True)
class TransferCode:
    """A code, about 34 bits: enough for a key that can be guessed at three times. `text` is how it is shown."""

    text: str = field(repr=False)

    @classmethod
    def create(cls, randbelow: Callable[[int], int]) -> TransferCode:
        """A new random code."""
        digits = "".join(str(randbelow(10)) for _ in range(DIGITS))
        return cls("-".join((digits, WORDS[randbelow(len(WORDS))], WORDS[randbelow(len(WORDS))])))

    @classmethod
    def parse(cls, typed: str) -> TransferCode:
        """Read a typed code; of each word the first three letters count. Raises TransferCodeWrong."""
        found = _FORM.fullmatch(typed.strip().lower())
        if found is None:
            raise TransferCodeWrong("this is not a code of a transfer")
        return cls("-".join((found[1], _word(found[2]), _word(found[3]))))


def _word(typed: str) -> str:
    for word in WORDS:
        if word[:_PREFIX] == typed[:_PREFIX]:
            return word
    raise TransferCodeWrong("a word of the code is not in the list")
