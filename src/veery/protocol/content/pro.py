"""Pro proofs, 02.3.6. Veery writes none; it reads them so that nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass

from veery.protocol.content import wire_pb2 as wire
from veery.protocol.content.value import Value, keep, others


@dataclass(frozen=True, slots=True, repr=False)
class ProProof(Value):
    """A proof as the deployed schema lays it out; the newer layout reuses fields 2 and 4 with other meanings."""

    version: int | None = None
    gen_index_hash: bytes | None = None
    rotating_public_key: bytes | None = None
    expire_at_ms: int | None = None
    sig: bytes | None = None


@dataclass(frozen=True, slots=True, repr=False)
class ProMessage(Value):
    """profile_bitset: bit 0 badge, bit 1 animated picture; message_bitset: bit 0 long message."""

    proof: ProProof | None = None
    profile_bitset: int | None = None
    message_bitset: int | None = None


def proof_to_wire(proof: ProProof) -> wire.ProProof:
    """The protobuf message of a proof."""
    message = wire.ProProof(
        version=proof.version,
        genIndexHash=proof.gen_index_hash,
        rotatingPublicKey=proof.rotating_public_key,
        expireAtMs=proof.expire_at_ms,
        sig=proof.sig,
    )
    return keep(message, proof.other_fields)


def proof_from_wire(message: wire.ProProof) -> ProProof:
    """The proof of a protobuf message."""
    has = message.HasField
    return ProProof(
        version=message.version if has("version") else None,
        gen_index_hash=message.genIndexHash if has("genIndexHash") else None,
        rotating_public_key=message.rotatingPublicKey if has("rotatingPublicKey") else None,
        expire_at_ms=message.expireAtMs if has("expireAtMs") else None,
        sig=message.sig if has("sig") else None,
        other_fields=others(message, "version", "genIndexHash", "rotatingPublicKey", "expireAtMs", "sig"),
    )


def to_wire(pro: ProMessage) -> wire.ProMessage:
    """The protobuf message of a Pro message."""
    message = wire.ProMessage(
        proof=None if pro.proof is None else proof_to_wire(pro.proof),
        profileBitset=pro.profile_bitset,
        messageBitset=pro.message_bitset,
    )
    return keep(message, pro.other_fields)


def from_wire(message: wire.ProMessage) -> ProMessage:
    """The Pro message of a protobuf message."""
    return ProMessage(
        proof=proof_from_wire(message.proof) if message.HasField("proof") else None,
        profile_bitset=message.profileBitset if message.HasField("profileBitset") else None,
        message_bitset=message.messageBitset if message.HasField("messageBitset") else None,
        other_fields=others(message, "proof", "profileBitset", "messageBitset"),
    )
