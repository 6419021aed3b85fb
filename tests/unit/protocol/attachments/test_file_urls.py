"""URLs of files and the servers they name (09.5)."""

from __future__ import annotations

import pytest

from veery.errors import Misuse
from veery.protocol import attachments, crypto
from veery.protocol.attachments import (
    DEFAULT_FILE_SERVER,
    FileServer,
    FileServerUnknown,
    FileUrl,
    FileUrlMalformed,
    RouterAddress,
    parse_url,
    url_of,
)

KEY = "ff86dcd4b26d1bfec944c59859494248626d6428efc12168749d65a1b92f5e28"
DEFAULT = DEFAULT_FILE_SERVER.ed25519.hex()
BASE = "http://files.example/file/abc"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "/file/abc",
        "ftp://files.example/file/abc",
        "file:///file/abc",
        "javascript://files.example/file/abc",
        "http://files.example",
        "http://files.example/",
        "http://files.example/file",
        "http://files.example/file/",
        "http://files.example/file//",
        "http://files.example/file/abc//",
        "http://files.example//file/abc",
        "http://files.example/FILE/abc",
        "http://files.example/filed/abc",
        "http://files.example/file/abc/def",
        "http://files.example/file/..",
        "http://files.example/file/.",
        "http://files.example/file/..%2f..%2fetc",
        "http://files.example/file/%2e%2e",
        "http://files.example/file/a b",
        "http://files.example/file/a\\b",
        "http://files.example/file/a\0b",
        "http://files.example/file/a\nb",
        "http://files.example/file/é",
        "http://files.example/file/" + "a" * 129,
        "http://user@files.example/file/abc",
        "http://user:secret@files.example/file/abc",
        "http://files.example@other.example/file/abc",
        "http://files.example:/file/abc",
        "http://files.example:0/file/abc",
        "http://files.example:65536/file/abc",
        "http://files.example:-1/file/abc",
        "http://files.example:８０/file/abc",
        "http:///file/abc",
        "http://:80/file/abc",
        "http://[/file/abc",
        "http://[]/file/abc",
        "http://[::g]/file/abc",
        "http://[::1%25eth0]/file/abc",
        "http://::1/file/abc",
        "http://127.1/file/abc",
        "http://2130706433/file/abc",
        "http://files..example/file/abc",
        "http://фото.example/file/abc",
        "http://files.example/file/abc\n",
        " http://files.example/file/abc",
        "http://files.example/file/abc#" + "d&" * 3_000,
    ],
)
def test_hostile_urls(text: str) -> None:
    with pytest.raises(FileUrlMalformed) as refused:
        parse_url(text)
    assert refused.value.kind == "files.url"
    assert text == "" or text not in str(refused.value)


def test_the_parts() -> None:
    url = parse_url(f"HTTPS://Files.Example:8443/files/Ab-_~.9/?x=1#p={KEY}&d&sr=abc.sesh:77&other=1")
    assert url == FileUrl(
        "https", "Files.Example", "Ab-_~.9", 8443, bytes.fromhex(KEY), True, RouterAddress("abc.sesh", 77)
    )
    assert url.text == f"https://Files.Example:8443/file/Ab-_~.9#p={KEY}&d"


@pytest.mark.parametrize("fragment", ["d", "d=", "d=1", f"d&p={KEY}", f"p={KEY}&d", "x&&d&=", "e=00ff&d", "d&d"])
def test_the_mark_of_a_stream_in_every_spelling(fragment: str) -> None:
    url = parse_url(f"{BASE}#{fragment}")
    assert url.stream
    assert "d=" not in url.text
    assert "e=" not in url.text


@pytest.mark.parametrize("fragment", ["", "D", "dd", "=d", "p=d", "d p", "%64", "e=d"])
def test_no_mark(fragment: str) -> None:
    assert not parse_url(f"{BASE}#{fragment}").stream


@pytest.mark.parametrize(
    "item", ["p=", "p", f"p={KEY[:-1]}", f"p={KEY}0", f"P={KEY}", f"p= {KEY[1:]}", f"p=g{KEY[1:]}"]
)
def test_malformed_keys_are_passed_over(item: str) -> None:
    assert parse_url(f"{BASE}#{item}&d") == FileUrl("http", "files.example", "abc", stream=True)


