"""A profile moves to another machine by commands alone, and what a device says that has come back by its words."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.harness import Home
from tests.cli.people import Lab, Person, Restored

pytestmark = [pytest.mark.network, pytest.mark.timeout(300), pytest.mark.xdist_group("cli-lab")]


def test_a_profile_moves_over_the_file_server(lab: Lab, tmp_path: Path) -> None:
    alice, bob, other = Person(lab, "alice", "Alice"), Person(lab, "bob", "Bob"), Home(tmp_path)
    alice.good("send", bob.id, "to take along")
    home = lab.home
    command = home.command("--profile", "alice", "transfer", "send", "--via", "server", "--json")
    with subprocess.Popen(command, env=home.environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"event": "packing"}
        offered = json.loads(process.stdout.readline())
        assert (offered["event"], offered["resumed"]) == ("offered", False)
        args = ("transfer", "receive", offered["code"], "--network", lab.network_file, "--no-passphrase", "--json")
        came = other.veery(*args)
        assert came.code == 0, came.err
        assert came.record == {"profile": "default", "messages": 1, "files": 0, "linked": False}
        rest = [json.loads(line) for line in process.stdout]
        assert rest[-1] == {"event": "arrived"}
        assert {"event": "moved", "done": offered["bytes"], "total": offered["bytes"]} in rest
        assert process.wait(20) == 0
    assert other.veery("account", "show", "--json").record["account_id"] == alice.id
    (told,) = other.veery("messages", bob.id, "--json").records
    assert told["text"] == "to take along"


def test_what_no_key_opens_is_told_in_one_line(lab: Lab) -> None:
    carol, dave = Person(lab, "carol", "Carol"), Person(lab, "dave", "Dave")
    carol.good("device", "publish", "--yes")
    for number in range(3):
        dave.good("send", carol.id, f"sealed {number}")
    restored = Restored(lab, "carol-2", carol)
    told = restored.good("receive")
    said = "3 messages could not be decrypted: no key of this device opens them. They are kept, and read once"
    assert [line for line in told.out.splitlines() if "decrypted" in line] == [
        f"{said} this device is linked to one of your others that is older: run `veery device link`."
        " Without such a device they stay closed."
    ]
    again = Restored(lab, "carol-3", carol)
    events = [each for each in again.good("receive", "--json").records if each["event"] == "unreadable"]
    assert len(events) == 3
