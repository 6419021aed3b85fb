"""The endpoints of a file server (09.7.1, 09.7.3, 09.7.5)."""

from __future__ import annotations

import base64
import json
import os
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal

import pytest

from tests.unit.fileserver.rooms import NOW_MS, TTL_S
from tests.unit.fileserver.storages import Opened
from veery.fileserver.errors import NewsUnreadable
from veery.fileserver.settings import FileServerSettings, LimitSettings
from veery.protocol import crypto, version_auth
from veery.protocol.attachments import http_id, releases, requests
from veery.protocol.attachments.releases import Platform
from veery.runtime.faults import FileFault
from veery.secret import Secret

BLOB = b"an encrypted file"
ID = http_id(BLOB).text
NOW_S, EXPIRES = NOW_MS / 1_000, NOW_MS / 1_000 + TTL_S
KEY = version_auth.derive(Secret(crypto.ed25519_from_seed(bytes(32))[1]))
NEWS = {
    "releases": {
        "desktop": {
            "stable": {
                "result": "1.2.3",
                "name": "One",
                "notes": "More of it",
                "assets": [{"name": "app.deb", "url": "https://example.org/app.deb"}],
            },
            "prerelease": {"result": "1.3.0"},
            "alpha": {"result": "2.0.0", "updated": 5},
        },
        "ios": {"stable": {"result": "9"}},
    },
    "token_info": {
        "maximum_supply": 240_000_000,
        "sent_per_node": 25_000,
        "staking_reward_pool": 40_000_000,
        "history": [
            {"current_value": "0.5", "circulating_supply": 8e7, "total_nodes": 2_000, "updated": NOW_S - day * 86_400}
            for day in range(40)
        ],
    },
}


def news_file(directory: Path, content: object = NEWS, changed_s: int = 1_700_000_000) -> Path:
    file = directory / "news.json"
    file.write_text(json.dumps(content))
    os.utime(file, (changed_s, changed_s))
    return file


async def test_uploading_and_fetching(opened: Opened) -> None:
    async with opened() as found:
        code, body, reply = await found.ask("POST", "/file", BLOB)
        assert (code, body) == (200, {"id": ID, "expires": EXPIRES})
        assert requests.read_uploaded(reply) == requests.Uploaded(ID, EXPIRES)
        code, body, reply = await found.ask("GET", f"/file/{ID}")
        assert (code, body) == (200, BLOB)
        assert reply.headers["content-type"] == "application/octet-stream"
        assert parsedate_to_datetime(str(reply.headers["expires"])).timestamp() == EXPIRES
        code, body, _ = await found.ask("GET", f"/file/{ID}/info")
        assert (code, body) == (200, {"size": len(BLOB), "uploaded": NOW_S, "expires": EXPIRES})


async def test_extending(opened: Opened) -> None:
    async with opened() as found:
        await found.ask("POST", "/file", BLOB, X_FS_TTL="100")
        found.clock.move(50)
        code, body, reply = await found.ask("POST", f"/file/{ID}/extend", x_fs_ttl="60")
        assert (code, body) == (200, {"size": len(BLOB), "uploaded": NOW_S, "expires": NOW_S + 110})
        assert requests.read_info(reply).expires == NOW_S + 110
        code, body, _ = await found.ask("POST", f"/file/{ID}/extend")
        assert body["expires"] == NOW_S + 50 + TTL_S
        assert (await found.ask("POST", "/file/123/extend"))[:2] == (404, {"status_code": 404})


@pytest.mark.parametrize("written", ["-1", "+1", "1.5", "", " ", "ten", "1209601", "9" * 30, "１", "0x10"])
async def test_times_that_are_refused_and_never_cut(opened: Opened, written: str) -> None:
    async with opened() as found:
        assert (await found.ask("POST", "/file", BLOB, X_FS_TTL=written))[:2] == (400, {"status_code": 400})
        await found.ask("POST", "/file", BLOB)
        assert (await found.ask("POST", f"/file/{ID}/extend", X_FS_TTL=written))[0] == 400


@pytest.mark.parametrize(("written", "seconds"), [("0", 0), ("30", 30), ("1209600", TTL_S), ("0060", 60)])
async def test_times_that_are_taken(opened: Opened, written: str, seconds: int) -> None:
    async with opened() as found:
        code, body, _ = await found.ask("POST", "/file", BLOB, X_FS_TTL=written)
        assert (code, body["expires"]) == (200, NOW_S + seconds)


