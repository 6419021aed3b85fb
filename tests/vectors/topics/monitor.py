"""Subscriptions at storage nodes, as clients sign them and push servers send them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.vectors.harness import Case, topic
from veery.protocol import crypto
from veery.protocol.storage_rpc import Auth, SubaccountAuth
from veery.protocol.storage_rpc.subscriptions import (
    Subscription,
    check_subscription,
    encode_subscription,
    encode_subscriptions,
    parse_subscriptions,
    read_subscription,
    sign_subscription,
)


@dataclass(frozen=True)
class CaseSigner:
    """Signs with the seed of a case, in the name of its account."""

    account: bytes
    secret: bytes
    ed25519: bytes | None
    subaccount: SubaccountAuth | None

    def authenticate(self, text: bytes) -> Auth:
        return Auth(crypto.ed25519_sign(self.secret, text), self.ed25519, self.subaccount)


def subaccount_of(inputs: Case) -> SubaccountAuth | None:
    if not inputs.get("subaccount"):
        return None
    return SubaccountAuth(bytes.fromhex(inputs["subaccount"]), bytes.fromhex(inputs["subaccount_sig"]))


def signer_of(inputs: Case) -> CaseSigner:
    public, secret = crypto.ed25519_from_seed(bytes.fromhex(inputs["ed25519_seed"]))
    ed25519 = public if inputs.get("session_id", False) else None
    if inputs.get("subaccount_seed"):
        _, secret = crypto.ed25519_from_seed(bytes.fromhex(inputs["subaccount_seed"]))
    key = public if ed25519 is None else crypto.ed25519_public_to_x25519(public)
    prefix = b"\x03" if ed25519 is None else b"\x05"
    account = bytes.fromhex(inputs["account"]) if "account" in inputs else prefix + key
    return CaseSigner(account, secret, ed25519, subaccount_of(inputs))


@topic("monitor-subscribe")
def subscribe(inputs: Case, expected: Case) -> None:
    now_s = inputs["timestamp_s"]
    made = sign_subscription(
        signer_of(inputs), inputs["namespaces"], want_data=inputs.get("want_data", False), now_s=now_s
    )
    assert made.signed_text() == expected["string_to_sign"].encode()
    assert encode_subscription(made).hex() == expected["request_hex"]
    (entry,) = parse_subscriptions(bytes.fromhex(expected["request_hex"])).entries
    read = read_subscription(entry)
    assert read == made
    check_subscription(read, now_s)


@topic("push-monitor")
def forwarded_by_push_server(inputs: Case, expected: Case) -> None:
    ed25519 = inputs.get("session_ed25519")
    subscription = Subscription(
        account=bytes.fromhex(inputs["pubkey"]),
        namespaces=tuple(inputs["namespaces"]),
        want_data=inputs.get("data", False),
        timestamp_s=inputs["sig_ts"],
        signature=bytes.fromhex(inputs["signature"]),
        ed25519=bytes.fromhex(ed25519) if ed25519 else None,
        subaccount=subaccount_of(inputs),
    )
    results: dict[str, Any] = {
        "dict": encode_subscription(subscription).hex(),
        "request": encode_subscriptions([subscription]).hex(),
    }
    assert {name: results[name] for name in expected} == expected
    (entry,) = parse_subscriptions(encode_subscriptions([subscription])).entries
    assert read_subscription(entry) == subscription
