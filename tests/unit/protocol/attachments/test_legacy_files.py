"""The legacy scheme of attachments (09.2)."""

from __future__ import annotations

import pytest

from veery.errors import ProtocolError
from veery.protocol import attachments, crypto
from veery.protocol.attachments import FileMalformed, FileRefused, FileUnfit, legacy
from veery.protocol.constants import FILE_BLOB_MAX
from veery.secret import Secret

KEYS, IV = bytes(range(64)), bytes(range(200, 216))


def encrypt(plaintext: bytes, *, pad: bool = True) -> legacy.LegacyFile:
    drawn = {64: KEYS, 16: IV}
    return legacy.encrypt(plaintext, random=lambda size: drawn[size], pad=pad)


@pytest.mark.parametrize("size", [1, 15, 16, 17, 31, 32, 540, 541, 542, 568, 569, 10_000])
def test_round_trips_around_blocks(size: int) -> None:
    plaintext = bytes(range(1, 251)) * (size // 250 + 1)
    plaintext = plaintext[:size]
    for pad in (True, False):
        made = encrypt(plaintext, pad=pad)
        opened = legacy.decrypt(made.blob, made.keys, made.digest)
        assert len(made.blob) % 16 == 0
        assert len(opened) == (attachments.legacy_padded_size(size) if pad else size)
        assert attachments.cut_to_size(opened, size) == plaintext


def test_equal_lengths_hide_small_files() -> None:
    assert len({len(encrypt(bytes(size)).blob) for size in (1, 100, 541)}) == 1


def kind_of(blob: bytes, keys: bytes = KEYS, digest: bytes | None = None, *, large: bool = False) -> str:
    digest = crypto.sha256(blob) if digest is None else digest or None
    with pytest.raises(ProtocolError) as refused:
        legacy.decrypt(blob, Secret(keys), digest, allow_large=large)
    assert isinstance(refused.value, FileRefused | FileMalformed)
    return refused.value.kind


def test_every_altered_byte_is_noticed() -> None:
    blob = encrypt(b"x" * 40, pad=False).blob
    for at in range(len(blob)):
        assert kind_of(blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]) == "files.authentication"


def test_cut_extended_and_reordered_blobs() -> None:
    blob = encrypt(b"x" * 40, pad=False).blob
    swapped = blob[:16] + blob[32:48] + blob[16:32] + blob[48:]
    for wrong in (blob[:-1], blob[1:], blob + b"\0", blob[:-16], swapped):
        assert kind_of(wrong) == "files.authentication"
    assert kind_of(blob[:47]) == "files.short"
    assert kind_of(b"") == "files.short"


def test_digests_and_keys() -> None:
    made = encrypt(b"text")
    assert kind_of(made.blob, digest=bytes(32)) == "files.digest"
    assert kind_of(made.blob, digest=made.digest + b"\0") == "files.digest"
    assert kind_of(made.blob, digest=b"") == "files.digest"
    for keys in (KEYS[:32], KEYS[:63], KEYS + b"\0", b""):
        assert kind_of(made.blob, keys) == "files.key"
    assert kind_of(made.blob, bytes(64)) == "files.authentication"


@pytest.mark.parametrize("body", [b"", bytes(15), bytes(16), bytes(17), bytes(160)])
def test_what_was_sealed_wrongly_does_not_open(body: bytes) -> None:
    sealed = IV + body
    blob = sealed + crypto.hmac_sha256(KEYS[32:], sealed)
    assert kind_of(blob) == "files.authentication"


def test_too_long_blobs_are_refused_before_they_are_read() -> None:
    blob = bytes(FILE_BLOB_MAX + 1)
    assert kind_of(blob) == "files.too_large"
    assert kind_of(blob, large=True) == "files.authentication"


def test_empty_files_are_not_sent() -> None:
    with pytest.raises(FileUnfit) as refused:
        encrypt(b"")
    assert refused.value.kind == "files.empty"


def test_nothing_secret_prints() -> None:
    shown = repr(encrypt(b"text"))
    assert KEYS.hex() not in shown
    assert "blob" not in shown
