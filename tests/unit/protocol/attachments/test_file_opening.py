"""Opening what a pointer names: the fragment picks the scheme (09.1, 09.5.3)."""

from __future__ import annotations

import pytest

from veery.errors import ProtocolError
from veery.protocol import attachments
from veery.protocol.attachments import Domain, FileRefused, Scheme, legacy, parse_url, profile_pictures, stream
from veery.secret import Secret

PLAIN = parse_url("http://filev2.getsession.org/file/1")
STREAM = parse_url("http://filev2.getsession.org/file/1#d")
DATA = b"the file"
LEGACY_FILE = legacy.encrypt(DATA, random=lambda size: bytes(range(size)))
STREAM_FILE = stream.encrypt(DATA, Secret(bytes(32)), Domain.ATTACHMENT)


def open_legacy(**changes: object) -> bytes:
    fields = {"url": PLAIN, "key": LEGACY_FILE.keys, "digest": LEGACY_FILE.digest, "size": len(DATA)} | changes
    return attachments.open_attachment(LEGACY_FILE.blob, **fields)  # type: ignore[arg-type]


def open_stream(**changes: object) -> bytes:
    fields = {"url": STREAM, "key": STREAM_FILE.key, "digest": None, "size": len(DATA)} | changes
    return attachments.open_attachment(STREAM_FILE.blob, **fields)  # type: ignore[arg-type]


def test_both_schemes_open() -> None:
    assert open_legacy() == open_stream() == DATA
    assert open_legacy(size=3) == open_stream(size=3) == DATA[:3]
    assert open_stream(digest=b"") == DATA


@pytest.mark.parametrize(
    "change",
    [
        {"url": STREAM},
        {"key": None},
        {"key": STREAM_FILE.key},
        {"digest": None},
        {"size": None},
        {"size": 0},
        {"size": 600},
    ],
)
def test_legacy_pointers_that_do_not_fit(change: dict[str, object]) -> None:
    with pytest.raises(FileRefused):
        open_legacy(**change)


@pytest.mark.parametrize("change", [{"key": None}, {"key": LEGACY_FILE.keys}, {"size": None}, {"size": 0}, {"size": 9}])
def test_stream_pointers_that_do_not_fit(change: dict[str, object]) -> None:
    with pytest.raises(FileRefused):
        open_stream(**change)


def test_a_stream_whose_mark_was_lost_opens_when_all_else_says_so() -> None:
    assert open_stream(url=PLAIN) == open_stream(url=PLAIN, digest=b"") == DATA
    with pytest.raises(FileRefused) as refused:
        open_stream(url=PLAIN, digest=bytes(32))
    assert refused.value.kind == "files.key"
    with pytest.raises(FileRefused):
        attachments.scheme_of(PLAIN, STREAM_FILE.key, None, b"T")
    assert attachments.scheme_of(PLAIN, STREAM_FILE.key, None, b"S") is Scheme.STREAM


def test_the_fragment_decides_not_the_key() -> None:
    assert attachments.scheme_of(PLAIN, LEGACY_FILE.keys, None, b"S") is Scheme.LEGACY
    assert attachments.scheme_of(STREAM, STREAM_FILE.key, None, b"T") is Scheme.STREAM


def test_profile_pictures() -> None:
    key = Secret(bytes(32))
    blob = profile_pictures.encrypt(DATA, key, lambda size: bytes(size))
    assert attachments.open_profile_picture(blob, url=PLAIN, key=key) == DATA
    newer = profile_pictures.encrypt_stream(DATA, key)
    assert attachments.open_profile_picture(newer.blob, url=STREAM, key=newer.key) == DATA
    for blob_, url in ((blob, STREAM), (newer.blob, PLAIN)):
        with pytest.raises(ProtocolError):
            attachments.open_profile_picture(blob_, url=url, key=newer.key)
