"""The payload of a group message: forms that are refused whole, padding, order."""

from __future__ import annotations

import pytest

from tests.unit.protocol.devices.people import device_id, device_record
from veery.errors import Misuse
from veery.protocol import bt
from veery.protocol.devices import AccountKey, DeviceMalformed, Gone, Payload, payload
from veery.protocol.devices.payload import Device
from veery.secret import Secret

KEY = AccountKey(Secret(bytes(32)), 100)
WRITTEN_KEY: dict[bytes, bt.Encodable] = {b"c": 100, b"s": bytes(32)}


def decode(fields: dict[bytes, bt.Encodable]) -> Payload:
    return payload.decode(bt.encode(fields))


def test_writing_and_reading() -> None:
    old = AccountKey(Secret(bytes([1]) * 32), 50, 100)
    devices: dict[bytes, Device] = {
        device_id(2): Gone(700, left=True),
        device_id(1): device_record(),
        device_id(3): Gone(800, left=False),
    }
    read = payload.decode(payload.pad(payload.encode(Payload(devices, (KEY, old)))))
    assert read.devices == devices
    assert list(read.devices) == sorted(devices)
    assert [(key.seed.reveal(), key.created_s, key.rotated_s) for key in read.keys] == [
        (bytes(32), 100, None),
        (bytes([1]) * 32, 50, 100),
    ]


@pytest.mark.parametrize(
    ("size", "padded"), [(0, 8_700), (8_700, 8_700), (8_701, 15_100), (15_100, 15_100), (15_101, 21_500)]
)
def test_padding_goes_up_in_steps_of_four_devices(size: int, padded: int) -> None:
    assert payload.padded_size(size) == padded


def test_padding_of_other_sizes_is_read() -> None:
    plaintext = payload.encode(Payload({}, (KEY,)))
    for zeros in (0, 1, 77):
        assert len(payload.decode(plaintext + bytes(zeros)).keys) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {b"D": {}},
        {b"D": {}, b"K": {}},
        {b"D": {}, b"K": [5]},
        {b"D": [], b"K": []},
        {b"D": {bytes(31): 5}, b"K": []},
        {b"D": {bytes(33): 5}, b"K": []},
        {b"D": {bytes(32): 0}, b"K": []},
        {b"D": {bytes(32): -(2**63)}, b"K": []},
        {b"D": {bytes(32): 2**63}, b"K": []},
        {b"D": {bytes(32): b"5"}, b"K": []},
        {b"D": {bytes(32): []}, b"K": []},
        {b"D": {bytes(32): {}}, b"K": []},
        {b"D": {}, b"K": [{b"s": bytes(32)}]},
        {b"D": {}, b"K": [{b"c": 1}]},
        {b"D": {}, b"K": [{b"c": 1, b"s": bytes(31)}]},
        {b"D": {}, b"K": [{b"c": -1, b"s": bytes(32)}]},
        {b"D": {}, b"K": [{b"c": 1, b"r": b"5", b"s": bytes(32)}]},
    ],
)
def test_one_wrong_part_refuses_the_whole(fields: dict[bytes, bt.Encodable]) -> None:
    with pytest.raises(DeviceMalformed) as caught:
        decode(fields)
    assert caught.value.kind == "devices.payload"


def test_unknown_keys_are_ignored() -> None:
    read = decode({b"!": 1, b"D": {}, b"K": [WRITTEN_KEY], b"later": [b"x"]})
    assert len(read.keys) == 1
    assert payload.encode(read) == bt.encode({b"D": {}, b"K": [WRITTEN_KEY]})


def test_what_cannot_be_written_is_misuse() -> None:
    wrong: list[dict[bytes, Device]] = [
        {b"short": device_record()},
        {device_id(1): Gone(0, left=True)},
        {device_id(1): Gone(-5, left=True)},
    ]
    for devices in wrong:
        with pytest.raises(Misuse):
            payload.encode(Payload(devices, ()))
    with pytest.raises(Misuse):
        payload.pad(bytes(76_801))
