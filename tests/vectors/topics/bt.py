"""bt-encoding."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vectors.harness import Case, topic
from veery.protocol import bt


def value_of(written: Any) -> bt.Value:
    """A bt value as the vectors write it: `s:` text, `x:` hex."""
    if isinstance(written, str):
        kind, _, rest = written.partition(":")
        return rest.encode() if kind == "s" else bytes.fromhex(rest)
    if isinstance(written, list):
        return [value_of(item) for item in written]
    if isinstance(written, dict):
        keys = {key: value_of(key) for key in written}
        return {key: value_of(written[text]) for text, key in keys.items() if isinstance(key, bytes)}
    assert isinstance(written, int)
    return written


@topic("bt-encoding")
def bt_encoding(inputs: Case, expected: Case) -> None:
    if inputs["op"] == "encode":
        value = value_of(inputs["value"])
        assert bt.encode(value).hex() == expected["hex"]
        assert bt.decode(bytes.fromhex(expected["hex"])) == value
        return
    data = bytes.fromhex(inputs["hex"])
    if expected.get("error"):
        for lenient in (False, True):
            with pytest.raises(bt.BtMalformed):
                bt.decode(data, lenient=lenient)
        return
    value = bt.decode(data, lenient=True)
    assert value == value_of(expected["value"])
    assert bt.encode(value).hex() == expected["reencoded"]
