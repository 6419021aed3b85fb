"""What a swarm's answer to a recursive request is worth: which of its members have really done it (04.2.2).

Every member signs its own result. The node that was asked collects them, and could invent members; so a result counts
only with a valid signature, and only from members that the swarm is known to have. If the known members are those of
another time, so that none of them signed, the signatures alone count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from veery.network.road import MemberAnswer
from veery.protocol.crypto import CryptoFailed
from veery.protocol.storage_rpc import MemberFailure, RecursiveAnswer, read_answer, verify_result
from veery.protocol.storage_rpc.members import MemberSuccess
from veery.protocol.storage_rpc.requests import Recursive
from veery.protocol.swarm.nodes import ServiceNode


@dataclass(frozen=True, slots=True)
class SwarmResult:
    """Results that are proved, by Ed25519 key; how many members the swarm has; `t` of the answering node, ms."""

    proved: Mapping[bytes, MemberSuccess]
    size: int
    answered_ms: int | None


def swarm_result(request: Recursive, answer: MemberAnswer, members: Sequence[ServiceNode]) -> SwarmResult:
    """Judge the answer to a recursive request. Raises AnswerMalformed."""
    read: RecursiveAnswer = read_answer(request, answer.body)
    claimed = {key: result for key, result in read.members.items() if not isinstance(result, MemberFailure)}
    proved = {key: result for key, result in claimed.items() if _verifies(request, result, key)}
    known = {member.ed25519 for member in members}
    counted = {key: result for key, result in proved.items() if key in known}
    if counted:
        return SwarmResult(counted, len(known), read.t)
    return SwarmResult(proved, len(read.members), read.t)


def _verifies(request: Recursive, result: MemberSuccess, key: bytes) -> bool:
    try:
        verify_result(request, result, key)
    except CryptoFailed:
        return False
    return True
