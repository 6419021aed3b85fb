"""Parsing of batch, sequence and ifelse (04.7): nothing runs if any part does not parse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from veery.protocol.constants import BATCH_MAX, IFELSE_DEPTH_MAX
from veery.protocol.storage_rpc.bt_fields import BtFields
from veery.protocol.storage_rpc.errors import invalid
from veery.protocol.storage_rpc.fields import Fields
from veery.protocol.storage_rpc.json_fields import JsonFields
from veery.protocol.storage_rpc.meta import Batch, Conditions, IfElse, Request, Sequence
from veery.protocol.storage_rpc.parse_methods import PARSERS
from veery.protocol.storage_rpc.requests import Simple

_HF_PARTS: Final = 2
_VERSION_PARTS: Final = 3


def nested(fields: Fields, value: object) -> Fields | None:
    """The fields of an object inside of a request, or None if the value is no object."""
    if not isinstance(value, dict):
        return None
    kind = BtFields if isinstance(fields, BtFields) else JsonFields
    return kind(value, testnet=fields.testnet)


def parse_named(method: str, fields: Fields, depth: int = 0) -> Request | None:
    """Parse the request of a method, or give None when there is no such method. Raises RpcError."""
    parser = PARSERS.get(method)
    if parser is not None:
        return parser(fields)
    if method == IfElse.method:
        return _ifelse(fields, depth)
    meta = META_LISTS.get(method)
    return None if meta is None else meta(_subrequests(fields))


def _subrequests(fields: Fields) -> tuple[Simple, ...]:
    items = fields.values.get("requests")
    if not isinstance(items, list) or (not items and isinstance(fields, JsonFields)):
        raise invalid('Invalid batch request: no valid "requests" field')
    if not items:
        raise invalid('Invalid batch request: empty "requests" list')
    if len(items) > BATCH_MAX:
        raise invalid("Invalid batch request: subrequest limit exceeded")
    return tuple(_subrequest(fields, item) for item in items)


def _subrequest(fields: Fields, item: object) -> Simple:
    bencoded = isinstance(fields, BtFields)
    call = nested(fields, item)
    if call is None:
        raise invalid(f"Invalid batch request: requests must be {'dicts' if bencoded else 'objects'}")
    method, params = call.as_text(call.values.get("method")), nested(fields, call.values.get("params"))
    if bencoded and method is None:
        raise invalid("Invalid batch request: subrequests must have a method")
    if bencoded and params is None:
        raise invalid("Invalid batch request: subrequests must have a params dict")
    if method is None or params is None:
        raise invalid("Invalid batch request: subrequests must have method/params keys")
    if method in META_LISTS or method == IfElse.method:
        raise invalid("Invalid batch subrequest: subrequests may not contain meta-requests")
    parser = PARSERS.get(method)
    if parser is None:
        raise invalid(f'Invalid batch subrequest: invalid method "{method}"')
    return parser(params)


def _ifelse(fields: Fields, depth: int) -> IfElse:
    if depth >= IFELSE_DEPTH_MAX:
        raise invalid("Invalid ifelse request: nested too deep")
    asked = nested(fields, fields.values.get("if"))
    if asked is None:
        raise invalid('Invalid ifelse request: no valid "if" field')
    conditions = _conditions(asked)
    if conditions == Conditions():
        raise invalid('Invalid ifelse request: must specify at least one "if" condition')
    then, otherwise = _branch(fields, "then", depth), _branch(fields, "else", depth)
    if then is None and otherwise is None:
        raise invalid('Invalid ifelse request: at least one of "then"/"else" required')
    return IfElse(conditions, then, otherwise)


def _conditions(asked: Fields) -> Conditions:
    return Conditions(
        hf_at_least=_pair(asked.integers("hf_at_least")),
        hf_before=_pair(asked.integers("hf_before")),
        v_at_least=_triple(asked.integers("v_at_least")),
        v_before=_triple(asked.integers("v_before")),
        height_at_least=asked.integer("height_at_least"),
        height_before=asked.integer("height_before"),
    )


def _filled(numbers: tuple[int, ...], size: int) -> tuple[int, ...]:
    return (*numbers, *([0] * size))[:size]


def _pair(numbers: tuple[int, ...] | None) -> tuple[int, int] | None:
    if numbers is None:
        return None
    major, revision = _filled(numbers, _HF_PARTS)
    return major, revision


def _triple(numbers: tuple[int, ...] | None) -> tuple[int, int, int] | None:
    if numbers is None:
        return None
    major, minor, patch = _filled(numbers, _VERSION_PARTS)
    return major, minor, patch


def _branch(fields: Fields, name: str, depth: int) -> Request | None:
    if not fields.has(name):
        return None
    call = nested(fields, fields.values[name])
    if call is None:
        raise invalid(f"Invalid ifelse request: {name} must be an object")
    method, params = call.as_text(call.values.get("method")), nested(fields, call.values.get("params"))
    if method is None or params is None:
        raise invalid(f"Invalid ifelse request: {name} must have method/params keys")
    request = parse_named(method, params, depth + 1)
    if request is None:
        raise invalid(f'Invalid ifelse request method "{name}"')  # the key's name, as deployed servers say (04.7)
    return request


META_LISTS: Final[Mapping[str, Callable[[tuple[Simple, ...]], Batch | Sequence]]] = MappingProxyType(
    {Batch.method: Batch, Sequence.method: Sequence}
)
