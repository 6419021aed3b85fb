"""Proofs of nodes: what they say, and every way in which one is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.registry.world import NOW, key_of, proof_of, seed_of, signer
from veery.errors import Misuse
from veery.protocol import bt, crypto
from veery.protocol.constants import PROOF_LABEL
from veery.registry.proofs import ProofRefused, ProofStale, open_proof, sign_proof
from veery.secret import Secret


def parts() -> tuple[dict[bytes, bt.Value], bytes]:
    body, signature = bt.decode_list(proof_of(1).encoded)
    assert isinstance(body, bytes)
    assert isinstance(signature, bytes)
    return bt.decode_dict(body), signature


def resigned(**changes: Any) -> bytes:
    """The proof of node 1 with other fields, and a good signature over them."""
    body = bt.encode(parts()[0] | {name.encode(): value for name, value in changes.items()})
    return bt.encode([body, signer(1)(PROOF_LABEL + body)])


def test_a_proof_says_who_and_where() -> None:
    proof = open_proof(proof_of(1).encoded)
    assert proof == proof_of(1)
    node = proof.node(9)
    assert (node.ed25519, node.legacy, node.ip, node.https_port, node.queue_port) == (
        key_of(1),
        key_of(1),
        "127.0.0.1",
        10_001,
        30_001,
    )
    assert node.x25519 == crypto.ed25519_public_to_x25519(key_of(1))
    assert (node.swarm_id, node.version, node.contactable) == (9, (2, 12, 0), True)


def test_both_forms_of_the_secret_sign() -> None:
    whole = Secret(crypto.ed25519_from_seed(seed_of(1).reveal())[1])
    again = sign_proof(
        whole, network="lab", time_ms=NOW, ip="127.0.0.1", https_port=10_001, queue_port=30_001, version=(2, 12, 0)
    )
    assert again == proof_of(1)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"x": bytes(range(32))}, "keys"),
        ({"l": bytes(range(32))}, "keys"),
        ({"e": bytes(31)}, "keys"),
        ({"i": bytes(4)}, "address"),
        ({"i": b"\xe0\x00\x00\x01"}, "form"),
        ({"i": bytes(16)}, "form"),
        ({"p": 0}, "form"),
        ({"q": 65_536}, "form"),
        ({"t": 0}, "form"),
        ({"t": 2**60}, "form"),
        ({"v": [1, 2]}, "form"),
        ({"v": [1, 2, 256]}, "form"),
        ({"n": b""}, "form"),
        ({"n": b"\xff"}, "form"),
        ({"n": b"x" * 65}, "form"),
        ({"n": b"a\nb"}, "form"),
        ({"t": b"now"}, "form"),
    ],
)
def test_signed_nonsense_is_refused(changes: dict[str, Any], kind: str) -> None:
    with pytest.raises(ProofRefused) as refused:
        open_proof(resigned(**changes))
    assert refused.value.kind == f"registry.proof.{kind}"


def test_the_signature_must_be_of_the_node_over_exactly_this() -> None:
    fields, signature = parts()
    body = bt.encode(fields)
    for forged in (
        [bt.encode(fields | {b"p": 443}), signature],
        [body, signer(2)(PROOF_LABEL + body)],
        [body, signer(1)(body)],
        [body, signature[:-1]],
    ):
        with pytest.raises(ProofRefused):
            open_proof(bt.encode(forged))


def test_a_key_off_the_curve_group_is_refused() -> None:
    with pytest.raises(ProofRefused):
        open_proof(resigned(e=bytes(32), l=bytes(32)))


def test_size_and_form() -> None:
    for bad in (b"", b"le", b"l1:ae", bytes(2_000), bt.encode([bt.encode({}), bytes(64)])):
        with pytest.raises(ProofRefused):
            open_proof(bad)


def test_freshness_on_both_sides() -> None:
    proof = proof_of(1)
    proof.check_fresh(NOW + 60_000)
    proof.check_fresh(NOW - 60_000)
    for now_ms in (NOW + 60_001, NOW - 60_001):
        with pytest.raises(ProofStale, match="clock"):
            proof.check_fresh(now_ms)


def test_what_no_proof_can_say_is_misuse() -> None:
    for ip, port in (("::1", 1), ("0.0.0.0", 1), ("9.9.9.9", 0), ("localhost", 1)):
        with pytest.raises(Misuse):
            sign_proof(seed_of(1), network="lab", time_ms=NOW, ip=ip, https_port=port, queue_port=1, version=(1, 0, 0))
