"""What is taken out of texts, and what stays readable."""

from __future__ import annotations

import base64

import pytest

from veery.runtime.redaction import redact
from veery.secret import Secret

KEY = "05" + "ab12" * 16
HASH = base64.b64encode(bytes(range(200, 232))).decode().rstrip("=")
SNODE = "kqzsy9iq5moud8xk4mnhdkt5xxaybtkxqcd4mmmqorwrujkyiqby"


@pytest.mark.parametrize(
    "secret",
    [
        KEY,
        KEY.upper(),
        KEY[2:],
        f"0x{KEY[2:]}",
        f"id{KEY}",
        f"{KEY}x",
        f"account_{KEY}_name",
        KEY * 2,
        "ab" * 16,
        HASH,
        HASH + "=",
        HASH.replace("+", "-").replace("/", "_"),
        base64.b64encode(bytes(range(256))).decode(),
        f"{SNODE}.snode",
        SNODE,
        f"{SNODE}.loki",
        "short.snode",
        "192.0.2.7:22021",
        "192.0.2.7",
        "...192.0.2.7...",
        "peer192.0.2.7",
        "[2001:db8::1]:443",
        "2001:db8::1",
        "2001:0db8:0000:0000:0000:0000:0000:0001",
        "2001:db8:0:0:0:0:0:1:8080",
        "addr:2001:db8::1",
        "fe80::1%eth0",
        "::ffff:192.0.2.7",
        "2001:db8::1_443",
        "('2001:db8::1', 443, 0, 0)",
        "b'content'",
        'b"it\'s content"',
        "bytearray(b'cont)ent')",
        "https://me:content@host/",
        "Authorization: Bearer content12",
        "Cookie: session=content",
        "bearer content12",
        "https://host/?token=content&x=1",
        "password=content",
    ],
)
def test_nothing_survives(secret: str) -> None:
    out = redact(f"before {secret} after")
    assert out.startswith("before ")
    for part in ("ab12ab12", "AB12AB12", "abab", HASH[:20], SNODE[:20], "short", "192.0", "0.2.7", "db8", "content"):
        assert part not in out
    assert "fe80" not in out


@pytest.mark.parametrize(
    "text",
    [
        "started in 0.3 s at 09:23:41",
        "listening on port 22021",
        "listening on [::]:22021",
        "version 2.11.3 of the engine",
        'File "/work/veery/src/veery/runtime/sqlite/a_long_name_of_a_module/writer.py", line 12, in _deliver',
        "/var/lib/veery/profiles/default/messages/store/database",
        "test_that_a_name_with_many_words_in_a_program_is_kept",
        "-" * 60,
        "2026-11-25T09:23:41.123Z",
        "aa:bb:cc:dd:ee:ff",
        "std::vector, a[1:2], x::y",
        "3 of 5 swarm members answered (60%)",
        f"key={Secret(bytes(32))!r}",
        "runtime.database.locked",
        "deadbeef",
    ],
)
def test_readable_texts_stay(text: str) -> None:
    assert redact(text) == text


def test_detailed_keeps_addresses_and_the_beginning_of_identifiers() -> None:
    text = redact(f"peer 192.0.2.7:443 [2001:db8::1]:443 asks for {KEY}", detailed=True)
    assert text == "peer 192.0.2.7:443 [2001:db8::1]:443 asks for 05ab12…"


@pytest.mark.parametrize("secret", [KEY * 2, "ab" * 16, HASH, f"{SNODE}.snode", "b'content'", "token=content"])
def test_detailed_takes_the_rest_as_well(secret: str) -> None:
    out = redact(f"before {secret} after", detailed=True)
    for part in ("ab12ab12", "abab", HASH[:8], SNODE[:8], "content"):
        assert part not in out
