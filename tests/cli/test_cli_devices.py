"""`veery device` where there is no network, and what its lines look like."""

from __future__ import annotations

from argparse import Namespace
from io import StringIO
from typing import Any

import pytest

from tests.cli.harness import Home
from veery.cli import device_link
from veery.cli.asking import agreed
from veery.cli.command import Exit
from veery.cli.console import Console
from veery.cli.device_shown import device_named, device_row, group_row, request_lines, standing_lines
from veery.cli.shown import event_lines
from veery.cli.unlock import NoTerminal

NOW = 1_777_000_000_000
REQUEST: dict[str, Any] = {
    "id": "1f2e3d4c" + "00" * 28,
    "name": "phone\x1b[2J",
    "replaces": False,
    "expires_at": NOW + 120_000,
    "emoji": "🐶 🐱 🦁 🐎 🦄 🐷 🐘",
    "emoji_names": ["Dog", "Cat", "Lion", "Horse", "Unicorn", "Pig", "Elephant"],
}
STATE: dict[str, Any] = {
    "membership": "in_group",
    "devices": [],
    "requests": [REQUEST],
    "publishing": {"allowed": True, "warning": None},
}


@pytest.fixture
def account(home: Home) -> Home:
    done = home.veery("account", "create", "--network", str(home.network()), "--no-passphrase")
    assert done.code == 0, done.err
    return home


def test_without_a_network_the_list_shows_what_is_known(account: Home) -> None:
    told = account.veery("device", "list", "--json").record
    assert told["membership"] == "unknown"
    (device,) = told["devices"]
    assert device["own"] and device["linked"]
    assert told["keys"]["active"] is not None
    assert not told["publishing"]["published"]
    shown = account.veery("device", "list")
    assert device["id"][:8] in shown.out
    assert "(this device)" in shown.out
    assert "could not be asked" in shown.err


def test_a_new_name_is_kept_until_the_network_can_be_told(account: Home) -> None:
    told = account.veery("device", "rename", "Old laptop", "--json").record
    assert not told["told"]
    assert account.veery("device", "list", "--json").record["devices"][0]["name"] == "Old laptop"
    assert account.veery("device", "rename", "").err.startswith("This device has no name now.")


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (("device", "approve", "1f2e3d4c", "--yes"), "cli.no_device"),
        (("device", "ignore", "1f2e3d4c"), "client.not_found.device"),
        (("device", "confirm"), "client.not_found"),
        (("device", "confirm", "--yes"), "client.not_found"),
        (("device", "publish"), "cli.no_terminal"),
        (("device", "leave"), "cli.no_terminal"),
    ],
)
def test_what_cannot_be_done_says_why(account: Home, line: tuple[str, ...], kind: str) -> None:
    done = account.veery(*line, "--json")
    assert done.code == 1
    assert done.error["kind"] == kind
    assert done.error["remedy"]


@pytest.mark.parametrize(("yes", "says"), [(False, True), (False, False), (True, False)])
def test_confirming_asks_on_a_terminal(monkeypatch: pytest.MonkeyPatch, *, yes: bool, says: bool) -> None:
    asked: list[str] = []
    done: list[str] = []

    def agreed(_console: Console, question: str, **_: bool) -> bool:
        asked.append(question)
        return says

    def answer(_options: Namespace, _console: Console, method: str) -> dict[str, str]:
        done.append(method)
        return {"membership": "in_group"}

    monkeypatch.setattr(device_link, "can_ask", lambda _console: True)
    monkeypatch.setattr(device_link, "known", lambda _options, _console: {"own_request": REQUEST})
    monkeypatch.setattr(device_link, "agreed", agreed)
    monkeypatch.setattr(device_link, "answer", answer)
    out = StringIO()
    code = device_link.confirm(Namespace(yes=yes), Console(out=out, err=StringIO()))
    assert (len(asked), REQUEST["emoji"] in out.getvalue()) == ((0, False) if yes else (1, True))
    assert (done, code) == ((["device_confirm"], Exit.DONE) if yes or says else ([], Exit.FAILED))


def test_usage(home: Home) -> None:
    assert home.veery("device", "link", "--wait", "-1").code == 2
    assert home.veery("device", "link", "--new", "--group", "00").code == 2
    assert home.veery("device").code == 2
    assert home.veery("device", "approve").code == 2


def test_nothing_is_agreed_to_without_a_person_or_a_flag() -> None:
    for as_json in (True, False):
        console = Console(as_json=as_json, out=StringIO(), err=StringIO())
        with pytest.raises(NoTerminal):
            agreed(console, "Sure?", yes=False)
        assert agreed(console, "Sure?", yes=True)
        with pytest.raises(NoTerminal) as refused:
            agreed(console, "This group?", yes=False, option="--group 19a6")
        assert refused.value.remedy == "Say it with --group 19a6"


def test_a_request_shows_its_emoji_and_what_to_run() -> None:
    lines = request_lines(REQUEST, NOW)
    assert "\x1b" not in "".join(lines)
    assert REQUEST["emoji"] in lines[1]
    assert "Dog, Cat, Lion, Horse, Unicorn, Pig, Elephant" in lines[2]
    assert "veery device approve 1f2e3d4c" in lines[3]
    assert "replace" in request_lines({**REQUEST, "replaces": True}, NOW)[0]
    assert device_named(STATE, REQUEST["id"]).endswith("(1f2e3d4c)")
    assert device_named(STATE, "ab" * 32) == "abababab"


def test_rows() -> None:
    device = {"id": "ab" * 32, "own": True, "name": "", "platform": "c", "version": "0.1.0", "changed_at": NOW}
    assert device_row(device, NOW)[:4] == ("abababab", "(no name) (this device)", "command line", "0.1.0")
    group = {"id": "00" * 8, "created_at": NOW, "emoji": "🐶 🐱 🦁 🐎", "newest_at": NOW}
    assert group_row(group, NOW)[2] == "🐶 🐱 🦁 🐎"


@pytest.mark.parametrize("membership", ["cut_off", "displaced"])
def test_what_may_be_an_attack_is_a_warning(membership: str) -> None:
    assert standing_lines({**STATE, "membership": membership})[0].startswith("Warning")


def test_warnings_and_what_is_not_published_are_told() -> None:
    foreign = standing_lines({**STATE, "publishing": {"allowed": True, "warning": "foreign"}})
    assert any("intercepting" in line for line in foreign)
    quiet = standing_lines({**STATE, "publishing": {"allowed": False, "warning": None}})
    assert any("veery device publish" in line for line in quiet)


def test_events_of_devices_are_shown_by_receive() -> None:
    event = {"event": "device", "change": "linked", "text": "The device x\x1b was linked"}
    (line,) = event_lines(event, {})
    assert "was linked" in line and "\x1b" not in line
