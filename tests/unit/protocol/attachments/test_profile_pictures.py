"""Profile pictures, legacy and newer ones (09.3, 09.4)."""

from __future__ import annotations

import pytest

from veery.errors import ProtocolError
from veery.protocol.attachments import Domain, FileMalformed, FileRefused, FileUnfit, profile_pictures, stream
from veery.secret import Secret

KEY, NONCE = Secret(bytes(range(32))), bytes(range(12))


@pytest.mark.parametrize("size", [1, 15, 16, 17, 1_000])
def test_round_trips(size: int) -> None:
    blob = profile_pictures.encrypt(bytes(size), KEY, lambda wanted: NONCE[:wanted])
    assert len(blob) == size + 28
    assert blob[:12] == NONCE
    assert profile_pictures.decrypt(blob, KEY) == bytes(size)


def kind_of(blob: bytes, key: Secret = KEY) -> str:
    with pytest.raises(ProtocolError) as refused:
        profile_pictures.decrypt(blob, key)
    assert isinstance(refused.value, FileRefused | FileMalformed)
    return refused.value.kind


def test_altered_cut_and_extended_blobs() -> None:
    blob = profile_pictures.encrypt(b"image", KEY, lambda size: NONCE)
    for at in range(len(blob)):
        assert kind_of(blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]) == "files.authentication"
    assert kind_of(blob[:-1]) == kind_of(blob + b"\0") == "files.authentication"
    assert kind_of(blob[:28]) == kind_of(b"") == "files.short"
    assert kind_of(blob, Secret(bytes(32))) == "files.authentication"
    for size in (16, 24, 31, 33):  # 16 and 24 are keys of AES too
        assert kind_of(blob, Secret(bytes(size))) == "files.key"
    assert kind_of(bytes(10_223_617)) == "files.too_large"


def test_what_cannot_be_encrypted() -> None:
    with pytest.raises(FileUnfit):
        profile_pictures.encrypt(b"", KEY, lambda size: NONCE)
    with pytest.raises(FileUnfit):
        profile_pictures.encrypt_stream(b"", KEY)
    with pytest.raises(FileRefused):
        profile_pictures.encrypt(b"image", Secret(bytes(16)), lambda size: NONCE)


def test_newer_pictures_are_streams_of_their_own_domain() -> None:
    made = profile_pictures.encrypt_stream(b"image", KEY)
    assert stream.decrypt(made.blob, made.key) == b"image"
    assert made.blob != stream.encrypt(b"image", KEY, Domain.ATTACHMENT).blob
    assert made.blob == profile_pictures.encrypt_stream(b"image", KEY).blob
