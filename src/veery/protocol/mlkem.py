"""An ML-KEM-768 secret key that is used more than once (06.2).

The library expands a seed before every use, which takes more than twice as long as the decapsulation itself. Whoever
tries one key on many ciphertexts keeps the expanded form.
"""

from __future__ import annotations

from veery.protocol import crypto
from veery.protocol.constants import MLKEM_CIPHERTEXT_SIZE
from veery.protocol.crypto import CryptoFailed
from veery.secret import Secret


class MlkemSecret(Secret):
    """A key seed of 64 bytes (d and z) and, beside it, the key that it stands for. Raises Misuse for other sizes."""

    __slots__ = ("_expanded",)

    def __init__(self, seed64: bytes) -> None:
        super().__init__(seed64)
        self._expanded = crypto.mlkem_private(seed64)

    def public(self) -> bytes:
        """The public key, 1184 bytes."""
        return self._expanded.public_key().public_bytes_raw()

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """As `crypto.mlkem_decapsulate`: 32 bytes. Raises CryptoFailed for ciphertexts that are not 1088 bytes."""
        if len(ciphertext) != MLKEM_CIPHERTEXT_SIZE:
            raise CryptoFailed("an ML-KEM ciphertext of a wrong size", kind="protocol.crypto.kem")
        return self._expanded.decapsulate(ciphertext)
