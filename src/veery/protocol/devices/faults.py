"""Errors of the device protocol (06.3 to 06.9)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from veery.errors import Malformed, Rejected
from veery.protocol.bt import BtMalformed
from veery.protocol.crypto import CryptoFailed


class DeviceMalformed(Malformed):
    """Bytes of a device's message, record or payload are not in the form of 06. Nothing of them was used."""

    default_kind = "devices"


class DeviceRefused(Rejected):
    """Well formed, but not signed by the account, or not to be read with these keys."""

    default_kind = "devices.refused"


@contextmanager
def reading(kind: str) -> Iterator[None]:
    """Around the reading of one form: what is no bt or breaks its fields becomes DeviceMalformed of this kind."""
    try:
        yield
    except BtMalformed as error:
        raise DeviceMalformed(error.message, kind=kind) from None


@contextmanager
def verifying(kind: str) -> Iterator[None]:
    """Around the check of a signature: one that does not hold becomes DeviceRefused of this kind."""
    try:
        yield
    except CryptoFailed:
        raise DeviceRefused("the account has not signed this", kind=kind) from None
