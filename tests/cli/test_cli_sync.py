"""Two devices of one account by commands alone: what one changes, the other shows."""

from __future__ import annotations

import pytest

from tests.cli.people import Lab, Person, Restored
from veery.secret import shorten

pytestmark = [pytest.mark.network, pytest.mark.timeout(300), pytest.mark.xdist_group("cli-lab")]


def test_two_devices_by_commands(lab: Lab) -> None:
    alice, bob = Person(lab, "alice", "Alice"), Person(lab, "bob", "Bob")
    alice.good("send", bob.id, "hello")
    alice.good("contact", "nickname", bob.id, "Bobby")
    alice.good("conversation", "pin", bob.id)
    alice.good("sync", "now")
    rows = {each["document"]: each for each in alice.good("sync", "status", "--json").records}
    assert set(rows) == {"profile", "contacts", "read_positions", "groups"}
    assert rows["contacts"]["state"] == "clean"
    assert not rows["contacts"]["pending"]
    assert rows["contacts"]["pushed"]

    other = Restored(lab, "alice-2", alice)
    other.good("sync", "now")
    assert other.good("account", "show", "--json").record["name"] == "Alice"
    (held,) = [each for each in other.good("conversations", "--json").records if each["id"] == bob.id]
    assert (held["nickname"], held["pinned"]) == ("Bobby", True)

    other.good("contact", "block", bob.id)
    other.good("profile", "set-name", "Alice II")
    assert other.good("conversation", "unread", bob.id, "--json").record["marked_unread"]
    alice.good("sync", "now")
    (held,) = [each for each in alice.good("conversations", "--json").records if each["id"] == bob.id]
    assert held["blocked"]
    assert held["marked_unread"]
    assert "marked" in alice.good("conversations").out
    alice.good("messages", bob.id, "--mark-read")
    (held,) = [each for each in alice.good("conversations", "--json").records if each["id"] == bob.id]
    assert not held["marked_unread"]
    assert alice.good("account", "show", "--json").record["name"] == "Alice II"

    rows = {each["document"]: each for each in alice.good("sync", "status", "--json").records}
    brought = [(each["subject"], each["field"], each["by"]) for each in rows["contacts"]["brought"]]
    assert (bob.id, "blocked", "another device") in brought
    assert rows["contacts"]["waiting"] == []
    told = alice.good("sync", "status")
    assert f"contacts: from another device, just now: blocked of {shorten(bob.id)}" in told.out + told.err
    assert bob.id not in told.out + told.err


def test_the_documents_of_groups_are_shown(lab: Lab) -> None:
    dora = Person(lab, "dora", "Dora")
    group = dora.good("group", "create", "Walkers", "--json").record["id"]
    dora.good("sync", "now")
    rows = [each for each in dora.good("sync", "status", "--json").records if each.get("group")]
    assert {(each["group"], each["group_name"], each["document"], each["state"]) for each in rows} == {
        (group, "Walkers", "group_info", "clean"),
        (group, "Walkers", "group_members", "clean"),
    }
    shown = dora.good("sync", "status").out
    assert "Walkers: name and settings" in shown
    assert "Walkers: members" in shown


def test_status_for_people(lab: Lab) -> None:
    carol = Person(lab, "carol", "Carol")
    shown = carol.good("sync", "now").out.splitlines()
    assert shown[0].split() == ["WHAT", "NUMBER", "STATE", "STORED", "MERGED", "SET", "ASIDE"]
    assert [line.split("  ")[0] for line in shown[1:]] == ["profile", "contacts", "read positions", "groups"]
    assert shown[1].split()[1:3] == ["1", "stored"]
