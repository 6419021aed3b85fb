"""Rows of errors that chapter 04 names: requests, and the code and text that each must give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.network import by_hand as hand
from tests.network.by_hand import Json, Someone, now_ms

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
NAME = "A" * 43
SIGNATURE = "A" * 86
TOKEN = "03" + "00" * 35

person = Someone.new()
group = Someone.new(group=True)
Params = Callable[[], Json]
Row = tuple[str, str, Params, int, str]  # title, method, parameters, code, text


def without(params: Json, *names: str) -> Json:
    return {name: value for name, value in params.items() if name not in names}


def bad(title: str, method: str, params: Params, reason: str) -> Row:
    return title, method, params, 400, f"invalid request: {reason}"


def stored(**more: Any) -> Json:
    return {**hand.store(person, b"x"), **more}


def got(**more: Any) -> Json:
    return {**hand.retrieve(person), **more}


def forged(params: Json) -> Json:
    """The same with a signature of another text."""
    return {**params, "signature": hand.b64(person.key.sign(b"another").signature)}


FIELDS: list[Row] = [
    ("unknown method", "nosuch", dict, 400, "no method nosuch"),
    bad("no pubkey", "get_swarm", dict, "Required field 'pubkey' missing"),
    bad("null is absent", "get_swarm", lambda: {"pubkey": None}, "Required field 'pubkey' missing"),
    bad(
        "both names",
        "get_swarm",
        lambda: {"pubkey": person.id, "pubKey": person.id},
        "Cannot specify both 'pubkey' and 'pubKey'",
    ),
    bad("short id to get_swarm", "get_swarm", lambda: {"pubkey": "05"}, "Pubkey must be 66 hex digits/33 bytes long"),
    bad("short id", "retrieve", lambda: {"pubkey": "05" * 32}, "Pubkey must be 66 hex digits (33 bytes) long"),
    bad(
        "both ttl and expiry", "store", lambda: stored(expiry=now_ms() + DAY), "Cannot specify both 'expiry' and 'ttl'"
    ),
    bad(
        "neither ttl nor expiry", "store", lambda: without(stored(), "ttl"), "Required field 'expiry' or 'ttl' missing"
    ),
    bad(
        "both cursors",
        "retrieve",
        lambda: got(last_hash=NAME, lastHash=NAME),
        "Cannot specify both 'last_hash' and 'lastHash'",
    ),
    bad("wrong cursor", "retrieve", lambda: got(last_hash="A"), "Invalid last_hash: expected base64 (43 chars)"),
    bad(
        "namespace a text",
        "retrieve",
        lambda: got(namespace="0"),
        "Invalid value given for 'namespace': expected 16-bit integer",
    ),
    bad(
        "namespace too large",
        "retrieve",
        lambda: got(namespace=32_768),
        "Invalid value given for 'namespace': value out of range",
    ),
    bad(
        "seconds of long ago",
        "delete_all",
        lambda: {**hand.delete_all(person), "timestamp": 999_999_999},
        "Invalid timestamp for 'timestamp': timestamp must be in milliseconds",
    ),
    bad(
        "timestamp a float",
        "delete_all",
        lambda: {**hand.delete_all(person), "timestamp": 1e12},
        "Invalid value given for 'timestamp': expected integer timestamp (in milliseconds)",
    ),
    bad(
        "timestamp no number",
        "store",
        lambda: stored(timestamp="soon"),
        "Invalid value given for 'timestamp': \"soon\"",
    ),
    bad("ttl no number", "store", lambda: stored(ttl="long"), "Invalid value given for 'ttl': \"long\""),
    bad("data not base64", "store", lambda: stored(data="!!!!"), "Invalid 'data' value: not base64 encoded"),
    bad(
        "data too long",
        "store",
        lambda: stored(data=hand.b64(bytes(76_801))),
        "Message body exceeds maximum allowed length of 76800 bytes",
    ),
    bad(
        "key of a group",
        "retrieve",
        lambda: {**hand.retrieve(group), "pubkey_ed25519": "00" * 32},
        "pubkey_ed25519 is only permitted for 05[...] pubkeys",
    ),
    bad("key not hex", "retrieve", lambda: got(pubkey_ed25519="zz" * 32), "invalid pubkey_ed25519: value is not hex"),
    bad(
        "key too short",
        "retrieve",
        lambda: got(pubkey_ed25519="00"),
        "Invalid pubkey_ed25519: expected 64 hex char or 32 byte pubkey",
    ),
    bad(
        "signature too short",
        "retrieve",
        lambda: got(signature="AAAA"),
        "invalid signature: expected base64 encoded Ed25519 signature",
    ),
    bad(
        "no signature with a timestamp",
        "retrieve",
        lambda: without(got(), "signature"),
        "Required field 'signature' missing",
    ),
    bad(
        "token alone",
        "retrieve",
        lambda: got(subaccount=TOKEN),
        "invalid subaccount: subaccount_sig is required when using subaccount",
    ),
    bad(
        "token malformed",
        "retrieve",
        lambda: got(subaccount="AA", subaccount_sig=SIGNATURE),
        "invalid subaccount: expected base64 or hex-encoded subaccount token",
    ),
    bad(
        "token's signature malformed",
        "retrieve",
        lambda: got(subaccount=TOKEN, subaccount_sig="AA"),
        "invalid subaccount signature: expected base64 encoded Ed25519 signature",
    ),
    bad("delete nothing", "delete", lambda: hand.delete(person, []), "messages does not contain any message hashes"),
    bad("delete what is no hash", "delete", lambda: hand.delete(person, ["A"]), "invalid message hash: A"),
    bad(
        "messages a number",
        "delete",
        lambda: {**hand.delete(person, [NAME]), "messages": 1},
        "Invalid value given for 'messages': expected string array",
    ),
    bad(
        "required no boolean",
        "delete",
        lambda: hand.delete(person, [NAME], required=1),
        "Invalid value given for 'required': expected boolean",
    ),
    bad(
        "namespace neither number nor all",
        "delete_all",
        lambda: {**hand.delete_all(person), "namespace": "some"},
        "Invalid value given for 'namespace': expected integer or \"all\"",
    ),
    bad(
        "no expiries",
        "expire",
        lambda: hand.expire(person, [NAME], []),
        "'expiry' does not contain any expiration timestamps",
    ),
    bad(
        "wrong number of expiries",
        "expire",
        lambda: hand.expire(person, [NAME], [now_ms(), now_ms()]),
        "'expiry' must be a single expiry, or the same length as 'messages'",
    ),
    bad(
        "shorten and extend",
        "expire",
        lambda: {**hand.expire(person, [NAME], now_ms()), "shorten": True, "extend": True},
        "cannot specify both 'shorten' and 'extend'",
    ),
    bad(
        "expiries of nothing",
        "get_expiries",
        lambda: hand.get_expiries(person, []),
        "messages does not contain any message hashes",
    ),
    bad(
        "51 revocations",
        "revoke_subaccount",
        lambda: hand.revoke(group, [bytes(36)] * 51),
        "invalid revoke: cannot revoke more than 50 subaccounts at once",
    ),
    bad(
        "revoke no token",
        "revoke_subaccount",
        lambda: {**hand.revoke(group, []), "revoke": ["00"]},
        "invalid revoke: expected base64 or hex-encoded subaccount tag",
    ),
    bad(
        "unrevoke no token",
        "unrevoke_subaccount",
        lambda: {**hand.revoke(group, [], undo=True), "unrevoke": ["00"]},
        "invalid unrevoke: expected base64 or hex-encoded subaccount tag",
    ),
    bad("batch without requests", "batch", dict, 'Invalid batch request: no valid "requests" field'),
    bad("batch of nothing", "batch", lambda: {"requests": []}, 'Invalid batch request: no valid "requests" field'),
    bad(
        "21 requests",
        "batch",
        lambda: {"requests": [{"method": "info", "params": {}}] * 21},
        "Invalid batch request: subrequest limit exceeded",
    ),
    bad(
        "requests no objects", "sequence", lambda: {"requests": [1]}, "Invalid batch request: requests must be objects"
    ),
    bad(
        "request without params",
        "batch",
        lambda: {"requests": [{"method": "info"}]},
        "Invalid batch request: subrequests must have method/params keys",
    ),
    bad(
        "unknown method in a batch",
        "batch",
        lambda: {"requests": [{"method": "x", "params": {}}]},
        'Invalid batch subrequest: invalid method "x"',
    ),
    bad(
        "batch in a batch",
        "batch",
        lambda: {"requests": [{"method": "batch", "params": {}}]},
        "Invalid batch subrequest: subrequests may not contain meta-requests",
    ),
    bad(
        "ifelse in a sequence",
        "sequence",
        lambda: {"requests": [{"method": "ifelse", "params": {}}]},
        "Invalid batch subrequest: subrequests may not contain meta-requests",
    ),
    bad(
        "bad field in a batch",
        "batch",
        lambda: {"requests": [{"method": "info", "params": {}}, {"method": "delete", "params": {"pubkey": 1}}]},
        "Invalid value given for 'pubkey': expected string",
    ),
    bad("ifelse without if", "ifelse", dict, 'Invalid ifelse request: no valid "if" field'),
    bad(
        "ifelse without condition",
        "ifelse",
        lambda: {"if": {}, "then": {}},
        'Invalid ifelse request: must specify at least one "if" condition',
    ),
    bad(
        "ifelse without branch",
        "ifelse",
        lambda: {"if": {"height_before": 1}},
        'Invalid ifelse request: at least one of "then"/"else" required',
    ),
    bad(
        "branch no object",
        "ifelse",
        lambda: {"if": {"height_before": 1}, "then": 1},
        "Invalid ifelse request: then must be an object",
    ),
    bad(
        "branch without params",
        "ifelse",
        lambda: {"if": {"height_before": 1}, "else": {"method": "info"}},
        "Invalid ifelse request: else must have method/params keys",
    ),
    bad(
        "branch with unknown method",
        "ifelse",
        lambda: {"if": {"height_before": 1}, "then": {"method": "x", "params": {}}},
        'Invalid ifelse request method "then"',
    ),
]
