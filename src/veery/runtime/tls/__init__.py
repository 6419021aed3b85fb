"""TLS: self-signed identities of listeners, and contexts for both sides (03.3, 03.7.1)."""

from veery.runtime.tls.contexts import (
    PinMismatch,
    PinnedContext,
    node_context,
    pinned_context,
    server_context,
    verifying_context,
)
from veery.runtime.tls.identity import (
    KeyKind,
    TlsIdentity,
    TlsIdentityBroken,
    ensure_identity,
    generate_identity,
    load_identity,
    renewed_identity,
    save_identity,
)

__all__ = [
    "KeyKind",
    "PinMismatch",
    "PinnedContext",
    "TlsIdentity",
    "TlsIdentityBroken",
    "ensure_identity",
    "generate_identity",
    "load_identity",
    "node_context",
    "pinned_context",
    "renewed_identity",
    "save_identity",
    "server_context",
    "verifying_context",
]