@pytest.mark.parametrize("body", [None, b"", bytes(101)])
async def test_bodies_that_are_refused(opened: Opened, body: bytes | None) -> None:
    async with opened(FileServerSettings(blob_max=100)) as found:
        assert (await found.ask("POST", "/file", body))[:2] == (413, {"status_code": 413})


@pytest.mark.parametrize(
    "endpoint",
    [
        f"/file/{'a' * 44}",
        "/file/7",
        "/file/",
        "/file/..",
        "/file/%2e%2e%2f%2e%2e%2fkey",
        f"/file/{'a' * 43}%2f",
        "/file/%00",
        "/file/é",
        f"/file/{'a' * 44}/info",
        "/files/7",
    ],
)
async def test_files_that_are_not_there(opened: Opened, endpoint: str) -> None:
    async with opened() as found:
        assert (await found.ask("GET", endpoint))[0] == 404
        assert found.blobs.verbs == []


@pytest.mark.parametrize(
    ("method", "endpoint", "code"),
    [
        ("GET", "/", 404),
        ("GET", "", 404),
        ("GET", "/nothing", 404),
        ("POST", "/oxen/v4/lsrpc", 404),
        ("GET", "/file", 405),
        ("DELETE", f"/file/{ID}", 405),
        ("PUT", "/file", 405),
        ("GET", f"/file/{ID}/extend", 405),
        ("GET", f"/file/{ID}/info/more", 404),
        ("POST", "/session_version", 405),
    ],
)
async def test_unknown_paths_and_methods(opened: Opened, method: str, endpoint: str, code: int) -> None:
    async with opened() as found:
        await found.ask("POST", "/file", BLOB)
        assert (await found.ask(method, endpoint))[0] == code


async def test_a_method_that_is_not_there_is_told_which_are(opened: Opened) -> None:
    async with opened() as found:
        assert (await found.ask("DELETE", "/file/1"))[2].headers["allow"] == "GET"


async def test_who_sends_too_much_is_told_when_to_come_back(opened: Opened) -> None:
    settings = FileServerSettings(limits=LimitSettings(minute_mib=16, minute_each_mib=16))
    async with opened(settings) as found:
        big = bytes(8 << 20)
        assert (await found.ask("POST", "/file", big))[0] == 200
        assert (await found.ask("POST", "/file", big))[0] == 200
        code, body, reply = await found.ask("POST", "/file", big)
        assert (code, body, reply.headers["retry-after"]) == (429, {"status_code": 429}, "30")
        found.clock.move(30)
        assert (await found.ask("POST", "/file", big))[0] == 200
        assert "retry-after" not in (await found.ask("GET", "/file/7"))[2].headers


async def test_a_server_that_is_full_says_so(opened: Opened) -> None:
    async with opened(FileServerSettings(quota_mib=1)) as found:
        assert (await found.ask("POST", "/file", bytes(1 << 20)))[0] == 200
        assert (await found.ask("POST", "/file", b"more"))[:2] == (507, {"status_code": 507})
        assert (await found.ask("POST", "/file", bytes(1 << 20)))[0] == 200


async def test_a_fault_of_the_machine_is_a_500(opened: Opened) -> None:
    async with opened() as found:

        def broken(verb: str, file_id: str) -> None:
            raise FileFault("The disk is broken")

        found.blobs.before = broken
        assert (await found.ask("POST", "/file", BLOB))[:2] == (500, {"status_code": 500})


# -- the deprecated pair -----------------------------------------------------------------------------------------


JSON = "application/json"


async def post_json(found: object, content: object, content_type: str = JSON) -> tuple[int, object]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    code, value, _ = await found.ask("POST", "/files", body, Content_Type=content_type)  # type: ignore[attr-defined]
    return code, value


