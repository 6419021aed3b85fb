"""Sizes of both schemes, and cutting (09.2, 09.4.2)."""

from __future__ import annotations

import pytest

from veery.protocol import attachments
from veery.protocol.attachments import FileRefused, FileUnfit
from veery.protocol.constants import STREAM_PLAINTEXT_MAX

MEBIBYTE = 1024 * 1024


def test_legacy_padding_grows_in_steps_and_never_cuts() -> None:
    last = 0
    for size in [*range(1, 4_000), *range(4_000, 12_000_000, 7_919)]:
        padded = attachments.legacy_padded_size(size)
        assert padded >= max(size, last, 541)
        assert padded <= max(541, size * 1.06)
        last = padded


@pytest.mark.parametrize(
    ("size", "padded"),
    [(541, 541), (10_000_000, 10_000_000), (9_828_081, 10_000_000), (10_000_001, 10_319_484)],
)
def test_legacy_padding_at_its_limits(size: int, padded: int) -> None:
    assert attachments.legacy_padded_size(size) == padded


@pytest.mark.parametrize("size", [0, -1, 2**32, 10**400])
def test_sizes_that_no_attachment_has(size: int) -> None:
    with pytest.raises(FileUnfit) as refused:
        attachments.legacy_padded_size(size)
    assert refused.value.kind == "files.size"
    if size:
        with pytest.raises(FileUnfit):
            attachments.stream_padding(size, allow_large=True)


@pytest.mark.parametrize(
    ("first", "last", "blob"),
    [
        (0, 4_053, 4_096),
        (4_054, 8_149, 8_192),
        (8_150, 8_150, 12_288),
        (60_000, 60_000, 61_440),
        (261_983, 261_983, 270_336),
        (523_991, 523_991, 540_672),
        (10_000_000, 10_218_286, 10_223_616),
        (25_000_000, 25_000_000, 25_165_824),
    ],
)
def test_stream_sizes_of_the_book(first: int, last: int, blob: int) -> None:
    assert attachments.stream_blob_size(first, allow_large=True) == blob
    assert attachments.stream_blob_size(last, allow_large=True) == blob


@pytest.mark.parametrize(
    "around", [32_768 * chunks for chunks in (1, 2, 3, 31, 64, 128, 256)] + [MEBIBYTE, 10 * MEBIBYTE]
)
def test_stream_sizes_around_chunks(around: int) -> None:
    for size in range(around - 40, around + 40):
        padding = attachments.stream_padding(size, allow_large=True)
        blob = attachments.stream_blob_size(size, allow_large=True)
        assert padding >= 1
        assert size < blob <= max(4_096, (size + 20_000) * 33 // 32)
        assert size <= attachments.stream_plaintext_bound(blob) < blob


def test_large_files_must_be_asked_for() -> None:
    assert attachments.stream_padding(STREAM_PLAINTEXT_MAX) == 1
    with pytest.raises(FileUnfit) as refused:
        attachments.stream_blob_size(STREAM_PLAINTEXT_MAX + 1)
    assert refused.value.kind == "files.too_large"
    assert refused.value.remedy


@pytest.mark.parametrize(("blob", "bound"), [(0, 0), (-5, 0), (25, 0), (42, 0), (43, 0), (44, 1), (4_096, 4_053)])
def test_bounds_of_short_blobs(blob: int, bound: int) -> None:
    assert attachments.stream_plaintext_bound(blob) == bound


def test_cutting() -> None:
    assert attachments.cut_to_size(b"abc\0\0", 3) == b"abc"
    assert attachments.cut_to_size(b"abc", 3) == b"abc"
    for size in (None, 0, -1, 4, 2**64):
        with pytest.raises(FileRefused) as refused:
            attachments.cut_to_size(b"abc", size)
        assert refused.value.kind == "files.size"
