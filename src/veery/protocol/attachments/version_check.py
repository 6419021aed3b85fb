"""The signed headers of a version check, as the server sees them (09.7.3). The client's side is in `version_auth`.

The server learns an id that is always the same for one account and that nobody can lead back to it; it counts ids.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from veery.protocol import crypto, version_auth
from veery.protocol.account import AccountId
from veery.protocol.attachments.errors import VersionCheckRefused
from veery.protocol.constants import (
    ACCOUNT_ID_HEX,
    ACCOUNT_ID_SIZE,
    PREFIX_VERSION_AUTH,
    SIGNATURE_SIZE,
    VERSION_CHECK_SLACK_S,
)
from veery.protocol.onion.servers import Headers, header

PUBKEY_HEADER: Final = "X-FS-Pubkey"
TIMESTAMP_HEADER: Final = "X-FS-Timestamp"
SIGNATURE_HEADER: Final = "X-FS-Signature"
_TIMESTAMP: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
_HEX: Final = re.compile(r"[0-9A-Fa-f]+", re.ASCII)


def check_version_headers(
    headers: Headers, *, now_s: float, method: str, path: str, body: bytes = b""
) -> AccountId | None:
    """The id of who asks, to be counted; None if no header is there: answered, not counted.

    path: with its query, as requested. now_s: Unix seconds. Raises VersionCheckRefused: 400 for headers that are
    missing in part or cannot be read, 425 for a clock that is off by more than a day, 401 for a wrong signature.
    """
    values = [header(headers, name) for name in (PUBKEY_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER)]
    if not any(values):
        return None
    pubkey, timestamp, signature = (value or "" for value in values)
    if not (pubkey and timestamp and signature):
        raise VersionCheckRefused(400, "The three headers of a version check come together or not at all")
    identifier = _read_identifier(pubkey)
    signature_bytes = _read_signature(signature)
    if not _TIMESTAMP.fullmatch(timestamp):
        raise VersionCheckRefused(400, "The timestamp is not a number of seconds")
    time_s = int(timestamp)
    if abs(now_s - time_s) > VERSION_CHECK_SLACK_S:
        raise VersionCheckRefused(425, "The timestamp is more than a day from the server's clock")
    signed = version_auth.signed_bytes(time_s, method, path, version_auth.file_server_body(body))
    if not crypto.ed25519_verifies(identifier.key, signed, signature_bytes):
        raise VersionCheckRefused(401, "The signature does not hold")
    return identifier


def _read_identifier(text: str) -> AccountId:
    raw = bytes.fromhex(text) if len(text) == ACCOUNT_ID_HEX and _HEX.fullmatch(text) else _from_base64(text)
    if len(raw) != ACCOUNT_ID_SIZE or raw[0] != PREFIX_VERSION_AUTH or not crypto.ed25519_is_point(raw[1:]):
        raise VersionCheckRefused(400, "The key is not one for version checks")
    return AccountId(raw)


def _read_signature(text: str) -> bytes:
    is_hex = len(text) == 2 * SIGNATURE_SIZE and _HEX.fullmatch(text)
    raw = bytes.fromhex(text) if is_hex else _from_base64(text)
    if len(raw) != SIGNATURE_SIZE:
        raise VersionCheckRefused(400, "The signature has a wrong form")
    return raw


def _from_base64(text: str) -> bytes:
    """The bytes of base64 with or without its padding; none for anything else."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""
