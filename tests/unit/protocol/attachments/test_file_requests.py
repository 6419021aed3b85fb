"""What client and file server say to each other (09.7)."""

from __future__ import annotations

import json

import pytest

from veery.errors import Misuse, Retry
from veery.protocol import crypto, version_auth
from veery.protocol.attachments import FileAnswerMalformed, FileRefused, FileServerRefused, releases, requests
from veery.protocol.attachments.releases import Platform
from veery.protocol.onion.server_v4 import encode_v4_request, read_v4_request
from veery.protocol.onion.servers import ServerReply, ServerRequest
from veery.secret import Secret


def reply(body: object, code: int = 200) -> ServerReply:
    return ServerReply(code, {"content-type": "application/json"}, json.dumps(body).encode())


def test_uploads_tell_nothing_but_bytes() -> None:
    request = requests.upload_request(b"blob")
    assert request == ServerRequest(
        "POST",
        "/file",
        {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment"},
        b"blob",
    )
    assert read_v4_request(encode_v4_request(request)) == request
    assert requests.upload_request(b"blob", ttl_s=60).headers["X-FS-TTL"] == "60"
    for blob in (b"", bytes(10_223_617)):
        with pytest.raises(Misuse):
            requests.upload_request(blob)


def test_other_requests() -> None:
    assert requests.download_request("12") == ServerRequest("GET", "/file/12")
    assert requests.info_request("a-_") == ServerRequest("GET", "/file/a-_/info")
    assert requests.extend_request("a") == ServerRequest("POST", "/file/a/extend")
    assert requests.extend_request("a", ttl_s=5).headers == {"X-FS-TTL": "5"}
    for wrong in ("", "a/b", "..", "a?b", "a#b", "é", "a" * 129):
        for make in (requests.download_request, requests.info_request, requests.extend_request):
            with pytest.raises(Misuse):
                make(wrong)
    with pytest.raises(Misuse):
        requests.extend_request("a", ttl_s=-1)


def test_answers_to_uploads() -> None:
    assert requests.read_uploaded(reply({"id": "7"})) == requests.Uploaded("7")
    found = requests.read_uploaded(reply({"id": "7", "expires": 5.5, "uploaded": 1, "size": 4, "new": []}))
    assert found == requests.Uploaded("7", 5.5, 1.0, 4)


@pytest.mark.parametrize(
    "body",
    [{}, {"id": ""}, {"id": 7}, {"id": "a/b"}, {"id": ".."}, {"id": "x" * 129}, {"id": "7", "expires": "soon"}, []],
)
def test_wrong_answers_to_uploads(body: object) -> None:
    with pytest.raises(FileAnswerMalformed):
        requests.read_uploaded(reply(body))


def test_answers_that_are_no_json() -> None:
    for body in (b"", b"\xff", b"{", b"[" * 100_000):
        with pytest.raises(FileAnswerMalformed):
            requests.read_info(ServerReply(200, {}, body))


def test_information() -> None:
    info = requests.FileInfo(4, 1.5, 2.5)
    assert requests.read_info(reply({"size": 4, "uploaded": 1.5, "expires": 2.5})) == info
    for body in ({"size": 4, "uploaded": 1.5}, {"size": -1, "uploaded": 1, "expires": 2}, {"size": "4"}):
        with pytest.raises(FileAnswerMalformed):
            requests.read_info(reply(body))


def test_downloads() -> None:
    assert requests.read_download(ServerReply(200, {}, b"blob")) == b"blob"
    with pytest.raises(FileAnswerMalformed):
        requests.read_download(ServerReply(200, {}, b""))
    with pytest.raises(FileRefused):
        requests.read_download(ServerReply(200, {}, bytes(10_223_617)))
    assert requests.read_download(ServerReply(200, {}, bytes(10_223_617)), allow_large=True)


@pytest.mark.parametrize(
    ("code", "retry"),
    [
        (404, Retry.NEVER),
        (400, Retry.NEVER),
        (413, Retry.NEVER),
        (429, Retry.LATER),
        (425, Retry.LATER),
        (500, Retry.LATER),
        (507, Retry.LATER),
        (201, Retry.NEVER),
    ],
)
def test_codes(code: int, retry: Retry) -> None:
    for read in (requests.read_uploaded, requests.read_download, requests.read_info):
        with pytest.raises(FileServerRefused) as refused:
            read(reply({"id": "7", "size": 1, "uploaded": 1, "expires": 1}, code))
        assert (refused.value.code, refused.value.retry) == (code, retry)


def test_asking_for_the_newest_release() -> None:
    request = releases.session_version_request(Platform.ANDROID)
    assert request == ServerRequest("GET", "/session_version?platform=android")
    _, secret = crypto.ed25519_from_seed(bytes(32))
    key = version_auth.derive(Secret(secret))
    signed = releases.session_version_request(Platform.DESKTOP, channel="alpha", key=key, now_s=1_700_000_000)
    assert signed.endpoint == "/session_version?platform=desktop&release_channel=alpha"
    assert signed.headers == key.headers(1_700_000_000, "GET", signed.endpoint)
    with pytest.raises(Misuse):
        releases.session_version_request(Platform.IOS, channel="nightly")


def test_releases() -> None:
    assets = [{"name": "app.deb", "url": "https://example.org/app.deb"}]
    body = {
        "status_code": 200,
        "updated": 1.5,
        "result": "1.2.3",
        "name": "One",
        "assets": assets,
        "prerelease": {"result": "1.3.0", "assets": assets},
    }
    found = releases.read_session_version(reply(body))
    asset = releases.Asset("app.deb", "https://example.org/app.deb")
    newer = releases.Release("1.3.0", assets=(asset,))
    assert found == releases.SessionVersion("1.2.3", 1.5, "One", None, (asset,), newer)
    for wrong in ({}, {"result": 1}, {"result": "1", "assets": assets * 201}):
        with pytest.raises(FileAnswerMalformed):
            releases.read_session_version(reply(wrong))
    with pytest.raises(FileServerRefused):
        releases.read_session_version(reply({"status_code": 502}, 502))


def test_token_figures() -> None:
    assert releases.token_info_request() == ServerRequest("GET", "/token_info?days=7")
    for days in (0, 31):
        with pytest.raises(Misuse):
            releases.token_info_request(days)
    entry = {"current_value": "0.25", "circulating_supply": 8e7, "total_nodes": 2_000, "updated": 5}
    info = {"maximum_supply": 2.4e8, "sent_per_node": 25_000, "staking_reward_pool": 4e7, "history": [entry]}
    found = releases.read_token_info(reply({"status_code": 200, "info": info}))
    assert found.history == (releases.TokenFigures("0.25", 8e7, 2_000, 5.0),)
    assert found.maximum_supply == 2.4e8
    with pytest.raises(FileAnswerMalformed):
        releases.read_token_info(reply({"status_code": 200}))
