"""The rules that belong to single parts of a message: attachments, previews, profiles, bodies."""

from __future__ import annotations

import pytest

from veery.protocol import content
from veery.protocol.content import attachment, body, preview, profile

KEY = bytes(32)


@pytest.mark.parametrize(
    ("url", "number"),
    [
        ("http://filev2.getsession.org/file/1234", 1234),
        ("http://filev2.getsession.org/file/8#d=&p=ab", 8),
        ("https://open.example.org/room/file/77/", 0),
        ("http://filev2.getsession.org/file/abcDEF_-123#d=", 0),
        ("http://filev2.getsession.org/file/-5", 0),
        ("http://filev2.getsession.org/file/١٢", 0),
        (f"http://filev2.getsession.org/file/{2**63 - 1}", 2**63 - 1),
        (f"http://filev2.getsession.org/file/{2**63}", 0),
        ("http://filev2.getsession.org/file/" + "9" * 5000, 0),
        ("http://[broken/file/1", 0),
        ("", 0),
    ],
)
def test_deprecated_id(url: str, number: int) -> None:
    assert attachment.deprecated_id(url) == number


def test_voice_messages_are_a_flag() -> None:
    assert content.AttachmentPointer(flags=1).is_voice_message
    assert not content.AttachmentPointer(flags=2).is_voice_message
    assert not content.AttachmentPointer().is_voice_message


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("see https://example.org/a", True),
        ("see (https://example.org/a).", True),
        ("https://example.org/a and more", True),
        ("https://example.org/abc", False),
        ("example.org/a", False),
        ("", False),
    ],
)
def test_preview_needs_its_link_in_the_body(text: str, kept: bool) -> None:
    assert preview.is_kept(content.Preview("https://example.org/a", title="A"), text) is kept


def test_preview_needs_title_or_image() -> None:
    text = "https://example.org/"
    assert not preview.is_kept(content.Preview(text), text)
    assert not preview.is_kept(content.Preview(text, title=""), text)
    assert preview.is_kept(content.Preview(text, image=content.AttachmentPointer()), text)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://example.org/x", True),
        ("http://example.org/x", False),
        ("https://user@example.org/", False),
        ("https://exam%70le.org/", False),
        ("https:///path", False),
        ("https://[broken", False),
        ("https://example.org/" + "a" * (4096 - 20), True),
        ("https://example.org/" + "a" * (4097 - 20), False),
        ("https://" + "a" * 2048 + "/", True),
        ("https://" + "a" * 2049 + "/", False),
    ],
)
def test_previews_that_senders_make(url: str, allowed: bool) -> None:
    assert preview.may_be_made(url) is allowed


def changed(
    name: str | None = "B",
    picture: str | None = None,
    seconds: int | None = 10,
    key: bytes | None = None,
    known: int = 5,
) -> profile.ProfileChange | None:
    received = content.Profile(name, picture, seconds)
    return profile.change(received, key, known_name="A", known_seconds=known)


def test_absent_profile_changes_nothing() -> None:
    assert profile.change(None, KEY, known_name="A", known_seconds=0) is None


@pytest.mark.parametrize(
    ("new", "known", "applies"),
    [(11, 10, True), (10, 10, False), (9, 10, False), (0, 0, True), (None, 0, True), (None, 1, False), (1, 0, True)],
)
def test_newer_profiles_apply(new: int | None, known: int, applies: bool) -> None:
    assert (changed(seconds=new, known=known) is not None) is applies


def test_names_change_when_given_and_different() -> None:
    for name, expected in (("B", "B"), ("A", None), ("", None), (None, None)):
        change = changed(name=name)
        assert change is not None
        assert change.name == expected


@pytest.mark.parametrize(
    ("url", "key", "kept"),
    [("u", KEY, True), ("u", None, False), (None, KEY, False), ("", KEY, False), ("u", bytes(31), False)],
)
def test_pictures_need_url_and_key_or_are_removed(url: str | None, key: bytes | None, kept: bool) -> None:
    change = changed(picture=url, key=key)
    assert change is not None
    assert (change.picture_url, change.picture_key) == ((url, key) if kept else (None, None))
    assert change.updated_seconds == 10


def test_bodies_are_cut_by_code_points() -> None:
    assert body.cut("é" * 10_001) == "é" * 10_000
    assert body.cut("\U0001f426" * 10_000) == "\U0001f426" * 10_000
    assert body.cut("abc", 2) == "ab"


def test_mentions() -> None:
    digits = "Ab" * 32
    assert body.mentions(f"hi @05{digits}, @15{digits} and @{digits}!") == (
        "05" + digits.lower(),
        "15" + digits.lower(),
        digits.lower(),
    )
    assert body.mentions(f"05{digits} @{digits[:-1]}") == ()
    assert body.mentions(f"@25{digits}") == (("25" + digits)[:64].lower(),)  # shown as an id that nobody has


def test_visible_content() -> None:
    assert not content.DataMessage(profile=content.Profile("A")).has_visible_content
    assert not content.DataMessage(body="", flags=0).has_visible_content
    assert not content.DataMessage(community_invitation=content.CommunityInvitation("", "n")).has_visible_content
    assert content.DataMessage(community_invitation=content.CommunityInvitation("u", "n")).has_visible_content
    assert content.DataMessage(flags=2).has_visible_content
    assert content.DataMessage(flags=2).is_timer_update
    assert content.DataMessage(quote=content.Quote(1, "05")).has_visible_content
