"""Request fields of a JSON object (04.1.1)."""

from __future__ import annotations

from typing import Final

from veery.protocol.constants import (
    DATA_MAX_BASE64,
    SIGNATURE_BASE64,
    SIGNATURE_SIZE,
    SUBACCOUNT_TOKEN_BASE64,
    SUBACCOUNT_TOKEN_SIZE,
    TIMESTAMP_MIN_MS,
)
from veery.protocol.storage_rpc.encoding import base64_bytes
from veery.protocol.storage_rpc.errors import invalid
from veery.protocol.storage_rpc.fields import DATA_TOO_LONG, Fields, hex_bytes, wrong_type

_TOKEN_HEX: Final = 2 * SUBACCOUNT_TOKEN_SIZE


class JsonFields(Fields):
    """Fields of a JSON object."""

    __slots__ = ()

    def as_text(self, value: object) -> str | None:
        return value if isinstance(value, str) else None

    def flag(self, name: str) -> bool | None:
        value = self.values.get(name)
        if value is None or isinstance(value, bool):
            return value
        raise wrong_type(name, "boolean")

    def timestamp(self, name: str) -> int | None:
        value = self.time(name)
        if value is not None and value < TIMESTAMP_MIN_MS:
            raise invalid(f"Invalid timestamp for '{name}': timestamp must be in milliseconds")
        return value

    def account(self, name: str, reason: str) -> bytes | None:
        text = self.text(name)
        if text is None:
            return None
        account = self.account_of_hex(text)
        if account is None:
            raise invalid(reason)
        return account

    def ed25519(self, name: str) -> bytes | None:
        text = self.text(name)
        return None if text is None else self.ed25519_of_hex(name, text)

    def signature(self, name: str) -> bytes | None:
        return self._signature(name, "invalid signature: expected base64 encoded Ed25519 signature")

    def subaccount_signature(self, name: str) -> bytes | None:
        return self._signature(name, "invalid subaccount signature: expected base64 encoded Ed25519 signature")

    def _signature(self, name: str, reason: str) -> bytes | None:
        text = self.text(name)
        if text is None:
            return None
        signature = _decoded(text) if len(text) in SIGNATURE_BASE64 else None
        if signature is None or len(signature) != SIGNATURE_SIZE:
            raise invalid(reason)
        return signature

    def subaccount(self, name: str) -> bytes | None:
        text = self.text(name)
        if not text:
            return None
        token = _token(text)
        if token is None:
            raise invalid("invalid subaccount: expected base64 or hex-encoded subaccount token")
        return token

    def tokens(self, name: str) -> tuple[bytes, ...] | None:
        texts = self.texts(name)
        if texts is None:
            return None
        found = []
        for text in texts:
            token = _token(text)
            if token is None:
                raise invalid(f"invalid {name}: expected base64 or hex-encoded subaccount tag")
            found.append(token)
        return tuple(found)

    def data(self, name: str) -> bytes | None:
        text = self.text(name)
        if text is None:
            return None
        if len(text) > DATA_MAX_BASE64:
            raise invalid(DATA_TOO_LONG)
        data = _decoded(text)
        if data is None:
            raise invalid(f"Invalid '{name}' value: not base64 encoded")
        return data


def _decoded(text: str) -> bytes | None:
    try:
        return base64_bytes(text)
    except ValueError:
        return None


def _token(text: str) -> bytes | None:
    if len(text) == _TOKEN_HEX:
        return hex_bytes(text)
    token = _decoded(text) if len(text) == SUBACCOUNT_TOKEN_BASE64 else None
    return token if token is not None and len(token) == SUBACCOUNT_TOKEN_SIZE else None
