"""The version key (01.6)."""

from __future__ import annotations

import base64

import pytest

from veery.errors import Misuse
from veery.protocol import crypto, version_auth
from veery.protocol.account import Account

ACCOUNT = Account.from_seed(bytes(range(16)))
KEY = version_auth.derive(ACCOUNT.ed25519_secret)
PATH = "/session_version?platform=desktop"


def test_the_key_is_the_same_every_time_and_not_that_of_the_account() -> None:
    assert version_auth.derive(ACCOUNT.ed25519_secret).public == KEY.public != ACCOUNT.ed25519_public
    assert KEY.identifier.prefix == 7
    assert KEY.identifier.key == KEY.public


def test_what_is_signed() -> None:
    assert version_auth.signed_bytes(1_700_000_000, "get", PATH) == b"1700000000GET" + PATH.encode()
    assert version_auth.signed_bytes(1, "POST", "/a", b"body") == b"1POST/abody"


def test_signatures_verify_and_cover_every_part() -> None:
    signature = KEY.sign(5, "GET", "/a", b"body")
    crypto.ed25519_verify(KEY.public, b"5GET/abody", signature)
    others = {KEY.sign(6, "GET", "/a", b"body"), KEY.sign(5, "PUT", "/a", b"body"), KEY.sign(5, "GET", "/b", b"body")}
    assert signature not in others | {KEY.sign(5, "GET", "/a")}


def test_the_headers_of_a_request() -> None:
    headers = KEY.headers(1_700_000_000, "GET", PATH)
    assert headers["X-FS-Pubkey"] == "07" + KEY.public.hex()
    assert headers["X-FS-Timestamp"] == "1700000000"
    assert base64.b64decode(headers["X-FS-Signature"]) == KEY.sign(1_700_000_000, "GET", PATH)


def test_a_body_is_signed_by_its_digest_at_the_file_server() -> None:
    signature = base64.b64decode(KEY.headers(5, "POST", "/file", b"body")["X-FS-Signature"])
    crypto.ed25519_verify(KEY.public, b"5POST/file" + crypto.blake2b(64, b"body"), signature)
    assert version_auth.file_server_body(b"") == b""


def test_times_and_paths_that_no_request_has() -> None:
    with pytest.raises(Misuse):
        KEY.sign(-1, "GET", "/a")
    with pytest.raises(Misuse):
        KEY.sign(1, "GET", "a")
