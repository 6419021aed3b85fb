"""bt dicts by their raw bytes: places, order, signatures."""

from __future__ import annotations

import pytest

from veery.errors import Misuse
from veery.protocol import bt, bt_raw, crypto
from veery.protocol.bt import BtMalformed
from veery.protocol.crypto import CryptoFailed

PUBLIC, SECRET = crypto.ed25519_from_seed(bytes(range(32)))


def sign(signed: bytes) -> bytes:
    return crypto.ed25519_sign(SECRET, signed)


def check(signed: bytes, signature: bytes) -> None:
    crypto.ed25519_verify(PUBLIC, signed, signature)


def kind_of(data: bytes) -> str:
    with pytest.raises(BtMalformed) as caught:
        bt_raw.read(data)
    return caught.value.kind


def test_fields_are_found_where_they_stand() -> None:
    nested = bt.encode({b"x": [1, b"e:ie", {}]})
    data = b"d1:ai-7e1:b" + nested + b"1:cle2:zz0:e"
    fields = bt_raw.read(data)
    assert fields.raw(b"a") == b"i-7e"
    assert fields.raw(b"b") == nested
    assert fields.dict(b"b").data == nested
    assert fields.raw(b"c") == b"le"
    assert fields.before(b"b") == b"d1:ai-7e"
    assert fields.before(b"a") == b"d"
    assert (b"zz" in fields, b"q" in fields) == (True, False)


def test_bytes_are_those_received_and_not_encoded_anew() -> None:
    data = b"d1:ai007e1:b02:hie"
    fields = bt_raw.read(data)
    assert (fields.integer(b"a"), fields.string(b"b")) == (7, b"hi")
    assert fields.raw(b"a") == b"i007e"
    assert fields.before(b"b") == b"d1:ai007e"


def test_items_of_a_list_of_dicts() -> None:
    fields = bt_raw.read(bt.encode({b"k": [{b"a": 1}, {}, {b"a": [b"e"]}]}))
    assert [each.data for each in fields.dicts(b"k")] == [b"d1:ai1ee", b"de", b"d1:al1:eee"]


def test_order_is_demanded_at_every_depth() -> None:
    assert kind_of(b"d1:bi1e1:ai1ee") == "protocol.bt.order"
    assert kind_of(b"d1:ad1:bi1e1:ai1eee") == "protocol.bt.order"
    assert kind_of(b"d1:ald1:bi1e1:ai1eeee") == "protocol.bt.order"
    assert kind_of(b"d1:ai1e1:ai1ee") == "protocol.bt.order"


@pytest.mark.parametrize("data", [b"", b"i1e", b"le", b"d", b"d1:ai1e", b"d1:ai1eex", b"di1ei1ee", b"d1:a3:bce"])
def test_what_is_no_dict_is_refused(data: bytes) -> None:
    assert kind_of(data).startswith("protocol.bt")


def test_fields_of_a_wrong_kind_are_named() -> None:
    fields = bt_raw.read(bt.encode({b"i": 5, b"l": [1], b"s": b"four"}))
    for broken, kind in (
        (lambda: fields.string(b"q"), "protocol.bt.missing"),
        (lambda: fields.string(b"i"), "protocol.bt.type"),
        (lambda: fields.string(b"s", 5), "protocol.bt.size"),
        (lambda: fields.integer(b"s"), "protocol.bt.type"),
        (lambda: fields.integer(b"i", low=6), "protocol.bt.range"),
        (lambda: fields.integer(b"i", high=4), "protocol.bt.range"),
        (lambda: fields.dict(b"l"), "protocol.bt.type"),
        (lambda: fields.dicts(b"l"), "protocol.bt.type"),
        (lambda: fields.dicts(b"s"), "protocol.bt.type"),
    ):
        with pytest.raises(BtMalformed) as caught:
            broken()
        assert caught.value.kind == kind


def test_two_signatures_each_over_what_is_before_it() -> None:
    data = bt_raw.encode({b"c": bt_raw.string(b"hi"), b"a": b"i1e"}, (b"~", sign), (b"~P", sign))
    fields = bt_raw.read(data)
    assert fields.before(b"~") == b"d1:ai1e1:c2:hi"
    assert fields.before(b"~P") == b"d1:ai1e1:c2:hi1:~64:" + fields.string(b"~")
    bt_raw.verify(fields, b"~", check)
    bt_raw.verify(fields, b"~P", check)


def test_what_stands_after_a_signature_is_not_signed() -> None:
    data = bt_raw.encode({b"a": b"i1e"}, (b"~", sign))
    bt_raw.verify(bt_raw.read(data[:-1] + b"2:~xi1ee"), b"~", check)


@pytest.mark.parametrize("change", [0x31, 0x33])
def test_altered_bytes_do_not_verify(change: int) -> None:
    data = bytearray(bt_raw.encode({b"a": b"i2e"}, (b"~", sign)))
    data[data.index(b"2")] = change
    with pytest.raises(CryptoFailed):
        bt_raw.verify(bt_raw.read(bytes(data)), b"~", check)


def test_a_signature_of_a_wrong_size_does_not_verify() -> None:
    with pytest.raises(CryptoFailed):
        bt_raw.verify(bt_raw.read(bt.encode({b"~": bytes(63)})), b"~", check)
    with pytest.raises(BtMalformed):
        bt_raw.verify(bt_raw.read(b"de"), b"~", check)


def test_a_signature_that_would_not_be_last_is_misuse() -> None:
    with pytest.raises(Misuse):
        bt_raw.encode({b"~~": b"i1e"}, (b"~", sign))
    with pytest.raises(Misuse):
        bt_raw.encode({b"a": b"i1e"}, (b"~P", sign), (b"~", sign))
