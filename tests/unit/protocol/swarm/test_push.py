"""Pushes between members of a swarm, and the handshake before them."""

from __future__ import annotations

import pytest

from veery.errors import Malformed, Misuse
from veery.protocol import bt
from veery.protocol.constants import PUSH_BATCH_MAX
from veery.protocol.swarm import push
from veery.protocol.swarm.push import DataReady, PushedMessage, PushMalformed

MESSAGE = PushedMessage(b"\x05" + bytes(32), b"h" * 43, 1_000, 2_000, b"data", -10)


def test_batches_keep_order_and_size() -> None:
    messages = [PushedMessage(b"\x05" + bytes(32), b"%043d" % n, n, n + 1, bytes(70_000)) for n in range(40)]
    blobs = list(push.batches(messages))
    assert len(blobs) > 2
    assert all(len(blob) <= PUSH_BATCH_MAX for blob in blobs)
    assert [message for blob in blobs for message in push.decode_push(blob)] == messages
    assert all(len(blob) + len(push.encode_push(messages[:1])) > PUSH_BATCH_MAX for blob in blobs[:-1])


def test_a_batch_is_filled_to_the_byte() -> None:
    size = len(push.encode_push([MESSAGE, MESSAGE]))
    assert len(list(push.batches([MESSAGE] * 4, largest=size))) == 2
    assert len(list(push.batches([MESSAGE] * 4, largest=size - 1))) == 4
    assert list(push.batches([])) == []


def test_five_elements_lose_the_namespace() -> None:
    (read,) = push.decode_push(push.encode_push([MESSAGE], with_namespace=False))
    assert read.namespace == 0


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\x01",
        b"\x02le",
        b"le",
        b"\x01de",
        b"\x01li1ee",
        b"\x01" + bt.encode([[bytes(32), b"h", 1, 2, b"d", 0]]),
        b"\x01" + bt.encode([[bytes(33), b"h", 1, 2]]),
        b"\x01" + bt.encode([[bytes(33), b"h", 1, 2, b"d", 0, 0]]),
        b"\x01" + bt.encode([[bytes(33), b"h", 1, 2, b"d", b"0"]]),
        b"\x01" + bt.encode([[bytes(33), b"h", -1, 2, b"d"]]),
        b"\x01" + bt.encode([[bytes(33), b"h", 1, 2, b"d", 2**15]]),
        b"\x01" + bt.encode([[bytes(33), 5, 1, 2, b"d"]]),
        push.encode_push([MESSAGE]) + b"e",
    ],
)
def test_bad_blobs(blob: bytes) -> None:
    with pytest.raises(Malformed):
        push.decode_push(blob)


def test_one_bad_message_spoils_the_whole_blob() -> None:
    good = bt.decode(push.encode_push([MESSAGE])[1:])
    assert isinstance(good, list)
    with pytest.raises(PushMalformed):
        push.decode_push(b"\x01" + bt.encode([*good, [bytes(33)]]))


def test_misuse() -> None:
    for bad in (
        PushedMessage(bytes(32), b"", 1, 1, b""),
        PushedMessage(bytes(33), b"", -1, 1, b""),
        PushedMessage(bytes(33), b"", 1, 1, b"", 40_000),
    ):
        with pytest.raises(Misuse):
            push.encode_push([bad])


def test_the_handshake_both_ways() -> None:
    asked = DataReady((2, 12, 3), wants_dump=True)
    (payload,) = push.encode_ready(asked)
    assert bt.decode(payload) == {b"#": 21203, b"t": 1}
    assert push.decode_ready([payload]) == asked
    assert push.decode_ready([]) == DataReady(None)
    assert push.encode_ready(DataReady(None)) == []


def test_unknown_keys_of_a_handshake_are_skipped() -> None:
    assert push.decode_ready([bt.encode({b"#": 21200, b"@": 0, b"t": 0})]) == DataReady((2, 12, 0))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"le",
        b"de",
        bt.encode({b"@": 0, b"t": 1}),
        bt.encode({b"#": 1}),
        bt.encode({b"#": -1, b"t": 0}),
        bt.encode({b"#": 1, b"t": 2}),
        bt.encode({b"#": b"1", b"t": 1}),
    ],
)
def test_bad_handshakes(payload: bytes) -> None:
    with pytest.raises(PushMalformed):
        push.decode_ready([payload])


def test_replies() -> None:
    assert push.decode_ready_reply(push.encode_ready_reply((2, 12, 0))) == DataReady((2, 12, 0))
    assert push.decode_ready_reply([push.READY]) == DataReady(None)
    assert push.decode_ready_reply([push.READY_MISMATCH]) is None
    assert push.decode_ready_reply([]) is None
    with pytest.raises(PushMalformed):
        push.decode_ready_reply([push.READY, b"x"])
    with pytest.raises(Misuse):
        push.encode_ready_reply((2, 100, 0))
