"""The methods of a seed, JSON-RPC 2.0 at `/json_rpc`: bytes in, bytes out.

`get_n_service_nodes` and `get_service_nodes` answer as the chain daemons do (03.7.1, 05.7), so that deployed clients
can use this seed. `get_info` tells height and hash. Veery's own methods prove what they say: `veery_snapshot` (nodes,
signed), `veery_history` (entries behind a block), `veery_submit_proof` (a node is up; the writer alone takes it).
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from veery.errors import RegistryError, Retry, RuntimeFault
from veery.protocol.constants import KEY_SIZE, NONCE_SIZE
from veery.protocol.swarm.node_json import FieldsMalformed, asked_fields, write_nodes
from veery.registry.seed import NoHistoryYet, NotTheWriter, Seed
from veery.runtime.randomness import randbelow

Params: TypeAlias = Mapping[str, Any]
Result: TypeAlias = dict[str, Any]

PARSE_ERROR: Final = -32_700
INVALID_REQUEST: Final = -32_600
METHOD_NOT_FOUND: Final = -32_601
INVALID_PARAMS: Final = -32_602
INTERNAL_ERROR: Final = -32_603
NOT_THE_WRITER: Final = -32_010
UNKNOWN_BLOCK: Final = -32_011
PROOF_REFUSED: Final = -32_012
NOT_READY: Final = -32_013


class RpcError(RegistryError):
    """A request to a seed that is answered with an error. `code`: of JSON-RPC; `data`: for programs."""

    default_kind = "registry.seed.request"
    default_retry = Retry.NEVER

    def __init__(self, code: int, message: str, data: Result | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


class SeedRpc:
    """Answers requests from a seed's state. `proof_taken` is called after each proof that was taken."""

    def __init__(self, seed: Seed, proof_taken: Callable[[], None] = lambda: None) -> None:
        self._seed = seed
        self._proof_taken = proof_taken
        self._methods: dict[str, Callable[[Params], Result]] = {
            "get_n_service_nodes": self._get_service_nodes,
            "get_service_nodes": self._get_service_nodes,
            "get_info": self._get_info,
            "veery_snapshot": self._snapshot,
            "veery_history": self._history,
            "veery_submit_proof": self._submit_proof,
        }

    def answer(self, body: bytes) -> bytes:
        """The JSON answer to a JSON request; errors are answers too."""
        request_id: Any = None
        try:
            request = _request(body)
            request_id = request.get("id")
            reply: Result = {"result": self._call(request)}
        except RpcError as error:
            reply = {"error": {"code": error.code, "message": str(error)}}
            if error.data is not None:
                reply["error"]["data"] = error.data
        return msgspec.json.encode({"jsonrpc": "2.0", "id": request_id, **reply})

    def _call(self, request: Params) -> Result:
        method = self._methods.get(request.get("method", ""))
        if method is None:
            raise RpcError(METHOD_NOT_FOUND, "Method not found")
        params = request.get("params", {})
        if not isinstance(params, Mapping):
            raise RpcError(INVALID_PARAMS, "`params` must be an object")
        try:
            return {"status": "OK", **method(params)}
        except NoHistoryYet as error:
            raise RpcError(NOT_READY, str(error)) from error
        except RuntimeFault as error:
            raise RpcError(INTERNAL_ERROR, "The seed cannot write its history") from error

    def _get_service_nodes(self, params: Params) -> Result:
        snapshot = self._seed.snapshot()
        if params.get("poll_block_hash") == snapshot.block_hash.hex():
            return {"unchanged": True}
        try:
            fields = asked_fields(params.get("fields"))
        except FieldsMalformed as error:
            raise RpcError(INVALID_PARAMS, error.message) from error
        states = write_nodes(
            snapshot.nodes,
            randbelow=randbelow,
            fields=fields,
            active_only=_flag(params, "active_only"),
            limit=_count(params, "limit"),
        )
        return {
            "height": snapshot.height,
            "block_hash": snapshot.block_hash.hex(),
            "hardfork": snapshot.hardfork[0],
            "snode_revision": snapshot.hardfork[1],
            "service_node_states": states,
        }

    def _get_info(self, params: Params) -> Result:
        snapshot = self._seed.snapshot()
        return {
            "height": snapshot.height,
            "top_block_hash": snapshot.block_hash.hex(),
            "hardfork": snapshot.hardfork[0],
            "snode_revision": snapshot.hardfork[1],
            "network": snapshot.network,
            "nodes": len(snapshot.nodes),
            "active": len(snapshot.active),
            "writer": self._seed.history.writer.hex(),
            "seed": self._seed.key.hex(),
        }

    def _snapshot(self, params: Params) -> Result:
        nonce = _hex(params, "nonce", NONCE_SIZE)
        if nonce is None:
            raise RpcError(INVALID_PARAMS, f"`nonce` must be {2 * NONCE_SIZE} hex digits")
        answer = self._seed.signed_snapshot(nonce, _hex(params, "known_state", KEY_SIZE))
        return {"snapshot": b64encode(answer).decode()}

    def _history(self, params: Params) -> Result:
        page = self._seed.page(_hex(params, "after", KEY_SIZE))
        if page is None:
            raise RpcError(UNKNOWN_BLOCK, "This seed's history does not hold that block")
        entries, more = page
        return {"entries": [b64encode(entry.encoded).decode() for entry in entries], "more": more}

    def _submit_proof(self, params: Params) -> Result:
        text = params.get("proof")
        try:
            data = b64decode(text, validate=True) if isinstance(text, str) else b""
        except (binascii.Error, ValueError):
            data = b""
        try:
            proof = self._seed.submit_proof(data)
        except NotTheWriter as error:
            raise RpcError(NOT_THE_WRITER, str(error)) from error
        except NoHistoryYet:
            raise
        except RegistryError as error:
            told = {"kind": error.kind, "message": error.message, "remedy": error.remedy, "retry": error.retry.value}
            raise RpcError(PROOF_REFUSED, str(error), told) from error
        self._proof_taken()
        member = self._seed.history.members.get(proof.ed25519)
        return {
            "height": self._seed.history.height_at(self._seed.now_ms()),
            "active": member is not None and member.node.active,
            "every_ms": self._seed.rules.every_ms,
        }


def _request(body: bytes) -> Params:
    try:
        request = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RpcError(PARSE_ERROR, "Parse error") from error
    if not isinstance(request, Mapping) or not isinstance(request.get("method"), str):
        raise RpcError(INVALID_REQUEST, "Invalid Request")
    if not isinstance(request.get("id"), str | int | float | None):
        raise RpcError(INVALID_REQUEST, "Invalid Request")
    return request


def _flag(params: Params, name: str) -> bool:
    value = params.get(name, False)
    if not isinstance(value, bool):
        raise RpcError(INVALID_PARAMS, f"`{name}` must be true or false")
    return value


def _count(params: Params, name: str) -> int:
    value = params.get(name, 0)
    if type(value) is not int or value < 0:
        raise RpcError(INVALID_PARAMS, f"`{name}` must be a number of 0 or more")
    return value


def _hex(params: Params, name: str, size: int) -> bytes | None:
    value = params.get(name)
    if value is None:
        return None
    if isinstance(value, str) and len(value) == 2 * size and value.isascii() and value.isalnum():
        try:
            return bytes.fromhex(value)
        except ValueError:
            pass
    raise RpcError(INVALID_PARAMS, f"`{name}` must be {2 * size} hex digits")