@pytest.mark.parametrize("ids", ["hash", "numeric"])
async def test_files_in_base64_have_numbers_for_ids(opened: Opened, ids: Literal["hash", "numeric"]) -> None:
    text = base64.b64encode(BLOB).decode()
    async with opened(FileServerSettings(ids=ids)) as found:
        numbers = set()
        for written, kind in ((text, JSON), (text.rstrip("="), JSON), (text, f"{JSON}; charset=utf-8")):
            code, value = await post_json(found, {"file": written}, kind)
            assert isinstance(value, dict)
            assert (code, value["status_code"]) == (200, 200)
            assert isinstance(value["result"], int)
            numbers.add(value["result"])
        assert len(numbers) == 3
        for number in numbers:
            assert (await found.ask("GET", f"/files/{number}"))[:2] == (200, {"status_code": 200, "result": text})
            assert (await found.ask("GET", f"/file/{number}"))[1] == BLOB
            assert (await found.ask("POST", f"/file/{number}/extend"))[0] == 404


async def test_the_ids_of_other_uploads_are_text(opened: Opened) -> None:
    for ids in ("hash", "numeric"):
        async with opened(FileServerSettings(ids="numeric" if ids == "numeric" else "hash")) as found:
            written = (await found.ask("POST", "/file", BLOB))[1]["id"]
            assert isinstance(written, str)
            assert (written == ID) is (ids == "hash")
            text = base64.b64encode(BLOB).decode()
            assert (await found.ask("GET", f"/files/{written}"))[1]["result"] == text


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b"\xff", 400),
        ([], 400),
        ({}, 400),
        ({"file": 5}, 400),
        ({"file": "?"}, 400),
        ({"file": "AAAAA"}, 400),
        ({"file": ""}, 413),
        ({"file": "A" * 8_000_001}, 413),
    ],
)
async def test_uploads_in_base64_that_are_refused(opened: Opened, content: object, code: int) -> None:
    async with opened() as found:
        assert await post_json(found, content) == (code, {"status_code": code})


async def test_an_upload_in_base64_must_say_that_it_is_json(opened: Opened) -> None:
    async with opened() as found:
        for content_type in ("text/plain", ""):
            assert (await post_json(found, {"file": "AAAA"}, content_type))[0] == 400


# -- news --------------------------------------------------------------------------------------------------------


async def test_the_newest_release(opened: Opened, tmp_path: Path) -> None:
    settings = FileServerSettings(news=news_file(tmp_path))
    async with opened(settings) as found:
        code, body, reply = await found.ask("GET", "/session_version?platform=desktop")
        assert code == 200
        assert body == {
            "status_code": 200,
            "updated": 1_700_000_000.0,
            "result": "1.2.3",
            "name": "One",
            "notes": "More of it",
            "assets": [{"name": "app.deb", "url": "https://example.org/app.deb"}],
            "prerelease": {"updated": 1_700_000_000.0, "result": "1.3.0"},
        }
        assert releases.read_session_version(reply).prerelease == releases.Release("1.3.0", 1_700_000_000.0)
        code, body, _ = await found.ask("GET", "/session_version?platform=desktop&release_channel=alpha")
        assert body == {"status_code": 200, "updated": 1_700_000_000.0, "result": "2.0.0"}
        code, body, _ = await found.ask("GET", "/session_version?platform=ios")
        assert body == {"status_code": 200, "updated": 1_700_000_000.0, "result": "9"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", 404),
        ("?platform=", 404),
        ("?platform=windows", 404),
        ("?release_channel=stable", 404),
        ("?platform=android", 502),
        ("?platform=desktop&release_channel=nightly", 502),
        ("?platform=ios&release_channel=alpha", 502),
        ("?" + "&".join(f"a{number}=1" for number in range(30)), 400),
    ],
)
async def test_releases_that_are_not_known(opened: Opened, tmp_path: Path, query: str, code: int) -> None:
    async with opened(FileServerSettings(news=news_file(tmp_path))) as found:
        assert (await found.ask("GET", "/session_version" + query))[:2] == (code, {"status_code": code})


