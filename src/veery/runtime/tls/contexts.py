"""TLS contexts for listeners and clients.

A pin is checked inside the handshake: a context makes its TLS objects from `sslobject_class`, and ours compares the
peer's certificate as soon as the handshake is complete, before a byte of a request can leave. That is the one place
which asyncio, uvloop and aiohttp share.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

from cryptography import x509

from veery.errors import Retry, RuntimeFault
from veery.runtime.identity import check_private
from veery.runtime.tls.identity import TlsIdentityBroken, public_key_hash


class PinMismatch(ssl.SSLCertVerificationError):
    """The peer shows another certificate than the pinned ones. Nothing was sent to it."""


class _PinnedObject(ssl.SSLObject):
    def do_handshake(self) -> None:
        super().do_handshake()
        context = self.context
        if not isinstance(context, PinnedContext) or not context.accepts(self.getpeercert(binary_form=True)):
            raise PinMismatch("the peer's certificate is not the pinned one")


class PinnedContext(ssl.SSLContext):
    """A client's context that takes only certificates whose SHA-256, or whose public key's SHA-256, is pinned."""

    sslobject_class = _PinnedObject
    certificates: frozenset[bytes]
    public_keys: frozenset[bytes]

    def accepts(self, certificate: bytes | None) -> bool:
        """Whether a DER certificate is one of the pinned ones."""
        if certificate is None:
            return False
        if sha256(certificate).digest() in self.certificates:
            return True
        return bool(self.public_keys) and self._key_is_pinned(certificate)

    def wrap_socket(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: a blocking TLS socket can shake hands inside its first write, past the check of the pin."""
        raise RuntimeFault("Pinned TLS works over memory buffers only", kind="runtime.tls_pin", retry=Retry.NEVER)

    def _key_is_pinned(self, certificate: bytes) -> bool:
        try:
            return public_key_hash(x509.load_der_x509_certificate(certificate)) in self.public_keys
        except ValueError:  # OpenSSL took what the stricter parser does not
            return False


def server_context(path: Path) -> ssl.SSLContext:
    """A listener's context with the identity file of `save_identity`: TLS 1.2 or newer, session tickets on.

    Calling `load_cert_chain(path)` again on it makes new connections use a renewed certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION
    context.options &= ~ssl.OP_NO_TICKET
    check_private(path)
    try:
        context.load_cert_chain(path)
    except ssl.SSLError as error:
        raise TlsIdentityBroken(f"{path} does not hold a certificate and a private key") from error
    return context


def node_context() -> ssl.SSLContext:
    """A client's context for service nodes: the certificate is not verified (03.3)."""
    return _unverified(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def pinned_context(*, certificates: Iterable[bytes] = (), public_keys: Iterable[bytes] = ()) -> PinnedContext:
    """A client's context that takes only pinned peers; SHA-256 hashes of 32 bytes.

    A connection to another peer fails in its handshake with PinMismatch. Raises RuntimeFault if no pin is given.
    """
    context = PinnedContext(ssl.PROTOCOL_TLS_CLIENT)
    _unverified(context)
    context.certificates, context.public_keys = frozenset(certificates), frozenset(public_keys)
    if not context.certificates and not context.public_keys:
        raise RuntimeFault("A pinned TLS context needs at least one pin", kind="runtime.tls_pin", retry=Retry.NEVER)
    return context


def verifying_context(authorities: Path | None = None) -> ssl.SSLContext:
    """A client's context that verifies names and certificates: by `authorities` (PEM), else by those of the system."""
    try:
        context = ssl.create_default_context(cafile=authorities)
    except (OSError, ssl.SSLError) as error:
        raise TlsIdentityBroken(f"{authorities} does not hold certificates", remedy="Choose another file") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _unverified(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
