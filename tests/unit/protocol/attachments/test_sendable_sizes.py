"""The longest file that a server takes, from the longest blob."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veery.errors import Misuse
from veery.protocol.attachments import legacy
from veery.protocol.attachments.requests import upload_request
from veery.protocol.attachments.sizes import legacy_blob_size, sendable_size, stream_blob_size
from veery.protocol.constants import ATTACHMENT_MAX, FILE_BLOB_LARGE_MAX, FILE_BLOB_MAX


def test_the_usual_server_takes_what_users_may_pick() -> None:
    assert sendable_size(FILE_BLOB_MAX) >= ATTACHMENT_MAX
    assert sendable_size(25_165_824) >= 25_000_000
    assert sendable_size(10) == 0


@given(st.integers(5_000, FILE_BLOB_LARGE_MAX))
def test_what_is_sendable_fits_in_either_scheme(blob_max: int) -> None:
    most = sendable_size(blob_max)
    assert stream_blob_size(most, allow_large=True) <= blob_max
    if most <= ATTACHMENT_MAX:
        assert legacy_blob_size(most) <= blob_max


@given(st.integers(1, 5_000))
def test_legacy_blobs_have_the_size_that_is_foretold(size: int) -> None:
    assert len(legacy.encrypt(bytes(size), random=bytes).blob) == legacy_blob_size(size)


def test_large_uploads_must_be_asked_for() -> None:
    blob = bytes(FILE_BLOB_MAX + 1)
    with pytest.raises(Misuse):
        upload_request(blob)
    assert upload_request(blob, allow_large=True).body == blob
