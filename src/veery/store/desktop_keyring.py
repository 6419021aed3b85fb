"""The desktop's keyring (Secret Service, KWallet, …) through the optional package `keyring`, imported at use alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from veery.errors import StoreError
from veery.protocol.constants import KEY_SIZE
from veery.secret import Secret


class KeyringFault(StoreError):
    """The desktop's keyring cannot be used."""

    default_kind = "store.keyring"
    default_remedy = "Unlock the desktop's keyring, or change the profile to a passphrase or a key file"


def put(service: str, user: str, key: Secret) -> None:
    """Keep a key. Raises KeyringFault."""
    with _faults():
        import keyring

        keyring.set_password(service, user, key.reveal().hex())


def get(service: str, user: str) -> Secret:
    """Give a kept key (32 bytes). Raises KeyringFault, also when there is none."""
    with _faults():
        import keyring

        text = keyring.get_password(service, user)
    if text is None:
        raise KeyringFault("the desktop's keyring has no key for this profile", kind="store.keyring_empty")
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_SIZE:
        raise KeyringFault("the desktop's keyring holds something else than a key", kind="store.keyring_content")
    return Secret(key)


def remove(service: str, user: str) -> None:
    """Forget a key. Raises KeyringFault."""
    with _faults():
        import keyring

        keyring.delete_password(service, user)


@contextmanager
def _faults() -> Iterator[None]:
    try:
        from keyring.errors import KeyringError
    except ImportError:
        raise KeyringFault(
            "the package `keyring` is not installed",
            kind="store.keyring_missing",
            remedy="Install it with `pip install 'veery[keyring]'`, or use a passphrase or a key file",
        ) from None
    try:
        yield
    except KeyringError as error:
        raise KeyringFault("the desktop's keyring refuses") from error
