"""What a member said, taken apart into one answer for each request, and checked as far as anybody can.

Three statuses lie in each other (03.13, trap 6): of HTTP, of the onion reply, and of each part of a batch. A batch
whose parts all failed alike has failed like that. Of what nodes say two things can be checked without trusting them:
that a member's result is signed by that member, and that a message is the one that its hash names. What does not hold
is taken out: a result becomes the failure of its member, a message is left away.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias, cast

from veery.errors import Misuse
from veery.protocol.constants import BATCH_MAX
from veery.protocol.crypto import CryptoFailed, equal
from veery.protocol.onion import NodeReply
from veery.protocol.storage_rpc.answers import RecursiveAnswer
from veery.protocol.storage_rpc.errors import AnswerMalformed, Plain
from veery.protocol.storage_rpc.hashing import message_hash
from veery.protocol.storage_rpc.members import MemberFailure, MemberResult, verify_result
from veery.protocol.storage_rpc.meta import Batch
from veery.protocol.storage_rpc.meta import Sequence as InSequence
from veery.protocol.storage_rpc.read_answers import read_answer, read_retrieve
from veery.protocol.storage_rpc.requests import ActiveNodesBin, Recursive, Retrieve, Simple

log = logging.getLogger(__name__)

OK: Final = 200
WRONG_SWARM: Final = 421
SUCCESS: Final = range(200, 300)
Body: TypeAlias = "Mapping[str, Plain] | str"
Wrapped: TypeAlias = "Simple | Batch | InSequence"


@dataclass(frozen=True, slots=True)
class Part:
    """The answer to one request: code, and JSON object or text."""

    status: int
    body: Body = field(repr=False)


def wrap(requests: Sequence[Simple], ordered: bool) -> Wrapped:
    """One request that holds all. Raises Misuse for none or more than 20."""
    if not 1 <= len(requests) <= BATCH_MAX:
        raise Misuse(f"a call has 1 to {BATCH_MAX} requests, not {len(requests)}")
    if len(requests) == 1:
        return requests[0]
    return InSequence(tuple(requests)) if ordered else Batch(tuple(requests))


def take_apart(requests: Sequence[Simple], wrapped: Wrapped, reply: NodeReply, content: object) -> tuple[Part, ...]:
    """The answers in a reply whose content was decoded already: one for each request.

    Fewer for a sequence that stopped at a failure; the same for each if the whole was refused. Raises AnswerMalformed.
    """
    if reply.status not in SUCCESS:
        return (Part(reply.status, _body(content)),) * len(requests)
    if not isinstance(wrapped, Batch | InSequence):
        return (Part(reply.status, _body(content)),)
    found = read_answer(wrapped, content).results
    return tuple(Part(part.code, _body(part.content)) for part in found)


def common_failure(parts: Sequence[Part]) -> Part | None:
    """What a whole call failed with: parts that all have one code of failure, or one part that says "wrong swarm"."""
    moved = next((part for part in parts if part.status == WRONG_SWARM), None)
    if moved is not None:
        return moved
    codes = {part.status for part in parts}
    return parts[0] if len(codes) == 1 and parts[0].status not in SUCCESS else None


def checked(request: Simple, part: Part) -> Part:
    """The part without what is not true. Raises AnswerMalformed for a body that is not an answer to the request."""
    if part.status != OK:
        return part
    if isinstance(request, Retrieve):
        return replace(part, body=_true_messages(request, part.body))
    if request.recursive:
        return replace(part, body=_true_results(cast("Recursive", request), part.body))
    if not isinstance(request, ActiveNodesBin):
        read_answer(request, part.body)
    return part


def _body(content: object) -> Body:
    if isinstance(content, str):
        return content
    if not isinstance(content, dict):
        raise AnswerMalformed("the body of an answer is neither an object nor text")
    return cast("Mapping[str, Plain]", content)


def _true_messages(request: Retrieve, body: Body) -> Body:
    found = read_retrieve(body).messages
    names = [message_hash(request.account, request.namespace, message.data).encode() for message in found]
    true = [equal(message.hash.encode(), name) for message, name in zip(found, names, strict=True)]
    if all(true) or not isinstance(body, Mapping):
        return body
    log.warning("%d of %d messages of a node are not what their hashes name", true.count(False), len(true))
    listed = cast("list[Plain]", body["messages"])
    return {**body, "messages": [message for message, holds in zip(listed, true, strict=True) if holds]}


def _true_results(request: Recursive, body: Body) -> Body:
    answer: RecursiveAnswer = read_answer(request, body)
    forged = [key for key, result in answer.members.items() if not _holds(request, key, result)]
    if not forged or not isinstance(body, Mapping):
        return body
    log.warning("%d of %d results of members are not signed by them", len(forged), len(answer.members))
    failure: Plain = dict(MemberFailure(bad_peer_response=True).body())
    swarm = cast("Mapping[str, Plain]", body["swarm"])
    left = {name: result for name, result in swarm.items() if bytes.fromhex(name) not in forged}
    return {**body, "swarm": {**left, **{key.hex(): failure for key in forged}}}


def _holds(request: Recursive, key: bytes, result: MemberResult) -> bool:
    if isinstance(result, MemberFailure):
        return True
    try:
        verify_result(request, result, key)
    except CryptoFailed:
        return False
    return True