@pytest.mark.parametrize(
    ("item", "router"),
    [
        ("sr=abc.sesh", RouterAddress("abc.sesh", 11_235)),
        ("sr=abc.sesh:1", RouterAddress("abc.sesh", 1)),
        ("sr=abc.sesh:0", None),
        ("sr=abc.sesh:65536", None),
        ("sr=abc.sesh:x", None),
        ("sr=abc.sesh:", None),
        ("sr=", None),
        ("sr=:5", None),
        ("sr=a/b", None),
        ("sr", None),
    ],
)
def test_router_addresses(item: str, router: RouterAddress | None) -> None:
    url = parse_url(f"{BASE}#{item}")
    assert url.router == router
    assert url.text == BASE


def test_keys_are_read_in_either_case_and_written_in_lower() -> None:
    assert parse_url(f"{BASE}#p={KEY.upper()}").text == f"{BASE}#p={KEY}"


def test_which_server_is_asked() -> None:
    named = parse_url(f"https://files.example:99/file/1#p={KEY}").server()
    assert named == FileServer(bytes.fromhex(KEY), "files.example", "https", 99)
    for host in ("filev2.getsession.org", "FileV2.getsession.org", "other.getsession.org"):
        assert parse_url(f"http://{host}/file/1").server() == FileServer(DEFAULT_FILE_SERVER.ed25519, host)
    assert parse_url(f"{BASE}#p={DEFAULT}").server().ed25519 == DEFAULT_FILE_SERVER.ed25519


@pytest.mark.parametrize(
    "host",
    ["files.example", "getsession.org.evil.example", "evilgetsession.org", "getsession.org", "[::1]", "10.0.0.1"],
)
def test_unknown_servers_without_a_key(host: str) -> None:
    with pytest.raises(FileServerUnknown):
        parse_url(f"http://{host}/file/1#d").server()


def test_another_network_knows_another_server() -> None:
    own = FileServer(bytes.fromhex(KEY), "files.example", port=8_080)
    assert parse_url("http://files.example:8080/file/1").server(own) == own
    with pytest.raises(FileServerUnknown):
        parse_url("http://filev2.getsession.org/file/1").server(own)
    assert url_of("1", own, stream=False, default=own).text == "http://files.example:8080/file/1"
    assert url_of("1", own, stream=True).text == f"http://files.example:8080/file/1#p={KEY}&d"
    assert parse_url(f"{BASE}#p={KEY}").custom_key(own) is None
    assert parse_url(f"{BASE}#p={KEY}").custom_key() == bytes.fromhex(KEY)


@pytest.mark.parametrize(
    ("scheme", "port", "shown"),
    [("http", 80, ""), ("http", None, ""), ("http", 443, ":443"), ("https", 443, ""), ("https", 80, ":80")],
)
def test_default_ports_are_not_written(scheme: str, port: int | None, shown: str) -> None:
    server = FileServer(DEFAULT_FILE_SERVER.ed25519, "files.example", scheme, port)
    assert url_of("1", server, stream=False).text == f"{scheme}://files.example{shown}/file/1"


@pytest.mark.parametrize(
    ("file_id", "host", "scheme", "port", "key"),
    [
        ("../x", "files.example", "http", None, KEY),
        ("", "files.example", "http", None, KEY),
        ("1", "files.example/x", "http", None, KEY),
        ("1", "::1", "http", None, KEY),
        ("1", "files.example", "ftp", None, KEY),
        ("1", "files.example", "http", 0, KEY),
        ("1", "files.example", "http", 65_536, KEY),
        ("1", "files.example", "http", None, KEY[2:]),
    ],
)
def test_urls_that_cannot_be_written(file_id: str, host: str, scheme: str, port: int | None, key: str) -> None:
    with pytest.raises(Misuse):
        url_of(file_id, FileServer(bytes.fromhex(key), host, scheme, port), stream=True)


def test_where_onion_requests_go() -> None:
    destination = DEFAULT_FILE_SERVER.destination()
    assert (destination.host, destination.port, destination.protocol) == ("filev2.getsession.org", 80, "http")
    assert destination.target == "/oxen/v4/lsrpc"
    assert destination.x25519 == crypto.ed25519_public_to_x25519(DEFAULT_FILE_SERVER.ed25519)
    secure = FileServer(DEFAULT_FILE_SERVER.ed25519, "[::1]", "https")
    assert (secure.destination().host, secure.destination().port) == ("[::1]", 443)


def test_a_key_that_is_no_point_is_taken_for_x25519() -> None:
    old = bytes.fromhex("da21e1d886c6fbaea313f75298bd64aab03a97ce985b46bb2dad9f2089c8ee59")
    assert attachments.x25519_of(old) == old
    with pytest.raises(Misuse):
        attachments.x25519_of(old[1:])
