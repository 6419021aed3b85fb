"""Requests signed by a key that is always the same but does not tell the account: prefix 07 (01.6).

The file server counts and limits by this key; only the account can compute it, and nobody can compute the account from
it.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from veery.errors import Misuse
from veery.protocol import crypto
from veery.protocol.account import AccountId
from veery.protocol.constants import KEY_SIZE, PREFIX_VERSION_AUTH, VERSION_AUTH_BODY_DIGEST, VERSION_AUTH_KEY
from veery.secret import Secret


@dataclass(frozen=True, slots=True, eq=False)
class VersionKey:
    """The derived key pair."""

    seed: Secret  # 32 bytes
    public: bytes
    ed25519_secret: Secret  # 64 bytes

    @property
    def identifier(self) -> AccountId:
        """07 and the public key; its `.hex` stands in the request's header."""
        return AccountId(bytes([PREFIX_VERSION_AUTH]) + self.public)

    def sign(self, timestamp_s: int, method: str, path: str, body: bytes = b"") -> bytes:
        """Sign a request over its raw body: 64 bytes. The path includes the query. Raises Misuse."""
        return crypto.ed25519_sign(self.ed25519_secret.reveal(), signed_bytes(timestamp_s, method, path, body))

    def headers(self, timestamp_s: int, method: str, path: str, body: bytes = b"") -> dict[str, str]:
        """The three headers of a file server request. A body is signed by its digest, as that server verifies it."""
        signature = self.sign(timestamp_s, method, path, file_server_body(body))
        return {
            "X-FS-Pubkey": self.identifier.hex,
            "X-FS-Timestamp": str(timestamp_s),
            "X-FS-Signature": base64.b64encode(signature).decode(),
        }


def derive(ed25519_secret: Secret) -> VersionKey:
    """The version key of an account, from its Ed25519 secret (64 bytes)."""
    seed = crypto.blake2b(KEY_SIZE, ed25519_secret.reveal()[:KEY_SIZE], key=VERSION_AUTH_KEY)
    public, secret = crypto.ed25519_from_seed(seed)
    return VersionKey(Secret(seed), public, Secret(secret))


def signed_bytes(timestamp_s: int, method: str, path: str, body: bytes = b"") -> bytes:
    """What is signed: time (Unix seconds, decimal), method in upper case, path with query, body.

    Raises Misuse for times below 0 and for paths that do not begin with a slash.
    """
    if timestamp_s < 0:
        raise Misuse("a timestamp must not be negative")
    if not path.startswith("/"):
        raise Misuse("a request path begins with a slash")
    return f"{timestamp_s}{method.upper()}{path}".encode() + body


def file_server_body(body: bytes) -> bytes:
    """What stands for a body where the file server verifies: its BLAKE2b digest of 64 bytes, nothing for no body."""
    return crypto.blake2b(VERSION_AUTH_BODY_DIGEST, body) if body else b""
