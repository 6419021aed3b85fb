"""Names of files as strangers write them, made safe to create on a disk and to show (09.9)."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from veery.protocol.constants import FILE_NAME_BYTES_MAX

FALLBACK_NAME: Final = "file"
_SEPARATORS: Final = re.compile(r"[/\\]")
_FORBIDDEN: Final = re.compile(r'[<>:"|?*]')  # no file system of all takes them; a colon names a stream on NTFS
_EDGES: Final = re.compile(r"^[\s.]+|[\s.]+$")
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"}
)
# Controls, line and paragraph separators, surrogates, and format characters: bidirectional marks among them turn
# `gpj.exe` into what looks like a picture.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_EXTENSION_BYTES_MAX: Final = 32  # a longer one is no extension


def safe_file_name(name: str | None, fallback: str = FALLBACK_NAME) -> str:
    """A name with which a file can be created in a chosen folder, and never anywhere else.

    The last part of what looks like a path; without invisible characters, leading dots, trailing dots and spaces, and
    characters or names that some system gives a meaning; at most 200 bytes of UTF-8, with its extension kept.
    `fallback` if nothing is left.
    """
    base = _SEPARATORS.split(unicodedata.normalize("NFC", name or ""))[-1]
    visible = "".join(char for char in base if unicodedata.category(char) not in _INVISIBLE)
    plain = _trimmed(_FORBIDDEN.sub("_", visible))
    if plain.partition(".")[0].strip().lower() in _DEVICES:
        plain = f"_{plain}"
    return _shortened(plain) or fallback


def _trimmed(name: str) -> str:
    return _EDGES.sub("", name)


def _shortened(name: str) -> str:
    if len(name.encode()) <= FILE_NAME_BYTES_MAX:
        return name
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > _EXTENSION_BYTES_MAX:
        return _trimmed(_cut(name, FILE_NAME_BYTES_MAX))
    room = FILE_NAME_BYTES_MAX - len((dot + extension).encode())
    return _trimmed(_cut(stem, room)) + dot + extension


def _cut(text: str, size: int) -> str:
    """The beginning of a text that fits into so many bytes, without half a character."""
    return text.encode()[:size].decode(errors="ignore")
