"""What a message must be, and what is refused (07.3, 07.12, 07.13)."""

from __future__ import annotations

import pytest

from veery.errors import ProtocolError
from veery.protocol import crypto
from veery.protocol.config import ConfigMalformed, ConfigMisuse, ConfigRefused, message
from veery.protocol.config import data as config_data
from veery.protocol.config import diff as config_diff
from veery.protocol.config.data import Data
from veery.protocol.config.message import EMPTY, LaggedDiff
from veery.protocol.config.state import draft_after
from veery.protocol.constants import CONFIG_DEPTH_MAX, CONFIG_MESSAGE_MAX
from veery.secret import Secret

HASH = b"h" * 32
PUBLIC, SECRET = crypto.ed25519_from_seed(bytes(range(32)))
OTHER_PUBLIC, _ = crypto.ed25519_from_seed(bytes(32))


def row(seqno: int, name: bytes = HASH, diff: bytes = b"de") -> bytes:
    return b"li%de32:%s%se" % (seqno, name, diff)


def body(data: bytes = b"de", rows: bytes = b"", diff: bytes = b"de", seqno: bytes = b"i5e") -> bytes:
    return b"d1:#%s1:&%s1:<l%se1:=%se" % (seqno, data, rows, diff)


def nested(depth: int) -> bytes:
    return b"d1:a" * (depth - 1) + b"d1:ai1ee" + b"e" * (depth - 1)


REFUSED = {
    b"": "config.type",
    b"le": "config.type",
    b"de": "config.key",
    b"d": "config.bt",
    body()[:-1]: "config.bt",
    b"d1:!i1e" + body()[1:]: "config.key",
    b"d1:&de1:<le1:=dee": "config.key",
    b"d1:#i1e1:<le1:=dee": "config.key",
    b"d1:#i1e1:&de1:<lee": "config.key",
    b"d1:#i1e1:&dee": "config.key",
    body()[:-1] + b"1:~1:xe": "config.signature_size",
    body()[:-1] + b"1:~64:" + b"x" * 64 + b"2:~~i1ee": "config.key",
    body()[:-1] + b"1:=dee": "config.order",
    b"d1:#i1e1:#i1e1:&de1:<le1:=dee": "config.order",
    body(seqno=b"1:5"): "config.seqno",
    body(seqno=b"i9223372036854775807e"): "config.seqno",
    body(data=b"le"): "config.type",
    body(data=b"i1e"): "config.type",
    body(data=b"d1:adee"): "config.empty",
    body(data=b"d1:alee"): "config.empty",
    body(data=b"d1:bi1e1:ai1ee"): "config.order",
    body(data=b"d1:ali2ei1eee"): "config.set",
    body(data=b"d1:ali1ei1eee"): "config.set",
    body(data=b"d1:al1:a1:aee"): "config.set",
    body(data=b"d1:al1:ai1eee"): "config.set",
    body(data=b"d1:alleee"): "config.set",
    body(data=b"d1:ai9223372036854775808ee"): "config.integer",
    body(data=b"d1:ali9223372036854775808eee"): "config.integer",
    body(data=nested(CONFIG_DEPTH_MAX + 1)): "config.depth",
    body(rows=row(5)): "config.rows",
    body(rows=row(3) + row(3)): "config.rows",
    body(rows=row(4) + row(3)): "config.rows",
    body(rows=row(3, b"z" * 32) + row(3, b"a" * 32)): "config.rows",
    body(rows=b"le"): "config.rows",
    body(rows=b"li3e31:%sdee" % HASH[:31]): "config.rows",
    body(rows=b"i3e"): "config.rows",
    body(rows=row(3, diff=b"d1:a1:xe")): "config.diff",
    body(rows=row(3, diff=b"le")): "config.diff",
    body(diff=b"d1:ai1ee"): "config.diff",
    body(diff=b"d1:aldeee"): "config.diff",
    body(diff=b"d1:alleleleee"): "config.diff",
    body(diff=b"d1:alli2ei1eeleee"): "config.set",
    body(diff=b"d1:b0:1:a0:e"): "config.order",
    body(diff=nested(CONFIG_DEPTH_MAX + 1).replace(b"i1e", b"0:")): "config.depth",
    b"d1:#i1e1:&" + b"l" * 5_000: "config.bt",
    body(data=b"l" * 5_000 + b"e" * 5_000): "config.bt",
    b"d" + b"".join(b"4:#%03di1e" % number for number in range(300)) + b"e": "config.count",
}


@pytest.mark.parametrize("raw", REFUSED, ids=lambda raw: raw[:40].decode("ascii", "replace"))
def test_refused(raw: bytes) -> None:
    with pytest.raises(ConfigMalformed) as caught:
        message.parse(raw)
    assert caught.value.kind == REFUSED[raw]


def test_a_message_that_is_too_long_is_not_even_read() -> None:
    with pytest.raises(ConfigMalformed) as caught:
        message.parse(b"d" + bytes(CONFIG_MESSAGE_MAX))
    assert caught.value.kind == "config.size"


def test_the_empty_message_is_that_of_the_book() -> None:
    assert EMPTY.raw == b"d1:#i0e1:&de1:<le1:=dee"
    assert EMPTY.hash.hex() == "ea173b57beca8af18c3519a7bbf69c3e7a05d1c049fa9558341d8ebb48b0c965"


