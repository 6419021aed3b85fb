"""Messages of protocol v2: seal and open 1 KiB, in microseconds and in messages a second.

The reference of every figure is the bare cost of its primitives in the same run: the same X25519, ML-KEM-768, hash,
Ed25519 and XChaCha20-Poly1305 operations on inputs of the same sizes, called straight in the libraries that Veery uses.
A device holds some 35 account keys (06.9), so messages are opened among that many; the last one is the right one.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from statistics import median

from _report import Figure, arguments, report
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from nacl import bindings

from veery.protocol import message_v2
from veery.protocol.account import Account
from veery.protocol.devices import HybridKeys
from veery.runtime.randomness import random_bytes
from veery.secret import Secret

CONTENT = 1024
HELD = 35
INNER = 1420  # the content with sender and signature, filled up with zeros
BATCH = 20
_PERSON = b"SessionV2Message"

Action = Callable[[], object]


def bare_seal(message: bytes) -> Action:
    """The primitives of sealing: three X25519, one encapsulation, one signature, four hashes, one encryption."""
    secret, recipient = random_bytes(32), bindings.crypto_scalarmult_base(random_bytes(32))
    account_key = bindings.crypto_scalarmult_base(random_bytes(32))
    mlkem = MLKEM768PrivateKey.from_seed_bytes(random_bytes(64)).public_key().public_bytes_raw()
    _, signing = bindings.crypto_sign_seed_keypair(random_bytes(32))
    inner = message.ljust(INNER, b"\0")

    def act() -> None:
        bindings.crypto_scalarmult_base(secret)
        bindings.crypto_scalarmult(secret, recipient)
        bindings.crypto_scalarmult(secret, account_key)
        shared, _ = MLKEM768PublicKey.from_public_bytes(mlkem).encapsulate()
        bindings.crypto_sign(_hashes(shared, message), signing)
        bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(inner, b"", secret[:24], shared)

    return act


def bare_open(message: bytes) -> Action:
    """The primitives of opening: two X25519, one decapsulation, one check, one conversion of the sender's key, four
    hashes, one decryption.
    """
    secret, ephemeral = random_bytes(32), bindings.crypto_scalarmult_base(random_bytes(32))
    mlkem = MLKEM768PrivateKey.from_seed_bytes(random_bytes(64))
    _, ciphertext = mlkem.public_key().encapsulate()
    verifying, signing = bindings.crypto_sign_seed_keypair(random_bytes(32))
    signed = bindings.crypto_sign(random_bytes(64), signing)
    inner = message.ljust(INNER, b"\0")
    sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(inner, b"", secret[:24], secret)

    def act() -> None:
        bindings.crypto_scalarmult(secret, ephemeral)
        bindings.crypto_scalarmult(secret, ephemeral)
        shared = mlkem.decapsulate(ciphertext)
        bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, b"", secret[:24], secret)
        _hashes(shared, message)
        bindings.crypto_sign_open(signed, verifying)
        bindings.crypto_sign_ed25519_pk_to_curve25519(verifying)

    return act


def _hashes(shared: bytes, message: bytes) -> bytes:
    hashlib.blake2b(shared + shared, digest_size=2, key=shared).digest()
    hashlib.sha3_256(shared * 4).digest()
    hashlib.shake_256(shared).digest(56)
    return hashlib.blake2b(message, digest_size=64, key=shared, person=_PERSON).digest()


def actions() -> dict[str, tuple[Action, Action]]:
    """What is measured, each beside its primitives."""
    sender, recipient = Account.from_seed(random_bytes(16)), Account.from_seed(random_bytes(16))
    held = [HybridKeys.of_account(Secret(random_bytes(32))) for _ in range(HELD)]
    content = random_bytes(CONTENT)

    def seal() -> bytes:
        return message_v2.seal(
            content,
            sender_ed25519_secret=sender.ed25519_secret,
            recipient=recipient.account_id.raw,
            keys=held[-1].public,
            random=random_bytes,
        )

    data = seal()
    assert message_v2.open(data, recipient, held).content == content
    return {
        "v2 seal 1 KiB": (seal, bare_seal(content)),
        "v2 open 1 KiB": (lambda: message_v2.open(data, recipient, held), bare_open(content)),
    }


def spent_us(action: Action) -> float:
    """Microseconds of CPU time that an action takes, from a batch of them."""
    began = time.thread_time()
    for _ in range(BATCH):
        action()
    return (time.thread_time() - began) / BATCH * 1e6


def main() -> None:
    """Measure in turn, so that what else the machine does meets all alike, and report medians."""
    chosen = arguments("Messages of protocol v2, beside the bare cost of their primitives.")
    found = []
    for name, (action, bare) in actions().items():
        rounds = [(spent_us(action), spent_us(bare)) for _ in range(20 if chosen.quick else 200)]
        ours, reference = (median(times) for times in zip(*rounds, strict=True))
        found.append(Figure(name, ours, "us", reference))
        found.append(Figure(f"{name} rate", 1e6 / ours, "1/s", 1e6 / reference))
    report(found, as_json=chosen.json)


if __name__ == "__main__":
    main()
