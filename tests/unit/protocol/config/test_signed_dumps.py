"""A signed document that was saved while it was on its way."""

from __future__ import annotations

from dataclasses import replace

from veery.protocol import crypto
from veery.protocol.config import dumps
from veery.protocol.config import message as messages
from veery.protocol.config.data import EMPTY
from veery.protocol.config.state import FRESH, Phase
from veery.secret import Secret


def test_what_was_fixed_keeps_its_signature_over_a_restart() -> None:
    public, secret = crypto.ed25519_from_seed(bytes(32))
    built = messages.build(1, EMPTY, (), {}, sign_key=Secret(secret))
    state = replace(FRESH, phase=Phase.WAITING, content=built)
    again = dumps.load(dumps.dump(state, b"x"), b"x").content
    assert isinstance(again, messages.Message)
    assert again.raw == built.raw
    messages.parse(again.raw, verify_key=public)
