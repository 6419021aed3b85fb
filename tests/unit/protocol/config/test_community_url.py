"""URLs of communities (07.11, 12.1)."""

from __future__ import annotations

import pytest

from veery.protocol.config import ConfigMalformed, community_url
from veery.protocol.swarm import base32z

KEY = bytes(range(32))
HEX = KEY.hex()


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("HTTPS://Example.ORG/", "https://example.org"),
        ("http://example.org:0", "http://example.org"),
        ("http://example.org:00080", "http://example.org"),
        ("https://example.org:80", "https://example.org:80"),
        ("http://a.bc", "http://a.bc"),
    ],
)
def test_canonical(text: str, canonical: str) -> None:
    assert community_url.canonical_base_url(text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org",
        "ftp://example.org",
        "https://a.b",
        "https://localhost",
        "https://.example.org",
        "https://example.org.",
        "https://example..org",
        "https://example.org:65536",
        "https://example.org:",
        "https://example.org:x",
        "https://example.org//",
        "https://user@example.org",
        "https://exämple.org",
        "https://example.org\n",
        "https://" + "a" * 256 + ".org",
    ],
)
def test_no_base_url(text: str) -> None:
    with pytest.raises(ConfigMalformed) as caught:
        community_url.canonical_base_url(text)
    assert caught.value.kind == "config.community_url"


@pytest.mark.parametrize(
    "key",
    [HEX, HEX.upper(), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"],
)
@pytest.mark.parametrize("path", ["Room", "r/Room"])
def test_keys_in_every_spelling(key: str, path: str) -> None:
    found = community_url.parse(f"https://Example.org/{path}?public_key={key}")
    assert (found.base_url, found.room, found.server_key) == ("https://example.org", "Room", KEY)
    assert str(found) == f"https://example.org/Room?public_key={HEX}"


def test_base32z_keys() -> None:
    found = community_url.parse(f"https://example.org/x?public_key={base32z.encode(KEY)}")
    assert found.server_key == KEY


def test_a_room_may_be_called_r() -> None:
    assert community_url.parse("https://example.org/r").room == "r"
    assert community_url.parse("https://example.org/r/r/").room == "r"


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/",
        "https://example.org",
        "https://example.org/room/",
        "https://example.org/a/b",
        "https://example.org/a b",
        f"https://example.org/{'a' * 65}",
        "https://example.org/room?public_key=",
        f"https://example.org/room?public_key={HEX[:-1]}",
        f"https://example.org/room?public_key={HEX}&x=1",
        f"https://example.org/room?public_key={HEX}#x",
        f"https://example.org/room?key={HEX}",
        "https://example.org/room?public_key=" + "l" * 52,
        "https://example.org/room?public_key=" + "*" * 43,
    ],
)
def test_no_full_url(text: str) -> None:
    with pytest.raises(ConfigMalformed):
        community_url.parse(text)


def test_join_urls() -> None:
    found = community_url.parse_join(f"  example.org:8080/Room?public_key={HEX.upper()}\n")
    assert (found.base_url, found.room, found.server_key) == ("http://example.org:8080", "Room", KEY)


@pytest.mark.parametrize("text", ["https://example.org/room", "https://example.org/room?public_key=" + "A" * 43])
def test_join_urls_need_the_key_in_hex(text: str) -> None:
    with pytest.raises(ConfigMalformed):
        community_url.parse_join(text)


def test_room_keys() -> None:
    assert community_url.room_key("Room_1-x") == b"room_1-x"
    with pytest.raises(ConfigMalformed):
        community_url.room_key("no room")
