"""Redaction: no identifier, hash or address survives, wherever it stands; the time stays in proportion."""

from __future__ import annotations

import base64
import time
from ipaddress import IPv4Address, IPv6Address

from hypothesis import example, given
from hypothesis import strategies as st

from veery.runtime.redaction import redact

WORDS = st.text(st.sampled_from("az AZ09 .,:;=/_-'\"()[]{}<>%\n"), max_size=20)
BASE32Z = "ybndrfg8ejkmcpqxot1uwisza345h769"


def identifiers() -> st.SearchStrategy[str]:
    hexes = st.sampled_from([32, 33, 64]).flatmap(lambda size: st.binary(min_size=size, max_size=size)).map(bytes.hex)
    return hexes | hexes.map(str.upper)


def hashes() -> st.SearchStrategy[str]:
    raw = st.binary(min_size=32, max_size=96).filter(lambda value: len(set(value)) > 16)
    standard = raw.map(lambda value: base64.b64encode(value).decode())
    return (
        standard | standard.map(lambda text: text.rstrip("=")) | raw.map(lambda v: base64.urlsafe_b64encode(v).decode())
    )


@given(WORDS, identifiers(), WORDS)
def test_identifiers(before: str, secret: str, after: str) -> None:
    for detailed in (False, True):
        assert secret not in redact(f"{before}{secret}{after}", detailed=detailed)
        assert secret[8:40] not in redact(f"{before} {secret} {after}", detailed=detailed)


@given(WORDS, hashes(), WORDS)
def test_hashes(before: str, secret: str, after: str) -> None:
    for detailed in (False, True):
        out = redact(f"{before}{secret}{after}", detailed=detailed)
        assert secret.strip("=") not in out
        assert secret[:20] not in redact(f"{before} {secret} {after}", detailed=detailed)


@given(WORDS, st.text(st.sampled_from(BASE32Z), min_size=52, max_size=52), WORDS)
def test_snode_addresses(before: str, secret: str, after: str) -> None:
    assert secret not in redact(f"{before} {secret}.snode {after}")
    assert secret not in redact(f"{before} {secret} {after}")


@given(WORDS, st.ip_addresses(v=4), st.integers(1, 65535), WORDS)
def test_ipv4(before: str, address: IPv4Address, port: int, after: str) -> None:
    for text in (str(address), f"{address}:{port}", f"('{address}', {port})"):
        assert str(address) not in redact(f"{before} {text} {after}")
        assert str(address) not in redact(f"to {text}. Again")


@given(WORDS, st.ip_addresses(v=6).filter(lambda found: not found.is_unspecified), st.integers(1, 65535), WORDS)
@example(before="", address=IPv6Address("1:2:3:4:5:6:7::"), port=1, after="")
@example(before="", address=IPv6Address("::1"), port=1, after="")
def test_ipv6(before: str, address: IPv6Address, port: int, after: str) -> None:
    for text in (
        str(address),
        f"[{address}]:{port}",
        address.exploded,
        f"{address.exploded}:{port}",
        f"{address}%eth0",
    ):
        for said in (f"{before} {text} {after}", f"to {text}. Again", f"peer={text}, more", str(address).upper()):
            out = redact(said)
            assert f" {address} " not in out
            assert f" {address}." not in out
            assert f"[{address}]" not in out
            assert f"={address}" not in out
            assert address.exploded not in out
            assert str(address).upper() not in out


@given(st.binary(min_size=1))
def test_bytes(content: bytes) -> None:
    for shown in (repr(content), repr(bytearray(content)), repr([content])):
        out = redact(f"got {shown} here")
        assert "<bytes>" in out
        assert repr(content)[1:] not in out


@given(st.text(max_size=500))
def test_any_text_goes_through(text: str) -> None:
    assert isinstance(redact(text), str)
    assert redact(redact(text)) == redact(redact(redact(text)))


def test_hostile_texts_take_no_time() -> None:
    pieces = (
        "a" * 200_000,
        ":" * 200_000,
        "1." * 100_000,
        "b'" * 100_000,
        "\\" * 200_000,
        "a:" * 100_000,
        "key=" * 50_000,
    )
    began = time.process_time()
    for piece in pieces:
        redact(piece)
    assert time.process_time() - began < 5
