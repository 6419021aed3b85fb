"""Dicts that the account signs."""

from __future__ import annotations

import pytest

from veery.errors import Misuse
from veery.protocol import bt_raw, crypto
from veery.protocol.bt import BtMalformed
from veery.protocol.devices import signed
from veery.protocol.devices.faults import DeviceRefused
from veery.secret import Secret

PUBLIC, SECRET_KEY = crypto.ed25519_from_seed(bytes(range(32)))
STRANGER = crypto.ed25519_from_seed(bytes(32))[0]
SECRET = Secret(SECRET_KEY)
FIELDS = {b"": bt_raw.string(b"G"), b"d": bt_raw.string(b"payload")}
WRITTEN = signed.encode(FIELDS, SECRET)


def test_what_was_signed_is_read() -> None:
    assert WRITTEN.startswith(b"d0:1:G1:d7:payload1:~64:")
    fields = signed.read(WRITTEN, PUBLIC, "devices.test", b"G")
    assert (fields.string(b""), fields.string(b"d")) == (b"G", b"payload")
    assert signed.read(WRITTEN, PUBLIC, "devices.test").string(b"d") == b"payload"


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (WRITTEN, STRANGER),
        (WRITTEN.replace(b"payload", b"Payload"), PUBLIC),
        (WRITTEN.replace(b"0:1:G", b"0:1:V"), PUBLIC),
        (WRITTEN[:-2] + bytes([WRITTEN[-2] ^ 1]) + b"e", PUBLIC),
        (b"d0:1:G1:d7:payload1:~63:" + bytes(63) + b"e", PUBLIC),
    ],
)
def test_other_keys_contents_and_signatures_are_refused(data: bytes, key: bytes) -> None:
    with pytest.raises(DeviceRefused) as caught:
        signed.read(data, key, "devices.test", b"G")
    assert caught.value.kind == "devices.test.signature"


def test_a_signed_message_of_another_type_is_malformed() -> None:
    with pytest.raises(BtMalformed, match="not V") as caught:
        signed.read(WRITTEN, PUBLIC, "devices.test", b"V")
    assert caught.value.kind == "protocol.bt.type"


@pytest.mark.parametrize("data", [b"", b"de", b"d0:1:Ge", b"d1:~0:", WRITTEN[:-1], WRITTEN + b"e"])
def test_what_is_no_signed_dict_is_malformed(data: bytes) -> None:
    with pytest.raises(BtMalformed):
        signed.read(data, PUBLIC, "devices.test", b"G")


def test_no_field_may_follow_the_signature() -> None:
    with pytest.raises(Misuse):
        signed.encode({**FIELDS, b"~~": bt_raw.string(b"")}, SECRET)
