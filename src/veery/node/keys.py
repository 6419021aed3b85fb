"""A node's keys: one seed gives the Ed25519 key that names it and the X25519 key that layers and the queue use."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from veery.network.queue_sockets import CurveKeys
from veery.protocol import crypto
from veery.runtime.faults import FileMissing
from veery.runtime.identity import create_key_file, load_key_file
from veery.runtime.paths import private_directory
from veery.secret import Secret

KEY_FILE: Final = "key"
TLS_FILE: Final = "tls.pem"


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """Public keys of 32 bytes; secrets in libsodium's form. `legacy` equals `ed25519` here (05.7, hard fork 21 on)."""

    ed25519: bytes
    x25519: bytes
    ed25519_secret: Secret = field(repr=False)
    x25519_secret: Secret = field(repr=False)

    @property
    def legacy(self) -> bytes:
        """The key that ping tests expect in `X-Oxen-Snode-Pubkey` (05.8)."""
        return self.ed25519

    @classmethod
    def from_seed(cls, seed: Secret) -> NodeKeys:
        """The keys of a 32-byte seed."""
        public, secret = crypto.ed25519_from_seed(seed.reveal())
        x_secret = crypto.ed25519_secret_to_x25519(secret)
        return cls(public, crypto.ed25519_public_to_x25519(public), Secret(secret), Secret(x_secret))

    @classmethod
    def of_directory(cls, directory: Path) -> NodeKeys:
        """The keys of the node that lives in a directory; made at the first call. Raises FileUnsafe, KeyFileBroken."""
        path = private_directory(directory) / KEY_FILE
        try:
            return cls.from_seed(load_key_file(path))
        except FileMissing:
            return cls.from_seed(create_key_file(path))

    def curve(self) -> CurveKeys:
        """The pair for the queue."""
        return CurveKeys(self.x25519, self.x25519_secret.reveal())

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature of the node, 64 bytes."""
        return crypto.ed25519_sign(self.ed25519_secret.reveal(), message)
