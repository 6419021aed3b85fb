"""Reading a table of the network file, strictly: types are checked, and unknown keys are errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from veery.errors import RegistryError, Retry
from veery.protocol.constants import KEY_SIZE


class NetworkFileWrong(RegistryError):
    """The network file cannot be used as it is."""

    default_kind = "registry.network_file"
    default_retry = Retry.NEVER
    default_remedy = "Correct the network file, or get a new one from who runs the network"


class TomlTable:
    """A TOML table that remembers which keys were asked for."""

    def __init__(self, content: Mapping[str, Any], name: str) -> None:
        self._content, self._name = content, name
        self._asked: set[str] = set()

    def has(self, key: str) -> bool:
        """Whether a key is there."""
        return key in self._content

    def get(self, key: str) -> Any:
        """A value of any type, None if the key is not there."""
        self._asked.add(key)
        return self._content.get(key)

    def text(self, key: str) -> str:
        """A text."""
        value = self.get(key)
        if not isinstance(value, str):
            raise NetworkFileWrong(f"`{self.path(key)}` must be text")
        return value

    def optional_text(self, key: str) -> str | None:
        """A text, None if the key is not there."""
        return self.text(key) if self.has(key) else None

    def size(self, key: str) -> int | None:
        """A number above 0, None if the key is not there."""
        value = self.get(key)
        if value is not None and (type(value) is not int or value < 1):
            raise NetworkFileWrong(f"`{self.path(key)}` must be a number of bytes")
        return value

    def table(self, key: str) -> TomlTable:
        """A table. Directly under the document, no other key may stand beside it."""
        value = self.get(key)
        if not isinstance(value, dict):
            raise NetworkFileWrong(f"`{self.path(key)}` must be a table")
        if not self._name:
            self.done()
        return TomlTable(value, self.path(key))

    def items(self, key: str) -> Sequence[TomlTable | str]:
        """A list of texts and tables."""
        value = self.get(key)
        if not isinstance(value, list) or not all(isinstance(item, str | dict) for item in value):
            raise NetworkFileWrong(f"`{self.path(key)}` must be a list of texts or tables")
        return [item if isinstance(item, str) else TomlTable(item, self.path(key)) for item in value]

    def texts(self, key: str) -> list[str]:
        """A list of texts."""
        found = [item for item in self.items(key) if isinstance(item, str)]
        if len(found) != len(self.items(key)):
            raise NetworkFileWrong(f"`{self.path(key)}` must be a list of texts")
        return found

    def key(self, key: str) -> bytes | None:
        """32 bytes as 64 hex digits; colons and spaces of fingerprints are skipped."""
        text = self.optional_text(key)
        if text is None:
            return None
        digits = text.replace(":", "").replace(" ", "")
        if len(digits) == 2 * KEY_SIZE and digits.isascii() and digits.isalnum():
            try:
                return bytes.fromhex(digits)
            except ValueError:
                pass
        raise NetworkFileWrong(f"`{self.path(key)}` must be {2 * KEY_SIZE} hex digits")

    def done(self) -> None:
        """Raise NetworkFileWrong if a key is there that nobody asked for."""
        unknown = sorted(self._content.keys() - self._asked)
        if unknown:
            raise NetworkFileWrong(f"`{self.path(unknown[0])}` is not known in a network file")

    def path(self, key: str) -> str:
        """The dotted name of a key, for messages."""
        return f"{self._name}.{key}" if self._name else key
