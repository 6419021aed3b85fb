"""Names that strangers give their files (09.9)."""

from __future__ import annotations

import pytest

from veery.protocol.attachments import safe_file_name


@pytest.mark.parametrize(
    "name", ["photo.jpg", "a", "Ünïcode – 名前.tar.gz", "two words.txt", "x" * 200, "-rf", "a;b&c$(d)'e"]
)
def test_proper_names_stay(name: str) -> None:
    assert safe_file_name(name) == name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("/etc/passwd", "passwd"),
        ("../../.ssh/authorized_keys", "authorized_keys"),
        ("C:\\Windows\\System32\\cmd.exe", "cmd.exe"),
        ("..\\..\\up.txt", "up.txt"),
        ("dir/", "file"),
        ("..", "file"),
        (".", "file"),
        ("...", "file"),
        ("", "file"),
        (None, "file"),
        ("   ", "file"),
        ("\0", "file"),
        ("a\0.txt", "a.txt"),
        ("a\n\r\tb.txt", "ab.txt"),
        (".hidden", "hidden"),
        (". .\u2003.x", "x"),
        ("trailing. . .", "trailing"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("zero\u200bwidth", "zerowidth"),
        ("\ud800x", "x"),
        ("a:stream", "a_stream"),
        ('<>:"|?*', "_______"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("Lpt1 .log", "_Lpt1 .log"),
        ("com¹", "_com¹"),
        ("console.txt", "console.txt"),
        ("e\u0301.txt", "é.txt"),
    ],
)
def test_dangerous_names(name: str | None, safe: str) -> None:
    assert safe_file_name(name) == safe


def test_long_names_keep_their_extension() -> None:
    long = safe_file_name("é" * 300 + ".jpeg")
    assert long.endswith("é.jpeg")
    assert 195 <= len(long.encode()) <= 200
    assert safe_file_name("x" * 300) == "x" * 200
    assert safe_file_name("a." + "x" * 300) == "a." + "x" * 198
    assert len(safe_file_name("con." + "é" * 300).encode()) <= 200


def test_the_fallback_is_the_callers() -> None:
    assert safe_file_name("..", "attachment") == "attachment"
