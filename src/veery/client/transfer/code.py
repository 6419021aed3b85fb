"""The short code of a transfer: digits and two words, as in `4821-anchor-mustard`.

Four digits for two devices in one network, where all of the code is secret. Six digits when they meet through the
swarm: there the digits are the nameplate, which says where to meet and which others can find out; the words, about 21
bits, are the secret, and can be guessed at three times.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from veery.errors import Malformed
from veery.protocol.words_english import WORDS

DIGITS: Final = 4
NAMEPLATE_DIGITS: Final = 6
_FORM: Final = re.compile(rf"([0-9]{{{DIGITS}}}|[0-9]{{{NAMEPLATE_DIGITS}}})[-\s]+([a-z]+)[-\s]+([a-z]+)")
_PREFIX: Final = 3  # letters that tell the words apart


class TransferCodeWrong(Malformed):
    """What was typed is not a code."""

    default_kind = "client.transfer.code"
    default_remedy = "Type the code that the other device shows, as in 4821-anchor-mustard"


@dataclass(frozen=True, slots=True)
class TransferCode:
    """A code: enough for a key that can be guessed at three times. `text` is how it is shown."""

    text: str = field(repr=False)

    @classmethod
    def create(cls, randbelow: Callable[[int], int], *, by_server: bool = False) -> TransferCode:
        """A new random code. by_server: for devices that meet through the swarm."""
        digits = "".join(str(randbelow(10)) for _ in range(NAMEPLATE_DIGITS if by_server else DIGITS))
        return cls("-".join((digits, WORDS[randbelow(len(WORDS))], WORDS[randbelow(len(WORDS))])))

    @classmethod
    def parse(cls, typed: str) -> TransferCode:
        """Read a typed code; of each word the first three letters count. Raises TransferCodeWrong."""
        found = _FORM.fullmatch(typed.strip().lower())
        if found is None:
            raise TransferCodeWrong("this is not a code of a transfer")
        return cls("-".join((found[1], _word(found[2]), _word(found[3]))))

    @property
    def nameplate(self) -> str | None:
        """The digits that say where the devices meet in the swarm; None for a code of the local network."""
        digits = self.text.partition("-")[0]
        return digits if len(digits) == NAMEPLATE_DIGITS else None


def _word(typed: str) -> str:
    for word in WORDS:
        if word[:_PREFIX] == typed[:_PREFIX]:
            return word
    raise TransferCodeWrong("a word of the code is not in the list")
