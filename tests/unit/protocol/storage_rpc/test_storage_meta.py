"""Batch, sequence and ifelse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.protocol.storage_rpc.people import ALICE
from veery.protocol.storage_rpc import Batch, Conditions, GetSwarm, IfElse, Info, RpcError, Sequence, parse_request
from veery.protocol.storage_rpc.meta import goes_on

INFO = {"method": "info", "params": {}}
SWARM = {"method": "get_swarm", "params": {"pubkey": ALICE.hex()}}


def parse(method: str, params: Any) -> Any:
    return parse_request(json.dumps({"method": method, "params": params}).encode())


def reason(method: str, params: Any) -> str:
    with pytest.raises(RpcError) as refused:
        parse(method, params)
    assert refused.value.code == 400
    text = refused.value.body
    assert isinstance(text, str)
    return text.removeprefix("invalid request: ")


def test_batch_and_sequence_keep_the_order() -> None:
    assert parse("batch", {"requests": [INFO, SWARM]}) == Batch((Info(), GetSwarm(ALICE)))
    assert parse("sequence", {"requests": [SWARM, INFO] * 10}) == Sequence((GetSwarm(ALICE), Info()) * 10)


@pytest.mark.parametrize("method", ["batch", "sequence"])
@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, 'Invalid batch request: no valid "requests" field'),
        ({"requests": None}, 'Invalid batch request: no valid "requests" field'),
        ({"requests": INFO}, 'Invalid batch request: no valid "requests" field'),
        ({"requests": []}, 'Invalid batch request: no valid "requests" field'),
        ({"requests": [INFO] * 21}, "Invalid batch request: subrequest limit exceeded"),
        ({"requests": ["info"]}, "Invalid batch request: requests must be objects"),
        ({"requests": [{"method": "info"}]}, "Invalid batch request: subrequests must have method/params keys"),
        ({"requests": [{"params": {}}]}, "Invalid batch request: subrequests must have method/params keys"),
        (
            {"requests": [{"method": "info", "params": []}]},
            "Invalid batch request: subrequests must have method/params keys",
        ),
        (
            {"requests": [{"method": 5, "params": {}}]},
            "Invalid batch request: subrequests must have method/params keys",
        ),
        ({"requests": [{"method": "x", "params": {}}]}, 'Invalid batch subrequest: invalid method "x"'),
        (
            {"requests": [{"method": "batch", "params": {"requests": [INFO]}}]},
            "Invalid batch subrequest: subrequests may not contain meta-requests",
        ),
        (
            {"requests": [{"method": "ifelse", "params": {}}]},
            "Invalid batch subrequest: subrequests may not contain meta-requests",
        ),
        ({"requests": [INFO, {"method": "get_swarm", "params": {}}]}, "Required field 'pubkey' missing"),
    ],
)
def test_lists_that_are_refused(method: str, params: Any, text: str) -> None:
    assert reason(method, params) == text


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"then": INFO}, 'Invalid ifelse request: no valid "if" field'),
        ({"if": [], "then": INFO}, 'Invalid ifelse request: no valid "if" field'),
        ({"if": {}, "then": INFO}, 'Invalid ifelse request: must specify at least one "if" condition'),
        ({"if": {"x": 1}, "then": INFO}, 'Invalid ifelse request: must specify at least one "if" condition'),
        ({"if": {"height_before": 5}}, 'Invalid ifelse request: at least one of "then"/"else" required'),
        ({"if": {"height_before": 5}, "then": None}, 'Invalid ifelse request: at least one of "then"/"else" required'),
        ({"if": {"height_before": 5}, "then": "info"}, "Invalid ifelse request: then must be an object"),
        ({"if": {"height_before": 5}, "else": 5}, "Invalid ifelse request: else must be an object"),
        (
            {"if": {"height_before": 5}, "else": {"method": "info"}},
            "Invalid ifelse request: else must have method/params keys",
        ),
        (
            {"if": {"height_before": 5}, "then": {"method": "x", "params": {}}},
            'Invalid ifelse request method "then"',
        ),
        (
            {"if": {"height_before": 5}, "then": {"method": "get_swarm", "params": {}}},
            "Required field 'pubkey' missing",
        ),
        (
            {"if": {"hf_at_least": "19"}, "then": INFO},
            "Invalid value given for 'hf_at_least': expected integer array",
        ),
        (
            {"if": {"v_before": [2, "8"]}, "then": INFO},
            "Invalid value given for 'v_before': expected integer array",
        ),
        ({"if": {"height_before": 1.5}, "then": INFO}, "Invalid value given for 'height_before': expected integer"),
    ],
)
def test_choices_that_are_refused(params: Any, text: str) -> None:
    assert reason("ifelse", params) == text


def test_choices_nest_but_not_for_ever() -> None:
    inner: Any = INFO
    for _ in range(8):
        inner = {"method": "ifelse", "params": {"if": {"height_before": 5}, "then": inner}}
    assert isinstance(parse("ifelse", inner["params"]), IfElse)
    assert reason("ifelse", {"if": {"height_before": 5}, "then": inner}) == "Invalid ifelse request: nested too deep"


def test_a_choice_with_a_batch_and_short_and_long_lists() -> None:
    request = parse(
        "ifelse",
        {
            "if": {"hf_at_least": [20], "v_before": [2, 9, 1, 7], "hf_before": 21},
            "then": {"method": "batch", "params": {"requests": [INFO]}},
            "else": SWARM,
        },
    )
    conditions = Conditions(hf_at_least=(20, 0), v_before=(2, 9, 1), hf_before=(21, 0))
    assert request == IfElse(conditions, Batch((Info(),)), GetSwarm(ALICE))
    assert request.branch(True) == Batch((Info(),))
    assert request.branch(False) == GetSwarm(ALICE)


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        (Conditions(hf_at_least=(19, 4)), True),
        (Conditions(hf_at_least=(19, 5)), False),
        (Conditions(hf_at_least=(20, 0)), False),
        (Conditions(hf_before=(19, 4)), False),
        (Conditions(hf_before=(20, 0)), True),
        (Conditions(v_at_least=(2, 8, 0)), True),
        (Conditions(v_at_least=(2, 8, 1)), False),
        (Conditions(v_before=(2, 10, 0)), True),
        (Conditions(v_before=(2, 8, 0)), False),
        (Conditions(height_at_least=100), True),
        (Conditions(height_at_least=101), False),
        (Conditions(height_before=100), False),
        (Conditions(height_before=101), True),
        (Conditions(hf_at_least=(19, 0), height_before=1), False),
    ],
)
def test_conditions(conditions: Conditions, holds: bool) -> None:
    assert conditions.hold((19, 4), (2, 8, 0), 100) is holds


def test_a_sequence_goes_on_within_the_two_hundreds() -> None:
    assert [goes_on(code) for code in (199, 200, 299, 300, 401, 500)] == [False, True, True, False, False, False]
