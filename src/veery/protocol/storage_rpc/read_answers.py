"""Answers of nodes to values, for clients and for nodes that asked other nodes. The reverse of `answers`.

`value` is the decoded JSON (inside of an onion reply it is decoded already) or the decoded bencoded value; see
`decode_answer`. All errors are AnswerMalformed.
"""

from __future__ import annotations

from typing import Final, cast, overload

from veery.protocol.constants import (
    DATA_MAX,
    HASHES_ANSWER_MAX,
    KEY_SIZE,
    NO_SWARM,
    RETRIEVE_MAX,
    RETRIEVE_MESSAGE_OVERHEAD,
    SUBACCOUNT_TOKEN_SIZE,
    SWARM_ANSWER_MAX,
)
from veery.protocol.storage_rpc.answer_fields import AnswerFields, decode_answer
from veery.protocol.storage_rpc.answers import (
    Answer,
    ExpiriesAnswer,
    IfElseAnswer,
    InfoAnswer,
    ListAnswer,
    OxendAnswer,
    RecursiveAnswer,
    RetrieveAnswer,
    RevokedAnswer,
    StoredMessage,
    SubAnswer,
    SwarmInfo,
)
from veery.protocol.storage_rpc.encoding import Encoding
from veery.protocol.storage_rpc.errors import AnswerMalformed, Plain
from veery.protocol.storage_rpc.meta import Batch, IfElse, Request, Sequence
from veery.protocol.storage_rpc.read_members import read_recursive, read_stamps
from veery.protocol.storage_rpc.requests import (
    ActiveNodesBin,
    GetExpiries,
    GetSwarm,
    Info,
    OxendRequest,
    Recursive,
    Retrieve,
    RevokedSubaccounts,
)
from veery.protocol.swarm.node_json import check_unique
from veery.protocol.swarm.nodes import NodeMalformed, ServiceNode, check_ipv4

_MESSAGES_MAX: Final = RETRIEVE_MAX // RETRIEVE_MESSAGE_OVERHEAD + 1
_VERSION_PARTS: Final = 3
_PORT_MAX: Final = 0xFFFF
_PORT_DIGITS: Final = 5
_CODE_MIN, _CODE_MAX = 100, 999


@overload
def read_answer(request: Recursive, value: object, encoding: Encoding = ...) -> RecursiveAnswer: ...
@overload
def read_answer(request: Retrieve, value: object, encoding: Encoding = ...) -> RetrieveAnswer: ...
@overload
def read_answer(request: GetSwarm, value: object, encoding: Encoding = ...) -> SwarmInfo: ...
@overload
def read_answer(request: GetExpiries, value: object, encoding: Encoding = ...) -> ExpiriesAnswer: ...
@overload
def read_answer(request: RevokedSubaccounts, value: object, encoding: Encoding = ...) -> RevokedAnswer: ...
@overload
def read_answer(request: Batch | Sequence, value: object, encoding: Encoding = ...) -> ListAnswer: ...
@overload
def read_answer(request: Info, value: object, encoding: Encoding = ...) -> InfoAnswer: ...
@overload
def read_answer(request: OxendRequest, value: object, encoding: Encoding = ...) -> OxendAnswer: ...
@overload
def read_answer(request: IfElse, value: object, encoding: Encoding = ...) -> IfElseAnswer: ...
@overload
def read_answer(request: Request, value: object, encoding: Encoding = ...) -> Answer: ...


def read_answer(request: Request, value: object, encoding: Encoding = Encoding.JSON) -> Answer:
    """The answer to a request that came with a code of success. Raises AnswerMalformed.

    The answer to active_nodes_bin is no object; see `veery.protocol.swarm.active_nodes`.
    """
    match request:
        case Retrieve():
            return read_retrieve(value, encoding)
        case GetSwarm():
            return read_swarm_info(value, encoding)
        case Batch() | Sequence():
            return _list(request, AnswerFields(value, encoding))
        case ActiveNodesBin():
            raise AnswerMalformed("the answer to active_nodes_bin is bytes, not an object")
        case Info() | GetExpiries() | RevokedSubaccounts() | OxendRequest() | IfElse():
            return _small(request, AnswerFields(value, encoding))
    return read_recursive(request, value, encoding)


def _small(
    request: Info | GetExpiries | RevokedSubaccounts | OxendRequest | IfElse, fields: AnswerFields
) -> InfoAnswer | ExpiriesAnswer | RevokedAnswer | OxendAnswer | IfElseAnswer:
    match request:
        case Info():
            t, hf = read_stamps(fields)
            return InfoAnswer(fields.integers("version", _VERSION_PARTS), fields.integer("timestamp"), t=t, hf=hf)
        case GetExpiries():
            expiries = fields.nested("expiries", HASHES_ANSWER_MAX)
            return ExpiriesAnswer({expiries.as_hash(name): expiries.integer(name) for name in expiries.values})
        case RevokedSubaccounts():
            return _revoked(fields)
        case OxendRequest():
            return _oxend(fields)
    return _ifelse(fields)