TOLERATED = {
    b"d1:#i5e1:&de1:=dee": "no list of lagged diffs",
    b"d1:#i5e1:&de1:<le1:>i1ee": "no own diff, but a later key",
    body() + b"behind": "bytes behind the end",
    body(seqno=b"i-5e"): "a negative seqno",
    body(seqno=b"i005e"): "leading zeros",
    body(data=b"d01:ai1ee"): "leading zeros of a length",
    body(rows=b"li0e1:xe"): "a row that is too old to be looked at",
    body(diff=b"d1:adee"): "an empty dict in a diff",
    body(data=nested(CONFIG_DEPTH_MAX)): "as deep as is allowed",
}


@pytest.mark.parametrize("raw", TOLERATED, ids=TOLERATED.get)
def test_tolerated(raw: bytes) -> None:
    found = message.parse(raw)
    assert found.hash == message.message_hash(raw)
    again = message.parse(found.raw)
    assert (again.seqno, again.data, again.rows, again.diff) == (found.seqno, found.data, found.rows, found.diff)


def test_keys_of_later_versions_survive_a_change() -> None:
    later = message.parse(b"d1:#i5e1:$li9e2:ade1:&d1:ai1ee1:<le1:=de1:>1:xe")
    after = draft_after(later, {b"a": 2}).finished(None)
    assert after.unknown == {b"$": [9, b"ad"], b">": b"x"}
    assert message.parse(after.raw) == after


def test_signatures() -> None:
    rows = (LaggedDiff(0, EMPTY.hash, config_diff.NOTHING),)
    signed = message.build(1, {b"n": b"x"}, rows, {b"n": b""}, sign_key=Secret(SECRET))
    assert signed.raw.index(b"1:~64:") == len(signed.raw) - 71
    assert message.parse(signed.raw, verify_key=PUBLIC) == signed
    with pytest.raises(ConfigRefused) as wrong:
        message.parse(signed.raw, verify_key=OTHER_PUBLIC)
    assert wrong.value.kind == "config.refused.signature"
    with pytest.raises(ConfigRefused):
        message.parse(signed.raw.replace(b"1:n1:x", b"1:n1:y"), verify_key=PUBLIC)
    with pytest.raises(ConfigRefused) as unsigned:
        message.parse(EMPTY.raw, verify_key=PUBLIC)
    assert unsigned.value.kind == "config.refused.unsigned"


def test_a_signature_counts_only_in_its_place() -> None:
    inner = b"d1:#i1e1:&d1:a76:"
    forged = inner + b"1:~64:" + crypto.ed25519_sign(SECRET, inner) + b"123456" + b"e1:<le1:=dee"
    with pytest.raises(ConfigMalformed) as caught:
        message.parse(forged, verify_key=PUBLIC)
    assert caught.value.kind == "config.key"


def test_signed_messages_may_have_bytes_behind() -> None:
    signed = message.build(1, {b"n": b"x"}, (), {b"n": b""}, sign_key=Secret(SECRET))
    found = message.parse(signed.raw + b"behind", verify_key=PUBLIC)
    assert found.raw == signed.raw
    assert found.hash != signed.hash


def test_a_signature_that_nobody_checked_is_not_kept() -> None:
    signed = message.build(1, {b"n": b"x"}, (), {b"n": b""}, sign_key=Secret(SECRET))
    unchecked = message.parse(signed.raw)
    assert unchecked.hash == signed.hash
    assert b"1:~" not in unchecked.raw


def test_the_window_of_lagged_diffs() -> None:
    rows = [LaggedDiff(seqno, HASH, config_diff.NOTHING) for seqno in range(12)]
    assert [kept.seqno for kept in message.window(rows, 10)] == [6, 7, 8, 9]


@pytest.mark.parametrize(
    "data", [{b"a": 2**63}, {b"a": -(2**63) - 1}, {b"a": frozenset({2**63})}, {b"a": {b"b": 2**64}}]
)
def test_numbers_that_no_message_holds(data: Data) -> None:
    with pytest.raises(ConfigMisuse) as caught:
        config_data.check(data)
    assert caught.value.kind == "config.misuse.integer"


def test_depth_that_no_message_holds() -> None:
    data: Data = {b"a": 1}
    for _ in range(2_000):
        data = {b"a": data}
    with pytest.raises(ConfigMisuse) as caught:
        config_data.check(data)
    assert caught.value.kind == "config.misuse.depth"


def test_the_deepest_data_makes_a_message_that_follows_itself() -> None:
    data: Data = {b"a": frozenset({1})}
    for _ in range(CONFIG_DEPTH_MAX - 2):
        data = {b"a": data}
    config_data.check(data)
    first = draft_after(EMPTY, data).finished(None)
    second = draft_after(message.parse(first.raw), config_data.EMPTY).finished(None)
    third = draft_after(message.parse(second.raw), data).finished(None)
    assert message.parse(third.raw) == third


def test_errors_are_all_of_one_family() -> None:
    assert all(issubclass(each, ProtocolError) for each in (ConfigMalformed, ConfigMisuse, ConfigRefused))
