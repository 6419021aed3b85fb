"""The errors of the storage RPC: what a node answers, and what a client finds wrong in an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from veery.errors import Malformed, Rejected

Plain: TypeAlias = "bool | int | float | str | bytes | list[Plain] | tuple[Plain, ...] | dict[str, Plain] | None"


class RpcError(Rejected):
    """A request that is refused with a code and a body (04.1.1): text, or a JSON object (421).

    The body may quote the request, so it goes to the peer only; `str(error)` names the code alone.
    """

    default_kind = "protocol.storage_rpc.refused"

    def __init__(self, code: int, body: str | Mapping[str, Plain]) -> None:
        super().__init__(f"the storage request is refused with code {code}")
        self.code = code
        self.body: str | Mapping[str, Plain] = body


class UnknownMethod(RpcError):
    """The method does not exist. On the node-to-node road such a request gets no reply at all (15.4)."""

    default_kind = "protocol.storage_rpc.unknown_method"

    def __init__(self, method: str) -> None:
        super().__init__(400, f"no method {method}")


class AnswerMalformed(Malformed):
    """A node's answer is not in the form of chapter 04. Nothing of it was used."""

    default_kind = "protocol.storage_rpc.answer"


def invalid(reason: str) -> RpcError:
    """The refusal of a field: code 400, `invalid request: <reason>` (04.1.1)."""
    return RpcError(400, f"invalid request: {reason}")
