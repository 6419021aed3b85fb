"""Device records: what is written, what is read, and what is passed on as it came."""

from __future__ import annotations

import pytest

from tests.unit.protocol.devices.people import device_record, paper_keys
from veery.errors import Misuse
from veery.protocol import bt
from veery.protocol.devices import DeviceMalformed, record

KEYS = paper_keys(1)
REQUIRED: dict[bytes, bt.Encodable] = {b"#": 3, b"@": 9, b"M": KEYS.mlkem, b"X": KEYS.x25519}


def test_writing_and_reading() -> None:
    made = record.make(seqno=7, timestamp_s=1_777, keys=KEYS, description="Känguru", platform="d", version=2_025_000)
    assert record.decode(made.raw) == made
    assert (made.seqno, made.timestamp_s, made.keys) == (7, 1_777, KEYS)
    assert (made.description, made.platform, made.version, made.extra) == ("Känguru", "d", 2_025_000, ())


def test_empty_fields_are_left_out_but_the_description() -> None:
    assert set(bt.decode_dict(device_record().raw)) == {b"#", b"@", b"M", b"X", b"d"}


def test_optional_fields_may_be_missing() -> None:
    read = record.decode(bt.encode(REQUIRED))
    assert (read.description, read.platform, read.version) == ("", "", 0)


@pytest.mark.parametrize("missing", list(REQUIRED))
def test_required_fields_must_be_there(missing: bytes) -> None:
    fields = {key: value for key, value in REQUIRED.items() if key != missing}
    with pytest.raises(DeviceMalformed) as caught:
        record.decode(bt.encode(fields))
    assert caught.value.kind == "devices.record"


@pytest.mark.parametrize(
    "wrong",
    [
        {b"#": 0},
        {b"#": -1},
        {b"#": b"1"},
        {b"#": 2**63},
        {b"@": -1},
        {b"M": bytes(1183)},
        {b"X": bytes(33)},
        {b"X": 5},
        {b"d": 5},
        {b"t": []},
        {b"v": b"1"},
        {b"v": -1},
    ],
)
def test_fields_of_a_wrong_kind_are_refused(wrong: dict[bytes, bt.Encodable]) -> None:
    with pytest.raises(DeviceMalformed):
        record.decode(bt.encode(REQUIRED | wrong))


def test_unknown_fields_are_kept_in_their_places() -> None:
    raw = bt.encode(REQUIRED | {b"!": [1, {b"deep": b"x"}], b"zz": b"tail", b"Q": -5})
    read = record.decode(raw)
    assert read.extra == ((b"!", b"li1ed4:deep1:xee"), (b"Q", b"i-5e"), (b"zz", b"4:tail"))
    again = read.renumbered(8)
    assert again.extra == read.extra
    assert bt.decode_dict(again.raw) == bt.decode_dict(raw) | {b"#": 8, b"d": b""}


def test_the_digest_is_of_the_bytes_received() -> None:
    canonical = bt.encode(REQUIRED)
    padded = canonical.replace(b"1:#i3e", b"1:#i03e")
    read = record.decode(padded)
    assert read.raw == padded
    assert read.digest != record.decode(canonical).digest
    assert len(read.digest) == 8


def test_descriptions_are_cut_between_characters() -> None:
    assert record.cut("a" * 70) == "a" * 64
    assert record.cut("ä" * 40) == "ä" * 32
    assert record.cut("a" + "ä" * 40) == "a" + "ä" * 31
    assert record.cut("🐶" * 20) == "🐶" * 16
    assert device_record(description="a" * 70).description == "a" * 64


def test_longer_descriptions_and_bytes_that_are_no_text_are_read() -> None:
    assert record.decode(bt.encode(REQUIRED | {b"d": b"x" * 500})).description == "x" * 500
    odd = record.decode(bt.encode(REQUIRED | {b"d": b"\xff\xfe", b"t": b"free text of some length"}))
    assert odd.description == "\ufffd\ufffd"
    assert odd.platform == "free text of some length"


@pytest.mark.parametrize(
    "wrong",
    [
        {"seqno": 0},
        {"seqno": 2**31},
        {"timestamp_s": -1},
        {"version": -1},
        {"platform": "x" * 65},
        {"description": "\ud800"},
        {"extra": {b"M": b"0:"}},
    ],
)
def test_what_cannot_be_written_is_misuse(wrong: dict[str, object]) -> None:
    fields: dict[str, object] = {"seqno": 1, "timestamp_s": 1, "keys": KEYS} | wrong
    with pytest.raises(Misuse):
        record.make(**fields)  # type: ignore[arg-type]  # the wrong values are the point


def test_descriptions_are_not_printed() -> None:
    assert "Alice's phone" not in repr(device_record(description="Alice's phone"))
