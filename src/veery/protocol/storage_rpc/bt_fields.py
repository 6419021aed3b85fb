"""Request fields of a bencoded dict (04.1).

Keys come in byte order: what stands behind a greater key is not found.
"""

from __future__ import annotations

from veery.protocol import bt
from veery.protocol.constants import ACCOUNT_ID_SIZE, DATA_MAX, KEY_SIZE, SIGNATURE_SIZE, SUBACCOUNT_TOKEN_SIZE
from veery.protocol.storage_rpc.errors import invalid
from veery.protocol.storage_rpc.fields import DATA_TOO_LONG, Fields, wrong_type


class BtFields(Fields):
    """Fields of a bencoded dict: binary ones raw, booleans 0 and 1."""

    __slots__ = ()

    def __init__(self, values: dict[bytes, bt.Value], *, testnet: bool = False) -> None:
        super().__init__(_in_order(values), testnet=testnet)

    def as_text(self, value: object) -> str | None:
        if not isinstance(value, bytes):
            return None
        try:
            return value.decode()
        except UnicodeDecodeError:
            return None

    def flag(self, name: str) -> bool | None:
        value = self.values.get(name)
        if value is None:
            return None
        if value not in (0, 1):
            raise wrong_type(name, "boolean")
        return bool(value)

    def timestamp(self, name: str) -> int | None:
        return self.time(name)

    def raw(self, name: str) -> bytes | None:
        """A byte string."""
        value = self.values.get(name)
        if value is None or isinstance(value, bytes):
            return value
        raise wrong_type(name, "string")

    def account(self, name: str, reason: str) -> bytes | None:
        value = self.raw(name)
        if value is None or len(value) == ACCOUNT_ID_SIZE:
            return value
        account = self.account_of_hex(value.decode("latin-1"))
        if account is None:
            raise invalid(reason)
        return account

    def ed25519(self, name: str) -> bytes | None:
        value = self.raw(name)
        if value is None or len(value) == KEY_SIZE:
            return value
        return self.ed25519_of_hex(name, value.decode("latin-1"))

    def signature(self, name: str) -> bytes | None:
        value = self.raw(name)
        if value is not None and len(value) != SIGNATURE_SIZE:
            raise invalid("invalid signature: expected 64-byte Ed25519 signature")
        return value

    def subaccount_signature(self, name: str) -> bytes | None:
        return self.signature(name)

    def subaccount(self, name: str) -> bytes | None:
        value = self.raw(name)
        if value and len(value) != SUBACCOUNT_TOKEN_SIZE:
            raise invalid("invalid subaccount token: invalid token length")
        return value or None

    def tokens(self, name: str) -> tuple[bytes, ...] | None:
        items = self.items(name)
        if items is None:
            return None
        found = []
        for item in items:
            if not isinstance(item, bytes):
                raise wrong_type(name, "string array")
            if len(item) != SUBACCOUNT_TOKEN_SIZE:
                raise invalid(f"invalid {name}: expected base64 or hex-encoded subaccount tag")
            found.append(item)
        return tuple(found)

    def data(self, name: str) -> bytes | None:
        value = self.raw(name)
        if value is not None and len(value) > DATA_MAX:
            raise invalid(DATA_TOO_LONG)
        return value


def _in_order(values: dict[bytes, bt.Value]) -> dict[str, object]:
    found: dict[str, object] = {}
    greatest = b""
    for key, value in values.items():
        if key >= greatest:
            greatest = key
            found[key.decode("latin-1")] = value
    return found
