"""Key files: 32 random bytes each, mode 0600, created once and never overwritten.

A file that others on the machine can read is refused, as ssh refuses it: its key must be taken for known.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from veery.errors import Retry, RuntimeFault
from veery.runtime.faults import FileUnsafe, files_mapped
from veery.runtime.paths import read_bounded, write_new
from veery.runtime.randomness import random_bytes
from veery.secret import Secret

KEY_FILE_SIZE: Final = 32  # bytes: the seed of an Ed25519 key, or an X25519 secret
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeyFileBroken(RuntimeFault):
    """A key file does not hold a key."""

    default_kind = "runtime.key_file"
    default_retry = Retry.NEVER
    default_remedy = "Restore it from a backup; a new key is a new identity"


def create_key_file(path: Path, random: Callable[[int], bytes] = random_bytes) -> Secret:
    """Make a new key, store it in `path` and give it. Raises FilePresent if the file exists."""
    key = Secret(random(KEY_FILE_SIZE))
    store_key_file(path, key)
    return key


def store_key_file(path: Path, key: Secret) -> None:
    """Store a key of 32 bytes in a new file. Raises FilePresent, KeyFileBroken."""
    if len(key) != KEY_FILE_SIZE:
        raise KeyFileBroken(f"A key file holds {KEY_FILE_SIZE} bytes, not {len(key)}", remedy="")
    write_new(path, key.reveal())


def load_key_file(path: Path) -> Secret:
    """Read a key. Raises FileMissing, FileUnsafe (owner or mode), KeyFileBroken (size)."""
    check_private(path)
    content = read_bounded(path, KEY_FILE_SIZE + 1)
    if len(content) != KEY_FILE_SIZE:
        raise KeyFileBroken(f"The key file {path} does not hold {KEY_FILE_SIZE} bytes")
    return Secret(content)


def check_private(path: Path) -> None:
    """Raise FileUnsafe if `path` is no plain file of this user, or if its group or others can use it."""
    with files_mapped(f"The file {path}"):
        found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise FileUnsafe(f"{path} is not a plain file")
    if os.geteuid() not in (0, found.st_uid):
        raise FileUnsafe(f"The file {path} belongs to another user", remedy=f"Run `chown {os.geteuid()} {path}`")
    if found.st_mode & _OTHERS:
        raise FileUnsafe(
            f"Others on this machine can use the key in {path}",
            remedy=f"Run `chmod 600 {path}`; if others may have read it, replace the key",
        )