async def test_signed_checks_are_counted_once_a_day_and_forgotten(opened: Opened, tmp_path: Path) -> None:
    async with opened(FileServerSettings(news=news_file(tmp_path), check_days=2)) as found:
        for channel in (None, None, "alpha"):
            asked = releases.session_version_request(Platform.DESKTOP, channel=channel, key=KEY, now_s=NOW_MS // 1_000)
            assert (await found.endpoints.handle(asked, found.source)).code == 200
        await found.ask("GET", "/session_version?platform=desktop")
        counted = {("desktop", "stable"): 1, ("desktop", "alpha"): 1}
        assert await found.checks.totals() == counted
        found.clock.move(2 * 86_400)
        await found.checks.forget()
        assert await found.checks.totals() == counted
        found.clock.move(86_400)
        await found.checks.forget()
        assert await found.metadata.checks(0) == {}


async def test_a_day_counts_so_many_checks_and_no_more(opened: Opened) -> None:
    settings = FileServerSettings(checks_a_day=3)
    async with opened(settings) as found:
        for number in (1, 1, 2, 1):
            await found.checks.count(bytes([number]) * 32, "ios", "stable")
    async with opened(settings) as again:
        for number in range(10):
            await again.checks.count(bytes([number]) * 32, "ios", "stable")
        assert await again.checks.totals() == {("ios", "stable"): 3}
        again.clock.move(86_400)
        await again.checks.count(b"next day", "ios", "stable")
        assert await again.checks.totals() == {("ios", "stable"): 4}


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"X_FS_Pubkey": "07" + "00" * 32}, 400),
        (dict(zip(("X_FS_Pubkey", "X_FS_Timestamp", "X_FS_Signature"), "abc", strict=True)), 400),
    ],
)
async def test_checks_that_are_refused_are_told_so_in_words(
    opened: Opened, tmp_path: Path, headers: dict[str, str], code: int
) -> None:
    async with opened(FileServerSettings(news=news_file(tmp_path))) as found:
        got, body, reply = await found.ask("GET", "/session_version?platform=desktop", None, **headers)
        assert got == code
        assert body
        assert reply.headers["content-type"] == "text/plain; charset=utf-8"
        assert (await found.ask("GET", "/session_version?platform=x", None, **headers))[0] == 404


async def test_a_check_at_the_wrong_time_or_over_other_words(opened: Opened) -> None:
    async with opened() as found:
        endpoint = "/session_version?platform=ios"
        for signed, code in ((KEY.headers(1, "GET", endpoint), 425), (KEY.headers(NOW_MS // 1_000, "GET", "/"), 401)):
            named = {name.replace("-", "_"): value for name, value in signed.items()}
            assert (await found.ask("GET", endpoint, None, **named))[0] == code


@pytest.mark.parametrize(
    ("query", "days"), [("", 7), ("?days=1", 1), ("?days=30", 30), ("?days=31", 7), ("?days=0", 7), ("?days=x", 7)]
)
async def test_token_figures(opened: Opened, tmp_path: Path, query: str, days: int) -> None:
    async with opened(FileServerSettings(news=news_file(tmp_path))) as found:
        code, body, reply = await found.ask("GET", "/token_info" + query)
        assert (code, body["status_code"]) == (200, 200)
        assert len(body["info"]["history"]) == days + 1
        assert releases.read_token_info(reply).maximum_supply == 240_000_000


async def test_a_server_without_news(opened: Opened) -> None:
    async with opened() as found:
        assert (await found.ask("GET", "/token_info"))[:2] == (502, {"status_code": 502})
        assert (await found.ask("GET", "/session_version?platform=ios"))[:2] == (502, {"status_code": 502})


async def test_news_change_and_bad_news_change_nothing(opened: Opened, tmp_path: Path) -> None:
    file = news_file(tmp_path)
    async with opened(FileServerSettings(news=file)) as found:

        async def version() -> str:
            found.clock.move(31)
            return str((await found.ask("GET", "/session_version?platform=ios"))[1]["result"])

        assert await version() == "9"
        news_file(tmp_path, {"releases": {"ios": {"stable": {"result": "10"}}}}, 1_700_000_001)
        assert await version() == "10"
        news_file(tmp_path, {"releases": 5}, 1_700_000_002)
        assert await version() == "10"
        file.unlink()
        assert await version() == "10"
        news_file(tmp_path, {"releases": {"ios": {"stable": {"result": "11"}}}}, 1_700_000_003)
        assert await version() == "11"


async def test_bad_news_at_the_start_are_an_error(opened: Opened, tmp_path: Path) -> None:
    with pytest.raises(NewsUnreadable):
        async with opened(FileServerSettings(news=news_file(tmp_path, {"releases": 5}))):
            raise AssertionError("it started")
