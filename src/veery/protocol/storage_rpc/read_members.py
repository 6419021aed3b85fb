"""Results of swarm members to values: one member's own answer, and the `swarm` dict of a recursive request (04.2.2).

One entry of a `swarm` dict that cannot be read counts as that member's failure: a hostile member must not spoil what
the others answered. A member's own answer that cannot be read raises AnswerMalformed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from veery.protocol.constants import (
    HASH_LENGTH,
    HASHES_ANSWER_MAX,
    KEY_SIZE,
    MEMBER_ERROR_MAX,
    NAMESPACE_MAX,
    NAMESPACE_MIN,
    SIGNATURE_SIZE,
    SWARM_ANSWER_MAX,
)
from veery.protocol.storage_rpc.answer_fields import INT_MAX, AnswerFields, as_hex, decode_answer
from veery.protocol.storage_rpc.answers import HardFork, RecursiveAnswer
from veery.protocol.storage_rpc.encoding import Encoding
from veery.protocol.storage_rpc.errors import AnswerMalformed
from veery.protocol.storage_rpc.members import (
    ExpireResult,
    Hashes,
    HashesResult,
    MemberFailure,
    MemberResult,
    RevokeResult,
    StoreResult,
)
from veery.protocol.storage_rpc.requests import (
    Expire,
    ExpireAll,
    Recursive,
    RevokeSubaccount,
    Store,
    UnrevokeSubaccount,
)

# What members answer to a store, by far the most frequent of all; every other spelling is read field by field below.
_STORED: Final = re.compile(
    rb"d(7:alreadyi1e)?6:expiryi([1-9][0-9]{0,17})e4:hash%d:([A-Za-z0-9+/]{%d})9:signature%d:(.{%d})e"
    % (HASH_LENGTH, HASH_LENGTH, SIGNATURE_SIZE, SIGNATURE_SIZE),
    re.DOTALL,
)


def read_member(request: Recursive, body: bytes) -> MemberResult:
    """A member's own result, one bencoded part. Raises AnswerMalformed."""
    stored = _STORED.fullmatch(body) if isinstance(request, Store) else None
    if stored is not None:
        already, expiry, text, signature = stored.groups()
        return StoreResult(text.decode(), int(expiry), already is not None, None, signature)
    return _result(request, AnswerFields(decode_answer(body, Encoding.BENCODED), Encoding.BENCODED))


def read_forwarded(request: Recursive, parts: Sequence[bytes]) -> MemberResult:
    """A member's answer to a forwarded request: one part, its bencoded result, or two, code and text of its error.

    The number of parts decides (05.5, 15.4.1). Raises AnswerMalformed.
    """
    if len(parts) == 1:
        return read_member(request, parts[0])
    if len(parts) != 2:
        raise AnswerMalformed("a member answers a forwarded request in one or two parts")
    code, reason = (part[:MEMBER_ERROR_MAX].decode(errors="replace") for part in parts)
    return MemberFailure(code=code, reason=reason)


def read_recursive(request: Recursive, value: object, encoding: Encoding = Encoding.JSON) -> RecursiveAnswer:
    """The answer to a recursive request. Raises AnswerMalformed."""
    fields = AnswerFields(value, encoding)
    swarm = fields.nested("swarm", SWARM_ANSWER_MAX)
    t, hf = read_stamps(fields)
    return RecursiveAnswer(
        members={as_hex(key, KEY_SIZE): _entry(request, entry, encoding) for key, entry in swarm.values.items()},
        hash=fields.as_hash(fields.values["hash"]) if fields.has("hash") else None,
        t=t,
        hf=hf,
    )


def read_stamps(fields: AnswerFields) -> tuple[int | None, HardFork | None]:
    """The fields `t` and `hf` of an answer, each None if it is not there."""
    if not fields.has("hf"):
        return fields.integer_or_none("t"), None
    numbers = fields.integers("hf", 2)
    if len(numbers) != 2:
        raise AnswerMalformed("`hf` of the answer is not a pair")
    return fields.integer_or_none("t"), (numbers[0], numbers[1])


def _entry(request: Recursive, value: object, encoding: Encoding) -> MemberResult:
    try:
        return _result(request, AnswerFields(value, encoding))
    except AnswerMalformed:
        return MemberFailure(bad_peer_response=True)


def _result(request: Recursive, fields: AnswerFields) -> MemberResult:
    if fields.flag("failed"):
        return MemberFailure(
            timeout=fields.flag("timeout"),
            code=fields.text_or_none("code"),
            reason=fields.text_or_none("reason"),
            bad_peer_response=fields.flag("bad_peer_response"),
            query_failure=fields.flag("query_failure"),
        )
    signature = fields.binary("signature", SIGNATURE_SIZE)
    match request:
        case Store():
            already, t = fields.flag("already"), fields.integer_or_none("t")
            return StoreResult(
                fields.as_hash(fields.values.get("hash")), fields.integer("expiry"), already, t, signature
            )
        case Expire():
            return _expire_result(fields, signature)
        case RevokeSubaccount() | UnrevokeSubaccount():
            return RevokeResult(fields.integer_or_none("count"), signature)
    key = "updated" if isinstance(request, ExpireAll) else "deleted"
    return HashesResult(key, _hashes(fields, key), signature)


def _hashes(fields: AnswerFields, key: str) -> Hashes:
    if isinstance(fields.values.get(key), list):
        return fields.hashes(key, HASHES_ANSWER_MAX)
    by_namespace = fields.nested(key, NAMESPACE_MAX - NAMESPACE_MIN + 1)
    return {_namespace(name): by_namespace.hashes(name, HASHES_ANSWER_MAX) for name in by_namespace.values}


def _namespace(name: str) -> int:
    digits = name.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > len(str(NAMESPACE_MAX)):
        raise AnswerMalformed("a namespace was expected in the answer")
    if str(int(name)) != name or not NAMESPACE_MIN <= int(name) <= NAMESPACE_MAX:
        raise AnswerMalformed("a namespace was expected in the answer")
    return int(name)


def _expire_result(fields: AnswerFields, signature: bytes) -> ExpireResult:
    updated = fields.hashes("updated", HASHES_ANSWER_MAX)
    expiry: int | tuple[int, ...]
    if isinstance(fields.values.get("expiry"), list):
        expiry = fields.integers("expiry", HASHES_ANSWER_MAX)
        if len(expiry) != len(updated):
            raise AnswerMalformed("`expiry` of the answer is not parallel to `updated`")
    else:
        expiry = fields.integer("expiry")
    unchanged = None
    if fields.has("unchanged"):
        kept = fields.nested("unchanged", HASHES_ANSWER_MAX)
        unchanged = {kept.as_hash(name): kept.integer(name, 0, INT_MAX) for name in kept.values}
    return ExpireResult(updated, expiry, unchanged, signature)