def read_swarm_info(value: object, encoding: Encoding = Encoding.JSON) -> SwarmInfo:
    """The answer to get_swarm, or the body of a 421. Raises AnswerMalformed, also for keys that come twice."""
    fields = AnswerFields(value, encoding)
    swarm_id = _swarm_id(fields.text("swarm"))
    t, hf = read_stamps(fields)
    try:
        nodes = check_unique(
            _node(AnswerFields(entry, encoding), swarm_id) for entry in fields.items("snodes", SWARM_ANSWER_MAX)
        )
    except NodeMalformed as error:
        raise AnswerMalformed(error.message, kind="protocol.storage_rpc.answer.node") from None
    return SwarmInfo(nodes, swarm_id, t=t, hf=hf)


def _swarm_id(text: str) -> int:
    if not 0 < len(text) <= len(f"{NO_SWARM:x}") or not set(text) <= set("0123456789abcdefABCDEF"):
        raise AnswerMalformed("`swarm` of the answer is not a hex number of 64 bits")
    return int(text, 16)


def _node(fields: AnswerFields, swarm_id: int) -> ServiceNode:
    return ServiceNode(
        legacy=_key(fields, "pubkey_legacy"),
        ed25519=_key(fields, "pubkey_ed25519"),
        x25519=_key(fields, "pubkey_x25519"),
        ip=check_ipv4(fields.text("ip")),
        https_port=_port(fields, "port_https", "port"),
        queue_port=_port(fields, "port_omq", "port_quic"),
        swarm_id=swarm_id,
    )


def _key(fields: AnswerFields, name: str) -> bytes:
    return fields.hex(name, KEY_SIZE) if fields.has(name) else b""


def _port(fields: AnswerFields, name: str, other: str) -> int:
    if fields.has(name):
        return fields.integer(name, 0, _PORT_MAX)
    text = fields.text_or_none(other) or "0"
    if not text.isascii() or not text.isdigit() or len(text) > _PORT_DIGITS or int(text) > _PORT_MAX:
        raise AnswerMalformed(f"`{other}` of the answer is not a port")
    return int(text)


def read_retrieve(value: object, encoding: Encoding = Encoding.JSON) -> RetrieveAnswer:
    """The answer to retrieve. Raises AnswerMalformed."""
    fields = AnswerFields(value, encoding)
    t, hf = read_stamps(fields)
    messages = tuple(_message(AnswerFields(entry, encoding)) for entry in fields.items("messages", _MESSAGES_MAX))
    return RetrieveAnswer(messages, fields.flag("more"), t=t, hf=hf)


def _message(fields: AnswerFields) -> StoredMessage:
    data = fields.as_binary(fields.values.get("data"))
    if len(data) > DATA_MAX:
        raise AnswerMalformed("a message of the answer is too long", kind="protocol.storage_rpc.answer.count")
    return StoredMessage(
        fields.as_hash(fields.values.get("hash")), fields.integer("timestamp"), fields.integer("expiration"), data
    )


def _revoked(fields: AnswerFields) -> RevokedAnswer:
    tokens = tuple(fields.as_binary(item) for item in fields.items("revoked_subaccounts", HASHES_ANSWER_MAX))
    if any(len(token) != SUBACCOUNT_TOKEN_SIZE for token in tokens):
        raise AnswerMalformed("a revoked token of the answer has a wrong size")
    t, hf = read_stamps(fields)
    return RevokedAnswer(tokens, t=t, hf=hf)


def _oxend(fields: AnswerFields) -> OxendAnswer:
    result = fields.values.get("result")
    if fields.encoding is Encoding.BENCODED and isinstance(result, bytes):
        result = decode_answer(result)
    if not isinstance(result, dict):
        raise AnswerMalformed("`result` of the answer is not an object")
    t, hf = read_stamps(fields)
    return OxendAnswer(result, t=t, hf=hf)


def _list(request: Batch | Sequence, fields: AnswerFields) -> ListAnswer:
    asked = len(request.requests)
    results = tuple(_part(AnswerFields(item, fields.encoding)) for item in fields.items("results", asked))
    if not results or (isinstance(request, Batch) and len(results) != asked):
        raise AnswerMalformed("the answer does not hold a result for every request")
    return ListAnswer(results)


def _part(fields: AnswerFields) -> SubAnswer:
    content = cast("Plain", fields.values.get("body"))  # decoded JSON or bencoded values are plain values
    if content is None:
        raise AnswerMalformed("a part of the answer has no body")
    return SubAnswer(fields.integer("code", _CODE_MIN, _CODE_MAX), content)


def _ifelse(fields: AnswerFields) -> IfElseAnswer:
    _, hf = read_stamps(fields)
    if hf is None:
        raise AnswerMalformed("`hf` of the answer is missing")
    return IfElseAnswer(
        hf=hf,
        version=fields.integers("v", _VERSION_PARTS),
        height=fields.integer("height"),
        condition=fields.flag("condition"),
        result=_part(fields.nested("result")) if fields.has("result") else None,
    )
