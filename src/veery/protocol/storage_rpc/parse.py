"""Bodies to requests, on each road: HTTPS and onion requests, the queue and QUIC, and forwarding among members.

Everything that a stranger can send ends in a request or in RpcError with the code and text of 04.1.1. Whether the
account maps here (421), times and signatures are looked at later (`checks`).
"""

from __future__ import annotations

from typing import Final, cast

from veery.protocol import bt
from veery.protocol.constants import REQUEST_BODY_MAX
from veery.protocol.storage_rpc.bt_fields import BtFields
from veery.protocol.storage_rpc.encoding import Encoding, decode_json
from veery.protocol.storage_rpc.errors import RpcError, UnknownMethod, invalid
from veery.protocol.storage_rpc.fields import Fields
from veery.protocol.storage_rpc.json_fields import JsonFields
from veery.protocol.storage_rpc.meta import IfElse, Request
from veery.protocol.storage_rpc.parse_meta import META_LISTS, parse_named
from veery.protocol.storage_rpc.parse_methods import FORWARDABLE, PARSERS
from veery.protocol.storage_rpc.requests import Recursive

METHODS: Final = frozenset((*PARSERS, *META_LISTS, IfElse.method))  # every name that a request may have
_BODY_KIND: Final = "invalid body: expected json or bt_dict"


def parse_request(body: bytes, *, testnet: bool = False) -> Request:
    """Parse a JSON body `{"method", "params"}` of HTTPS or an onion request (04.1). Raises RpcError."""
    _bounded(body)
    try:
        call = decode_json(body)
    except ValueError:
        raise RpcError(400, "invalid json") from None
    method = call.get("method") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(method, str):
        raise RpcError(400, "invalid json: no `method` field")
    params = call.get("params")
    if not isinstance(params, dict):
        raise RpcError(400, "invalid json: no `params` field")
    return _named(method, JsonFields(params, testnet=testnet))


def parse_params(method: str, body: bytes, *, testnet: bool = False) -> tuple[Request, Encoding]:
    """Parse the parameters of a queue or QUIC request, JSON or bencoded, empty for none (04.1, 15.4.1).

    Gives the encoding for the answer. Raises RpcError.
    """
    _bounded(body)
    if body[:1] == b"d":
        return _named(method, BtFields(_decode_dict(body), testnet=testnet)), Encoding.BENCODED
    try:
        params = decode_json(body) if body else {}
    except ValueError:
        raise RpcError(400, _BODY_KIND) from None
    if not isinstance(params, dict):
        raise RpcError(400, _BODY_KIND)
    return _named(method, JsonFields(params, testnet=testnet)), Encoding.JSON


def parse_forwarded(method: str, body: bytes, *, testnet: bool = False) -> Recursive:
    """Parse what another member forwards: method and bencoded parameters (05.5).

    Raises UnknownMethod, to which no reply is given (15.4), and RpcError.
    """
    _bounded(body)
    if method not in METHODS:
        raise UnknownMethod(method)
    if method not in FORWARDABLE:
        raise invalid("received invalid forwarded non-forwardable request")
    request = PARSERS[method](BtFields(_decode_dict(body), testnet=testnet))
    return cast("Recursive", request)  # FORWARDABLE holds the methods of exactly these


def _named(method: str, fields: Fields) -> Request:
    request = parse_named(method, fields)
    if request is None:
        raise UnknownMethod(method)
    return request


def _bounded(body: bytes) -> None:
    if len(body) > REQUEST_BODY_MAX:
        raise RpcError(413, "Request body too large")


def _decode_dict(body: bytes) -> dict[bytes, bt.Value]:
    try:
        return bt.decode_dict(body)
    except bt.BtMalformed as error:
        if error.kind != "protocol.bt.order":
            raise RpcError(400, _BODY_KIND) from None
    try:  # keys out of order are not found, the others are (04.1)
        return bt.decode_dict(body, lenient=True)
    except bt.BtMalformed:
        raise RpcError(400, _BODY_KIND) from None
