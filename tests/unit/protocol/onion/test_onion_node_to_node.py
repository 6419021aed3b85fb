from __future__ import annotations

import pytest

from veery.protocol import bt
from veery.protocol.onion import (
    EncType,
    HopReply,
    HopReplyUnreadable,
    HopRequestUnreadable,
    Layer,
    PathTooLong,
    encode_hop_reply,
    encode_hop_request,
    read_hop_reply,
    read_hop_request,
)

KEY = b"\x07" * 32


def test_the_dict_of_the_chapter() -> None:
    encoded = encode_hop_request(Layer(b"blob", KEY, EncType.XCHACHA20, 2))
    assert encoded == b"d4:data4:blob8:enc_type9:xchacha2013:ephemeral_key32:" + KEY + b"6:hop_noi2ee"
    assert read_hop_request([encoded]) == Layer(b"blob", KEY, EncType.XCHACHA20, 2)


def test_defaults() -> None:
    assert read_hop_request([bt.encode({b"data": b"", b"ephemeral_key": KEY})]) == Layer(b"", KEY, EncType.AES_GCM, 1)


@pytest.mark.parametrize(("written", "read"), [(-(2**63), 1), (0, 1), (1, 1), (15, 15)])
def test_hop_numbers(written: int, read: int) -> None:
    encoded = bt.encode({b"data": b"", b"ephemeral_key": KEY, b"hop_no": written, b"unknown": [1]})
    assert read_hop_request([encoded]).hop_no == read


@pytest.mark.parametrize("number", [16, 2**64 - 1])
def test_too_long_a_path(number: int) -> None:
    with pytest.raises(PathTooLong):
        read_hop_request([bt.encode({b"data": b"", b"ephemeral_key": KEY, b"hop_no": number})])


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"de", b"de"],
        [b""],
        [b"de"],
        [b"le"],
        [b'{"data":""}'],
        [bt.encode({b"data": b""})],
        [bt.encode({b"ephemeral_key": KEY})],
        [bt.encode({b"data": 1, b"ephemeral_key": KEY})],
        [bt.encode({b"data": b"", b"ephemeral_key": KEY[1:]})],
        [bt.encode({b"data": b"", b"ephemeral_key": KEY.hex()})],
        [bt.encode({b"data": b"", b"ephemeral_key": KEY, b"enc_type": b"rot13"})],
        [bt.encode({b"data": b"", b"ephemeral_key": KEY, b"enc_type": b"\xff"})],
        [bt.encode({b"data": b"", b"ephemeral_key": KEY, b"enc_type": 1})],
        [bt.encode({b"data": b"", b"ephemeral_key": KEY, b"hop_no": b"1"})],
        [b"d13:ephemeral_key32:" + KEY + b"4:data0:e"],  # out of order
    ],
)
def test_unreadable_requests(parts: list[bytes]) -> None:
    with pytest.raises(HopRequestUnreadable) as caught:
        read_hop_request(parts)
    assert caught.value.code == 400
    assert caught.value.text.startswith("Invalid internal onion request: ")
    assert len(caught.value.text) > len("Invalid internal onion request: ")


def test_replies() -> None:
    assert encode_hop_reply(200, b"body") == (b"200", b"body")
    assert encode_hop_reply(425, b"body") == (b"500", b"body")
    assert read_hop_reply([b"421", b"body"]) == HopReply(421, b"body")
    assert read_hop_reply([b"200", b"", b"more"]) == HopReply(200, b"")


@pytest.mark.parametrize("status", [b"301", b"425", b"", b"OK", b"2000", b"+200", b"\xb2\xb2\xb2"])
def test_unknown_codes_become_500_and_keep_the_body(status: bytes) -> None:
    assert read_hop_reply([status, b"body"]) == HopReply(500, b"body")


@pytest.mark.parametrize("parts", [[], [b"200"]])
def test_too_few_parts(parts: list[bytes]) -> None:
    with pytest.raises(HopReplyUnreadable):
        read_hop_reply(parts)
