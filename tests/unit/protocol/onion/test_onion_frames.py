from __future__ import annotations

import pytest

from tests.unit.protocol.onion.world import GUARD
from veery.protocol.constants import ONION_BODY_MAX, ONION_HOP_LIMIT
from veery.protocol.onion.encryption import EncType, EncTypeUnknown
from veery.protocol.onion.frames import FrameMalformed, hex_key, read_frame, read_outer, write_frame

KEY = GUARD.public.hex()


def test_round_trip() -> None:
    frame = write_frame(b"blob", b'{"a":1}')
    assert frame == b"\x04\0\0\0blob" + b'{"a":1}'
    blob, control = read_frame(frame)
    assert (bytes(blob), control) == (b"blob", {"a": 1})


def test_empty_blob_is_four_zero_bytes() -> None:
    assert write_frame(b"", b"{}") == b"\0\0\0\0{}"
    assert [*map(len, read_frame(b"\0\0\0\0{}"))] == [0, 0]


@pytest.mark.parametrize("text", [b' \n{"b" : 2}\t\r ', b'{"\\u0062":2.0}', b'{"b":1,"b":2}'])
def test_any_spelling_of_json(text: bytes) -> None:
    assert read_frame(b"\0\0\0\0" + text)[1] == {"b": 2}


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\0\0\0",
        b"\0\0\0\0",  # no JSON
        b"\x01\0\0\0",  # beyond the end
        b"\xff\xff\xff\xff{}",
        b"\0\0\0\x01{}",  # big-endian
        b"\0\0\0\0[]",
        b"\0\0\0\0null",
        b"\0\0\0\0{}x",
        b"\0\0\0\0{}{}",
        b"\0\0\0\0{'a':1}",
        b'\0\0\0\0{"a":NaN}',
        b'\0\0\0\0{"a":"\xff"}',
        b'\0\0\0\0{"a":"\\ud800"}',
        b'\0\0\0\0{"a":1,}',
        b"\0\0\0\0" + b'{"a":' * 100_000,
        b'\0\0\0\0{"a":' + b"9" * 100_000 + b"}",
    ],
)
def test_malformed_frames(frame: bytes) -> None:
    with pytest.raises(FrameMalformed):
        read_frame(frame)


def test_a_frame_has_at_most_ten_mebibytes() -> None:
    fits = write_frame(bytes(ONION_BODY_MAX - 6), b"{}")
    assert len(read_frame(fits)[0]) == ONION_BODY_MAX - 6
    with pytest.raises(FrameMalformed, match="10 MiB"):
        read_frame(fits + b" ")


@pytest.mark.parametrize("text", [KEY, KEY.upper()])
def test_hex_keys_of_either_case(text: str) -> None:
    assert hex_key({"k": text}, "k") == GUARD.public


@pytest.mark.parametrize("value", [None, 1, "", KEY[:-2], KEY + "00", "g" * 64, " " * 32 + KEY[:32], "٣" * 64])
def test_bad_hex_keys(value: object) -> None:
    with pytest.raises(FrameMalformed, match="k must be 64 hex digits"):
        hex_key({"k": value}, "k")


def outer(text: str) -> bytes:
    return write_frame(b"blob", text.encode())


def test_outer_defaults() -> None:
    layer = read_outer(outer(f'{{"ephemeral_key":"{KEY}"}}'))
    assert (layer.blob, layer.ephemeral_key) == (b"blob", GUARD.public)
    assert (layer.enc_type, layer.hop_no) == (EncType.AES_GCM, 0)


@pytest.mark.parametrize(("written", "read"), [(-5, 0), (0, 0), (7, 7), (15, 15), (10**30, ONION_HOP_LIMIT)])
def test_hop_no(written: int, read: int) -> None:
    assert read_outer(outer(f'{{"ephemeral_key":"{KEY}","hop_no":{written}}}')).hop_no == read


@pytest.mark.parametrize("extra", ['"hop_no":"1"', '"hop_no":true', '"hop_no":1.5', '"enc_type":1', '"enc_type":null'])
def test_outer_wrong_types(extra: str) -> None:
    with pytest.raises(FrameMalformed):
        read_outer(outer(f'{{"ephemeral_key":"{KEY}",{extra}}}'))


def test_outer_unknown_type() -> None:
    with pytest.raises(EncTypeUnknown):
        read_outer(outer(f'{{"ephemeral_key":"{KEY}","enc_type":"rot13"}}'))
