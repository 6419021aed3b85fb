"""How documents stand, in words."""

from __future__ import annotations

from argparse import Namespace
from io import StringIO
from typing import Any

import pytest

from veery.cli import sync_commands
from veery.cli.console import Console
from veery.secret import shorten

BOB = "05" + "b2" * 32
NOW = 1_764_000_000_000
STANDING: dict[str, Any] = {
    "document": "contacts",
    "namespace": 3,
    "seqno": 7,
    "state": "clean",
    "read_only": False,
    "pending": False,
    "bytes": 900,
    "copies": 1,
    "obsolete": 0,
    "incomplete": 0,
    "pushed": NOW - 60_000,
    "merged": NOW - 60_000,
    "renewed": None,
    "forgotten": None,
    "changes_lost": None,
    "changes": 0,
    "waiting": [],
    "brought": [],
    "given_up": [],
    "refused": None,
    "set_aside": {},
}


def change(
    field: str, subject: str | None = BOB, number: int = 1, at: int = NOW - 60_000, **more: Any
) -> dict[str, Any]:
    return {"subject": subject, "field": field, "number": number, "at": at, **more}


def said(
    monkeypatch: pytest.MonkeyPatch, *, away: dict[str, int] | None = None, unwritten: bool = False, **changed: Any
) -> str:
    """What `sync status` prints of one document; below the table."""
    status: dict[str, Any] = {"restored": False, "unwritten": unwritten, "error": None, "read": NOW, "away": away}
    status |= {"documents": [{**STANDING, **changed}], "groups": []}
    monkeypatch.setattr(sync_commands, "answer", lambda options, console, method: status)
    monkeypatch.setattr(sync_commands, "now_ms", lambda: NOW)
    console = Console(out=StringIO(), err=(err := StringIO()))
    assert sync_commands.status(Namespace(), console) == 0
    return err.getvalue()


def test_nothing_more_is_said_of_what_is_the_same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch) == ""


def test_what_stands_in_no_document_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, unwritten=True) == "Something was changed here just now, and stands in no document yet.\n"


def test_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = [change("nickname"), change("added"), change("name", None), change("further", None, 12)]
    shown = said(monkeypatch, pending=True, changes=15, waiting=waiting)
    short = shorten(BOB)
    assert shown == f"contacts: only here, not stored yet: nickname of {short}, {short} added, name, 12 more\n"
    assert BOB not in shown


def test_only_the_last_merge_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    brought = [change("blocked", by="another device"), change("name", at=NOW - 900_000, by="another device")]
    shown = said(monkeypatch, brought=brought)
    assert shown == f"contacts: from another device, 1 min ago: blocked of {shorten(BOB)}\n"


def test_a_deletion_names_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    brought = [change("removed", None, by="another device")]
    assert "an entry removed" in said(monkeypatch, brought=brought)


def test_names_of_others_are_shown_and_not_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    brought = [change("unknown field \x1b[2J", "http://x.org/\x1b[2J", by="another device")]
    assert "\x1b" not in said(monkeypatch, brought=brought)


def test_what_the_network_has_forgotten_and_what_was_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = said(
        monkeypatch,
        pending=True,
        forgotten=NOW,
        changes_lost=NOW,
        incomplete=3,
        given_up=[change("nickname")],
        set_aside={"config.zstd": 2, "config.bt": 1},
    )
    assert "the network had forgotten it on" in shown
    assert "stored again from here" in shown
    assert "without a change of its own" not in shown
    assert f"given up: nickname of {shorten(BOB)}" in shown
    assert "3 parts here of a document whose other parts have not come" in shown
    assert "3 items set aside (synchronised data could not be read)" in shown


def test_a_long_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = said(monkeypatch, away={"since": NOW - 20 * 86_400_000, "until": NOW})
    assert "This device was away from" in shown
    assert "did not come here" in shown


def test_a_merge_without_changes_of_this_device(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "without a change of its own" in said(monkeypatch, pending=True)
