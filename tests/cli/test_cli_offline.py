"""What commands say when the network cannot be reached."""

from __future__ import annotations

import pytest

from tests.cli.harness import Home, Service

STRANGER = "05" + "ab" * 32


@pytest.fixture
def own(home: Home) -> str:
    """An account whose network does not answer; gives its Account ID."""
    args = ("account", "create", "--network", str(home.network()), "--no-passphrase", "--json")
    return str(home.veery(*args).record["account_id"])


def test_a_message_waits(home: Home, own: str) -> None:
    sent = home.veery("send", STRANGER, "hi", "--timeout", "0.2", "--json")
    assert (sent.code, sent.out) == (1, "")
    assert sent.error["kind"] == "cli.not_stored_yet"
    assert sent.err.splitlines()[0] == (
        "veery: Message #1 is not stored after 0.2 s. It stays queued and goes out the next time;"
        " `veery outbox` and `veery doctor` say what is wrong."
    )
    (copy,) = home.veery("outbox", "--json").records
    assert copy["message"] == 1
    assert copy["role"] == "recipient"
    shown = home.veery("messages", STRANGER[:8], "--json").record
    assert shown["state"] in ("queued", "sealed")
    assert home.veery("outbox").out.splitlines()[0] == "MESSAGE  TO           WHAT     STATE   TRIES  NEXT  LAST ERROR"
    assert home.veery("outbox", "drop", "1").err == "Message #1 is given up and removed here.\n"
    empty = home.veery("outbox")
    assert (empty.out, empty.err) == ("", "Nothing waits: every message is stored.\n")


def test_a_running_engine_does_not_make_it_wait_longer(home: Home, own: str) -> None:
    with Service(home, "app", "run"):
        sent = home.veery("send", STRANGER, "hi", "--timeout", "0.2", "--json")
        assert sent.error["kind"] == "cli.not_stored_yet"
        assert home.veery("outbox", "--json").record["message"] == 1


def test_what_cannot_be_had_is_said(home: Home, own: str) -> None:
    waited = home.veery("receive", "--wait", "0.2")
    assert (waited.code, waited.err) == (3, "No message came within 0.2 s.\n")
    doctor = home.veery("doctor")
    assert doctor.code == 1
    assert doctor.out.splitlines()[-1] == "FAIL  seeds      No seed of the network answers"
    assert own not in doctor.out + doctor.err


def test_note_to_self_and_quotes_are_kept(home: Home, own: str) -> None:
    assert home.veery("send", own, "remember", "--no-wait", "--json").record["state"] in ("queued", "sealed")
    assert home.veery("send", own, "this", "--no-wait", "--quote", "1").code == 0
    listed = home.veery("conversations")
    assert listed.out.splitlines()[1].startswith("Note to self ")
    assert "    > answers you, " in home.veery("messages", own).out
    assert home.veery("conversation", "hide", own).code == 0
    assert home.veery("conversations").err.startswith("All conversations are hidden; ")
    assert len(home.veery("conversations", "--hidden", "--json").records) == 1
    missing = home.veery("send", own, "x", "--quote", "99", "--json")
    assert missing.error["kind"] == "client.not_found.message"


def test_bad_numbers_are_usage(home: Home, own: str) -> None:
    for line in (("send", own, "x", "--timeout", "0"), ("receive", "--wait", "-1"), ("messages", own, "--limit", "0")):
        done = home.veery(*line)
        assert done.code == 2, line
        assert done.err.startswith("veery: --")


def test_text_from_standard_input_must_be_text(home: Home, own: str) -> None:
    import subprocess

    done = subprocess.run(
        home.command("send", own, "-"), input=b"\xff\xfe", capture_output=True, env=home.environment(), check=False
    )
    assert (done.returncode, done.stderr) == (1, b"veery: The text is not UTF-8. Give the message in UTF-8.\n")
