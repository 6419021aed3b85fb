"""The name of a stored message (04.4.1), and the test whether a text can be one."""

from __future__ import annotations

import re
from typing import Final

from veery.protocol.constants import HASH_LENGTH, KEY_SIZE
from veery.protocol.crypto import blake2b
from veery.protocol.storage_rpc.encoding import base64_text
from veery.protocol.storage_rpc.namespaces import signed_namespace

_HASH: Final = re.compile(rf"[A-Za-z0-9+/]{{{HASH_LENGTH}}}", re.ASCII)


def message_hash(account: bytes, namespace: int, data: bytes) -> str:
    """The hash of a message: 43 characters of base64 over account (33 bytes), namespace and raw data. No time in it."""
    return base64_text(blake2b(KEY_SIZE, account, signed_namespace(namespace), data))[:HASH_LENGTH]


def is_message_hash(text: str) -> bool:
    """Whether the text has the form of a hash: 43 characters of the base64 alphabet."""
    return _HASH.fullmatch(text) is not None
