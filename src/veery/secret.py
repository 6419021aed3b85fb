"""Types for what must not be printed: secrets, and identifiers that print shortened."""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """Secret bytes: no repr of the content, no pickling, no `==`, no hash, no iteration.

    The only way to the bytes is `reveal()`, which can be searched for in the source.
    """

    __slots__ = ("_bytes",)

    def __init__(self, value: bytes) -> None:
        self._bytes = bytes(value)

    def reveal(self) -> bytes:
        """Give the secret bytes."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._bytes)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self._bytes)} bytes>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("secrets are not compared with ==; use veery.protocol.crypto.equal")

    __hash__ = None  # type: ignore[assignment]  # an unhashable type is declared in exactly this way

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("secrets are not pickled")


def shorten(text: str, keep: int = 4) -> str:
    """Shorten an identifier for print: its first 2 + `keep` and last `keep` characters.

    Texts of up to three times that length are cut to their beginning only, so that little is never everything.
    """
    if len(text) > 3 * (2 + keep):
        return f"{text[: 2 + keep]}…{text[-keep:]}"
    return f"{text[: max(1, len(text) // 3)]}…"
