"""The payload of a group message: the devices of the account, and its keys (06.5.2).

    {"D": {id (32): record | time of removal, ...}, "K": [{"c": created, "r": rotated?, "s": seed (32)}, ...]}

A positive time says that the device was removed then, a negative one that it left. The plaintext is padded with zeros
to steps of four devices; a bt dict ends in `e`, so the zeros can be told from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from veery.errors import Misuse
from veery.protocol import bt, bt_raw
from veery.protocol.bt import BtMalformed
from veery.protocol.constants import (
    DATA_MAX,
    DEVICE_ID_SIZE,
    KEY_SEED_SIZE,
    PAYLOAD_PADDING_BASE,
    PAYLOAD_PADDING_STEP,
)
from veery.protocol.devices import record
from veery.protocol.devices.account_keys import AccountKey
from veery.protocol.devices.faults import reading
from veery.protocol.devices.record import DeviceRecord
from veery.secret import Secret

_KIND = "devices.payload"


@dataclass(frozen=True, slots=True)
class Gone:
    """A device that is no member any more. time_s: unix seconds, above 0; left: by itself, else it was removed."""

    time_s: int
    left: bool


Device: TypeAlias = DeviceRecord | Gone


@dataclass(frozen=True, slots=True)
class Payload:
    """devices: by id, 32 bytes; keys: account keys in the order of the message."""

    devices: Mapping[bytes, Device] = field(repr=False)
    keys: tuple[AccountKey, ...] = field(repr=False)


def encode(payload: Payload) -> bytes:
    """The payload without padding. Raises Misuse for ids that are not 32 bytes and times that are none."""
    devices = {device: _device(device, value) for device, value in payload.devices.items()}
    keys = b"".join(_key(key) for key in payload.keys)
    return bt_raw.encode({b"D": bt_raw.encode(devices), b"K": b"l" + keys + b"e"})


def decode(plaintext: bytes) -> Payload:
    """Read a payload, padded or not. Raises DeviceMalformed `devices.payload`: nothing of it may be used then."""
    with reading(_KIND):
        fields = bt_raw.read(plaintext.rstrip(b"\0"))
        devices = dict(_devices(fields.dict(b"D"))) if b"D" in fields else {}
        return Payload(devices, tuple(_read_key(entry) for entry in fields.dicts(b"K")))


def padded_size(size: int) -> int:
    """The size to which a payload of so many bytes is padded."""
    steps = -(-(size - PAYLOAD_PADDING_BASE) // PAYLOAD_PADDING_STEP)
    return PAYLOAD_PADDING_BASE + PAYLOAD_PADDING_STEP * max(1, steps)


def pad(plaintext: bytes) -> bytes:
    """A payload with its padding. Raises Misuse when no group message could hold it."""
    if len(plaintext) > DATA_MAX:
        raise Misuse("the group has too many devices for one message", kind="devices.group.too_large")
    return plaintext.ljust(padded_size(len(plaintext)), b"\0")


def _device(device: bytes, value: Device) -> bytes:
    if len(device) != DEVICE_ID_SIZE:
        raise Misuse(f"a device id has {DEVICE_ID_SIZE} bytes", kind=_KIND)
    if isinstance(value, DeviceRecord):
        return value.raw
    if not 0 < value.time_s <= bt_raw.INT64_MAX:
        raise Misuse("a removal needs a time above 0", kind=_KIND)
    return bt.encode(-value.time_s if value.left else value.time_s)


def _key(key: AccountKey) -> bytes:
    fields: dict[bytes, bt.Encodable] = {b"c": key.created_s, b"s": key.seed.reveal()}
    if key.rotated_s is not None:
        fields[b"r"] = key.rotated_s
    return bt.encode(fields)


def _devices(fields: bt_raw.RawDict) -> Iterator[tuple[bytes, Device]]:
    for device, value in fields.values.items():
        if len(device) != DEVICE_ID_SIZE:
            raise BtMalformed("a device id has a wrong size", kind="protocol.bt.size")
        if isinstance(value, dict):
            yield device, record.parse(fields.dict(device))
        else:
            time_s = fields.integer(device, low=-bt_raw.INT64_MAX)
            if not time_s:
                raise BtMalformed("a removal needs a time", kind="protocol.bt.range")
            yield device, Gone(abs(time_s), left=time_s < 0)


def _read_key(fields: bt_raw.RawDict) -> AccountKey:
    seed = Secret(fields.string(b"s", KEY_SEED_SIZE))
    rotated_s = fields.integer(b"r") if b"r" in fields else None
    return AccountKey(seed, fields.integer(b"c"), rotated_s)
