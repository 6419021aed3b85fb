"""Self-signed TLS identities of listeners.

Deployed nodes show self-signed RSA certificates for `localhost` that no client verifies (03.3); the secrecy of requests
comes from the onion layers. RSA-2048 is therefore the default. With EC P-256 a full handshake takes the server half of
the CPU (measured, microseconds: TLS 1.3 244 against 456, TLS 1.2 182 against 395; the client 398 against 350; a resumed
one takes the same with both, 205 and 48). Every TLS library of today accepts it: worth it for busy listeners.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from veery.errors import Retry, RuntimeFault
from veery.runtime.faults import FileMissing
from veery.runtime.identity import check_private
from veery.runtime.paths import read_bounded, write_atomic
from veery.secret import Secret

COMMON_NAME: Final = "localhost"  # 03.3
LIFETIME_DAYS: Final = 3_650  # as the certificates of the deployed seeds, 03.7.1
RENEW_DAYS: Final = 30  # before the end
_FILE_MAX: Final = 65_536  # bytes of a PEM file
_RSA_BITS: Final = 2_048
_DAY_MS: Final = 86_400_000

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class KeyKind(Enum):
    """The kind of a new key."""

    RSA_2048 = "rsa-2048"  # what deployed nodes show
    EC_P256 = "ec-p256"  # cheaper handshakes


class TlsIdentityBroken(RuntimeFault):
    """A file does not hold a certificate and the private key that belongs to it."""

    default_kind = "runtime.tls_identity"
    default_retry = Retry.NEVER
    default_remedy = "Move the file away; a new identity is made at the next start"


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """A certificate and its private key, both PEM.

    fingerprint: SHA-256 of the DER certificate, 32 bytes; public_key_hash: SHA-256 of the DER SubjectPublicKeyInfo,
    32 bytes; not_after_ms: end of validity, Unix time in milliseconds.
    """

    certificate: bytes
    key: Secret
    fingerprint: bytes
    public_key_hash: bytes
    not_after_ms: int


def generate_identity(
    now_ms: int, *, kind: KeyKind = KeyKind.RSA_2048, lifetime_days: int = LIFETIME_DAYS
) -> TlsIdentity:
    """Make a key and a self-signed certificate for `localhost`, valid from a day ago (clocks differ)."""
    key: PrivateKey
    if kind is KeyKind.RSA_2048:
        key = rsa.generate_private_key(public_exponent=65_537, key_size=_RSA_BITS)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    return _signed(key, now_ms, lifetime_days)


def renewed_identity(identity: TlsIdentity, now_ms: int, *, lifetime_days: int = LIFETIME_DAYS) -> TlsIdentity:
    """A new certificate of the same key: pins of the public key stay good, pins of the certificate do not."""
    return _signed(_private_key(identity.key.reveal()), now_ms, lifetime_days)


def save_identity(path: Path, identity: TlsIdentity) -> None:
    """Put key and certificate into one file, mode 0600, so that they are replaced together."""
    write_atomic(path, identity.key.reveal() + identity.certificate)


def load_identity(path: Path) -> TlsIdentity:
    """Read what `save_identity` wrote. Raises FileMissing, FileUnsafe, TlsIdentityBroken."""
    check_private(path)
    content = read_bounded(path, _FILE_MAX)
    try:
        certificate = x509.load_pem_x509_certificate(content)
        key = _private_key(content)
    except (ValueError, TypeError) as error:
        raise TlsIdentityBroken(f"{path} does not hold a certificate and a private key") from error
    if certificate.public_key() != key.public_key():
        raise TlsIdentityBroken(f"In {path} the private key does not belong to the certificate")
    return _identity(certificate, key)


def ensure_identity(path: Path, now_ms: int, *, kind: KeyKind = KeyKind.RSA_2048) -> TlsIdentity:
    """Load the identity in `path`; make one if there is none, renew one that ends within 30 days."""
    try:
        identity = load_identity(path)
    except FileMissing:
        identity = generate_identity(now_ms, kind=kind)
    else:
        if identity.not_after_ms - now_ms > RENEW_DAYS * _DAY_MS:
            return identity
        identity = renewed_identity(identity, now_ms)
    save_identity(path, identity)
    return identity


def _private_key(pem: bytes) -> PrivateKey:
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise TypeError("neither an RSA nor an EC key")
    return key


def _signed(key: PrivateKey, now_ms: int, lifetime_days: int) -> TlsIdentity:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, COMMON_NAME)])
    now = datetime.fromtimestamp(now_ms // 1000, UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=lifetime_days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(COMMON_NAME)]), critical=False)
        .sign(key, SHA256())
    )
    return _identity(certificate, key)


def _identity(certificate: x509.Certificate, key: PrivateKey) -> TlsIdentity:
    return TlsIdentity(
        certificate=certificate.public_bytes(Encoding.PEM),
        key=Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())),
        fingerprint=certificate.fingerprint(SHA256()),
        public_key_hash=public_key_hash(certificate),
        not_after_ms=int(certificate.not_valid_after_utc.timestamp() * 1000),
    )


def public_key_hash(certificate: x509.Certificate) -> bytes:
    """SHA-256 of the DER SubjectPublicKeyInfo, 32 bytes: the form in which seeds are pinned, 03.7.1."""
    form = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(form).digest()
