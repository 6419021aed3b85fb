"""Groups by commands, over a lab of real nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.harness import Home
from tests.cli.test_cli_talk import Lab, Person

pytestmark = [pytest.mark.network, pytest.mark.timeout(300), pytest.mark.xdist_group("cli-lab-groups")]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab for all tests of this file."""
    running = Lab(Home(tmp_path_factory.mktemp("lab")))
    try:
        yield running
    finally:
        assert running.close() == 0


def statuses(group: Any) -> dict[str, str]:
    return {each["id"]: each["status"] for each in group["list"]}


def test_a_group_by_commands(lab: Lab) -> None:
    alice, bob = Person(lab, "a-group", "Alice"), Person(lab, "b-group", "Bob")
    assert alice.good("group", "list").err == "There are no groups yet. Make one with `veery group create`.\n"
    made = alice.good("group", "create", "Walkers", bob.id, "--description", "On Sundays", "--json").record
    assert (made["name"], made["description"], made["admin"], made["members"]) == ("Walkers", "On Sundays", True, 2)
    assert statuses(made) == {alice.id: "promotion_accepted", bob.id: "invite_sent"}
    assert "invites you; answer with `veery group accept`" in bob.good("receive").out
    (offered,) = bob.good("group", "list", "--json").records
    assert (offered["id"], offered["state"]) == (made["id"], "invited")
    joined = bob.good("group", "accept", "Walkers", "--json").record
    assert joined["state"] == "joined"
    alice.good("receive")
    shown = alice.good("group", "show", made["id"][:10])
    assert "On Sundays" in shown.out and "joined" in shown.out
    sent = bob.good("send", "Walkers", "hello all", "--json").record
    assert (sent["conversation"], sent["state"]) == (made["id"], "stored")
    came = [each for each in alice.good("receive", "--json").records if each["event"] == "message"]
    assert [(each["text"], each["sender"], each["conversation"]) for each in came] == [
        ("hello all", bob.id, made["id"])
    ]
    assert made["id"] in [each["id"] for each in alice.good("conversations", "--json").records]
    assert [each["text"] for each in alice.good("messages", "Walkers", "--json").records if each["kind"] == "text"] == [
        "hello all"
    ]
    by_id = alice.good("messages", made["id"], "--json").records
    assert (
        by_id
        == alice.good("messages", made["id"][:10], "--json").records
        == alice.good("messages", "Walkers", "--json").records
    )
    assert bob.veery("group", "rename", "Walkers", "Mine").err.startswith("veery: Only admins of the group may do")
    assert alice.good("group", "rename", "Walkers", "Runners", "--json").record["name"] == "Runners"
    promoted = alice.good("group", "promote", "Runners", bob.id, "--json").record
    assert statuses(promoted)[bob.id] == "promotion_sent"
    bob.good("receive")
    assert bob.good("group", "describe", "Runners", "", "--json").record["description"] == ""
    alice.good("receive")
    assert statuses(alice.good("group", "show", "Runners", "--json").record)[bob.id] == "promotion_accepted"
    assert alice.veery("group", "remove", "Runners", bob.id).err.startswith("veery: An admin cannot be removed")
    assert alice.good("group", "leave", "Runners").err == "You have left the group.\n"
    assert alice.good("group", "list", "--json").records == []
    bob.good("receive")
    assert alice.id not in statuses(bob.good("group", "show", "Runners", "--json").record)
    assert bob.good("group", "destroy", "Runners", "--json").record["state"] == "destroyed"


def test_declining_resending_and_removing_by_commands(lab: Lab) -> None:
    alice, bob = Person(lab, "a-decline", "Alice"), Person(lab, "b-decline", "Bob")
    made = alice.good("group", "create", "Readers", "--json").record
    assert statuses(alice.good("group", "invite", "Readers", bob.id, "--json").record)[bob.id] == "invite_sent"
    bob.good("receive")
    assert bob.good("group", "decline", "Readers").err == "The invitation is gone; nothing was sent.\n"
    assert bob.good("group", "list", "--json").records == []
    assert statuses(alice.good("group", "resend", "Readers", bob.id, "--json").record)[bob.id] == "invite_sent"
    bob.good("receive")
    bob.good("group", "accept", made["id"])
    alice.good("receive")
    removed = alice.good("group", "remove", "Readers", bob.id, "--messages", "--json").record
    assert statuses(removed) == {alice.id: "promotion_accepted"}
    assert "you were removed" in bob.good("receive").out
    assert bob.veery("send", "Readers", "hello?").err.startswith("veery: You were removed from the group.")
    assert bob.veery("group", "show", "Nobody", "--json").error["kind"] == "client.not_found.group"


def test_admins_let_messages_of_a_group_disappear(lab: Lab) -> None:
    alice = Person(lab, "a-timer", "Alice")
    alice.good("group", "create", "Diary")
    alice.good("disappear", "Diary", "after-send", "12h")
    assert alice.good("group", "show", "Diary", "--json").record["disappears_s"] == 43_200
    assert alice.good("send", "Diary", "for a while", "--json").record["state"] == "stored"
    (shown,) = [each for each in alice.good("messages", "Diary", "--json").records if each["kind"] == "text"]
    assert shown["disappears"] == {"mode": "after_send", "seconds": 43_200}
    assert (shown["sender_name"], shown["expires"] is not None) == ("Alice", True)
