"""Dicts of namespace 21 that the account signs: `~` comes last and covers everything before it (06.6, 06.8).

Not the account's record: its signature is made with the X25519 key (06.9).
"""

from __future__ import annotations

from collections.abc import Mapping

from veery.protocol import bt_raw, crypto
from veery.protocol.bt import BtMalformed
from veery.protocol.devices.faults import verifying
from veery.secret import Secret

_SIGNATURE = b"~"


def encode(fields: Mapping[bytes, bytes], ed25519_secret: Secret) -> bytes:
    """A signed dict of values that are encoded already. ed25519_secret: of the account, 64 bytes."""
    return bt_raw.encode(fields, (_SIGNATURE, lambda signed: crypto.ed25519_sign(ed25519_secret.reveal(), signed)))


def read(data: bytes, ed25519_public: bytes, kind: str, message_type: bytes | None = None) -> bt_raw.RawDict:
    """The fields of a dict whose signature holds. ed25519_public: of the account, 32 bytes; kind: of its errors.

    Raises BtMalformed, also for another type than `message_type`; DeviceRefused `<kind>.signature`.
    """
    fields = bt_raw.read(data)
    with verifying(f"{kind}.signature"):
        bt_raw.verify(
            fields, _SIGNATURE, lambda signed, signature: crypto.ed25519_verify(ed25519_public, signed, signature)
        )
    if message_type is not None and fields.string(b"") != message_type:
        raise BtMalformed(f"the type is not {message_type.decode('ascii')}", kind="protocol.bt.type")
    return fields
