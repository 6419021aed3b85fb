"""The name service (01.8)."""

from __future__ import annotations

import base64

import pytest

from tests.vectors.harness import Case, topic
from tests.vectors.topics.accounts import check_all
from veery.protocol.names import Name, NameAnswerWrong, NameNotRecognised


@topic("sns")
def sns(inputs: Case, expected: Case) -> None:
    if "candidate" in inputs:
        if expected["valid"]:
            text = Name.parse(inputs["candidate"]).text
            assert text == inputs["candidate"].strip().lower() or not inputs["candidate"].isascii()
            return
        with pytest.raises(NameNotRecognised):
            Name.parse(inputs["candidate"])
        return
    result = {key: inputs[f"{key}_hex"] for key in ("encrypted_value", "nonce") if f"{key}_hex" in inputs}
    if expected.get("error"):
        with pytest.raises((NameAnswerWrong, NameNotRecognised)):
            Name.parse(inputs["name"]).read_answer({"result": result})
        return
    name = Name.parse(inputs["name"])
    found = name.read_answer({"result": result})
    hashed = base64.b64encode(name.hash).decode()
    check_all(
        expected,
        {
            "name_hash_base64": lambda: hashed,
            "name_hash_hex": name.hash.hex,
            "account_id": lambda: found.hex if found else None,
        },
    )
    assert name.request()["params"] == {"type": 0, "name_hash": hashed}
