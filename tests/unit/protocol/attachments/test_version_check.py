"""Version checks as the server sees them (09.7.3)."""

from __future__ import annotations

import base64

import pytest

from veery.protocol import crypto, version_auth
from veery.protocol.attachments import VersionCheckRefused, check_version_headers
from veery.secret import Secret

KEY = version_auth.derive(Secret(crypto.ed25519_from_seed(bytes(range(32)))[1]))
NOW = 1_764_000_000
PATH = "/session_version?platform=ios"
HEADERS = KEY.headers(NOW, "GET", PATH)


def code_of(headers: dict[str, str], now_s: float = NOW) -> int:
    with pytest.raises(VersionCheckRefused) as refused:
        check_version_headers(headers, now_s=now_s, method="GET", path=PATH)
    return refused.value.code


def test_who_signs_is_counted_and_who_does_not_is_answered() -> None:
    assert check_version_headers(HEADERS, now_s=NOW, method="GET", path=PATH) == KEY.identifier
    for headers in ({}, {"X-FS-Pubkey": "", "X-FS-Timestamp": "", "X-FS-Signature": ""}, {"Accept": "*/*"}):
        assert check_version_headers(headers, now_s=NOW, method="GET", path=PATH) is None


def test_other_spellings_of_the_same() -> None:
    raw = base64.b64decode(HEADERS["X-FS-Signature"])
    spelled = {
        "x-fs-pubkey": base64.b64encode(bytes.fromhex(HEADERS["X-FS-Pubkey"])).decode(),
        "X-Fs-Timestamp": "000" + HEADERS["X-FS-Timestamp"],
        "X-FS-SIGNATURE": raw.hex().upper(),
    }
    assert check_version_headers(spelled, now_s=NOW, method="get", path=PATH) == KEY.identifier
    unpadded = HEADERS | {"X-FS-Signature": HEADERS["X-FS-Signature"].rstrip("=")}
    assert check_version_headers(unpadded, now_s=NOW, method="GET", path=PATH) == KEY.identifier


@pytest.mark.parametrize("missing", sorted(HEADERS))
def test_all_headers_or_none(missing: str) -> None:
    assert code_of({name: value for name, value in HEADERS.items() if name != missing}) == 400
    assert code_of(HEADERS | {missing: ""}) == 400


@pytest.mark.parametrize(
    "change",
    [
        {"X-FS-Pubkey": "05" + HEADERS["X-FS-Pubkey"][2:]},
        {"X-FS-Pubkey": HEADERS["X-FS-Pubkey"][2:]},
        {"X-FS-Pubkey": "07" + "00" * 32},
        {"X-FS-Pubkey": "07" + "ff" * 32},
        {"X-FS-Pubkey": "nonsense"},
        {"X-FS-Pubkey": "é" * 66},
        {"X-FS-Timestamp": "soon"},
        {"X-FS-Timestamp": "1764000000.5"},
        {"X-FS-Timestamp": "-1764000000"},
        {"X-FS-Timestamp": "９"},
        {"X-FS-Timestamp": "1" * 5_000},
        {"X-FS-Signature": "AAAA"},
        {"X-FS-Signature": "?" * 88},
        {"X-FS-Signature": "00" * 63},
    ],
)
def test_headers_that_cannot_be_read(change: dict[str, str]) -> None:
    assert code_of(HEADERS | change) == 400


@pytest.mark.parametrize(("offset", "code"), [(86_401, 425), (-86_401, 425), (86_400.5, 425)])
def test_clocks_that_are_off(offset: float, code: int) -> None:
    assert code_of(HEADERS, NOW + offset) == code


@pytest.mark.parametrize("offset", [86_400, -86_400, 0.25])
def test_clocks_that_are_near_enough(offset: float) -> None:
    assert check_version_headers(HEADERS, now_s=NOW + offset, method="GET", path=PATH) == KEY.identifier


def test_signatures_cover_time_method_path_and_body() -> None:
    assert code_of(HEADERS | {"X-FS-Timestamp": str(NOW + 1)}) == 401
    for method, path, body in (("POST", PATH, b""), ("GET", PATH + "&x=1", b""), ("GET", PATH, b"body")):
        with pytest.raises(VersionCheckRefused) as refused:
            check_version_headers(HEADERS, now_s=NOW, method=method, path=path, body=body)
        assert refused.value.code == 401
    signed = KEY.headers(NOW, "POST", "/file", b"body")
    assert check_version_headers(signed, now_s=NOW, method="POST", path="/file", body=b"body") == KEY.identifier


def test_what_is_wrong_first_is_told_first() -> None:
    late = NOW + 10**6
    assert code_of(HEADERS | {"X-FS-Signature": "AAAA"}, late) == 400
    assert code_of(KEY.headers(NOW, "GET", "/other"), late) == 425
