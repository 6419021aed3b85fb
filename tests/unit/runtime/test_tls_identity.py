"""Self-signed identities."""

from __future__ import annotations

import stat
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from veery.runtime.faults import FileMissing, FileUnsafe
from veery.runtime.tls import (
    KeyKind,
    TlsIdentity,
    TlsIdentityBroken,
    ensure_identity,
    generate_identity,
    load_identity,
    renewed_identity,
    save_identity,
)

NOW_MS = 1_764_000_000_000
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def rsa_identity() -> TlsIdentity:
    return generate_identity(NOW_MS)


def test_the_default_is_what_deployed_nodes_show(rsa_identity: TlsIdentity) -> None:
    certificate = x509.load_pem_x509_certificate(rsa_identity.certificate)
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    assert key.key_size == 2048
    assert certificate.subject == certificate.issuer
    assert certificate.subject.rfc4514_string() == "CN=localhost"
    certificate.verify_directly_issued_by(certificate)
    assert certificate.not_valid_before_utc.timestamp() * 1000 < NOW_MS
    assert rsa_identity.not_after_ms == NOW_MS + 3_650 * DAY_MS


def test_hashes_are_those_of_the_der_forms(rsa_identity: TlsIdentity) -> None:
    certificate = x509.load_pem_x509_certificate(rsa_identity.certificate)
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert rsa_identity.fingerprint == sha256(certificate.public_bytes(Encoding.DER)).digest()
    assert rsa_identity.public_key_hash == sha256(key).digest()


def test_the_elliptic_kind() -> None:
    identity = generate_identity(NOW_MS, kind=KeyKind.EC_P256)
    key = x509.load_pem_x509_certificate(identity.certificate).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"


def test_save_and_load(tmp_path: Path, rsa_identity: TlsIdentity) -> None:
    place = tmp_path / "tls.pem"
    save_identity(place, rsa_identity)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    loaded = load_identity(place)
    assert loaded.certificate == rsa_identity.certificate
    assert loaded.key.reveal() == rsa_identity.key.reveal()
    assert "PRIVATE" not in repr(loaded)
    place.chmod(0o644)
    with pytest.raises(FileUnsafe):
        load_identity(place)


def test_renewal_keeps_the_key(rsa_identity: TlsIdentity) -> None:
    renewed = renewed_identity(rsa_identity, NOW_MS + 100 * DAY_MS)
    assert renewed.public_key_hash == rsa_identity.public_key_hash
    assert renewed.fingerprint != rsa_identity.fingerprint
    assert renewed.not_after_ms == rsa_identity.not_after_ms + 100 * DAY_MS


def test_ensure_makes_keeps_and_renews(tmp_path: Path) -> None:
    place = tmp_path / "tls.pem"
    made = ensure_identity(place, NOW_MS, kind=KeyKind.EC_P256)
    assert ensure_identity(place, NOW_MS + DAY_MS).fingerprint == made.fingerprint
    late = made.not_after_ms - 29 * DAY_MS
    renewed = ensure_identity(place, late)
    assert renewed.fingerprint != made.fingerprint
    assert renewed.public_key_hash == made.public_key_hash
    assert ensure_identity(place, late).fingerprint == renewed.fingerprint


def test_files_that_are_no_identity(tmp_path: Path, rsa_identity: TlsIdentity) -> None:
    other = generate_identity(NOW_MS, kind=KeyKind.EC_P256)
    wrong_kind = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    place = tmp_path / "tls.pem"
    for content in (
        b"",
        b"nonsense",
        rsa_identity.certificate,
        rsa_identity.key.reveal(),
        other.key.reveal() + rsa_identity.certificate,
        wrong_kind + rsa_identity.certificate,
    ):
        place.write_bytes(content)
        place.chmod(0o600)
        with pytest.raises(TlsIdentityBroken):
            load_identity(place)
        with pytest.raises(TlsIdentityBroken):
            ensure_identity(place, NOW_MS)
        assert place.read_bytes() == content
    with pytest.raises(FileMissing):
        load_identity(tmp_path / "none")
