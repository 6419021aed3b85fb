"""Groups by commands, over a lab of real nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.cli.harness import Terminal
from tests.cli.people import Lab, Person
from veery.protocol.fingerprint import fingerprint_of

pytestmark = [pytest.mark.network, pytest.mark.timeout(300), pytest.mark.xdist_group("cli-lab-groups")]


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
    assert (
        "veery: No member of the group is called `Nobody`." in alice.veery("group", "remove", "Runners", "Nobody").err
    )
    assert alice.good("group", "leave", "Runners").err == "You have left the group.\n"
    assert alice.good("group", "list", "--json").records == []
    bob.good("receive")
    assert alice.id not in statuses(bob.good("group", "show", "Runners", "--json").record)
    assert bob.veery("group", "destroy", "Runners", "--json").error["kind"] == "cli.no_terminal"
    done = bob.good("group", "destroy", "Runners", "--yes", "--json").record
    assert (done["state"], done["pending"]) == ("destroyed", False)


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


def on_a_terminal(lab: Lab, person: Person, said: str, *args: str) -> tuple[str, int]:
    """What is shown when a person answers the one question of a command; and its exit code."""
    terminal = Terminal(lab.home, "--profile", person.profile, *args)
    terminal.read_until("[y/N] ")
    terminal.type(said)
    code = terminal.finish()
    return terminal.shown, code


def test_what_ends_for_everybody_is_asked_first(lab: Lab) -> None:
    alice = Person(lab, "a-asked", "Alice")
    alice.good("group", "create", "Writers")
    alice.good("send", "Writers", "a page")
    for verb in ("clear", "destroy"):
        refused = alice.veery("group", verb, "Writers")
        assert (refused.code, "Say it with --yes" in refused.err) == (1, True)
    shown, code = on_a_terminal(lab, alice, "n", "group", "clear", "Writers")
    assert "Delete all messages of Writers for everybody?" in shown
    assert (code, "Nothing is changed." in shown) == (1, True)
    assert [each["text"] for each in alice.good("messages", "Writers", "--json").records] == ["a page"]
    shown, code = on_a_terminal(lab, alice, "y", "group", "clear", "Writers")
    assert code == 0
    assert alice.good("messages", "Writers", "--json").records == []
    # The last admin: without a terminal it is refused with a way out, with one it is asked.
    assert alice.veery("group", "leave", "Writers", "--json").error["kind"] == "client.group.last_admin"
    shown, code = on_a_terminal(lab, alice, "", "group", "leave", "Writers")
    assert "You are the last admin of Writers: without you it ends." in shown
    assert (code, len(alice.good("group", "list", "--json").records)) == (1, 1)
    shown, code = on_a_terminal(lab, alice, "yes", "group", "destroy", "Writers")
    assert (code, "The group is deleted for everybody." in shown) == (0, True)
    assert alice.good("group", "list", "--json").records == []
    alice.good("group", "create", "Again")
    assert alice.good("group", "leave", "Again", "--yes", "--json").record["state"] == "destroyed"


def test_invitations_that_cannot_be_taken_up_say_why(lab: Lab) -> None:
    alice, bob = Person(lab, "a-taken", "Alice"), Person(lab, "b-taken", "Bob")
    alice.good("group", "create", "Singers", bob.id)
    bob.good("receive")
    early = bob.veery("send", "Singers", "hello?")
    assert early.code == 1
    assert "Take it up with `veery group accept`" in early.err
    bob.good("group", "accept", "Singers")
    again = bob.veery("group", "accept", "Singers", "--json")
    assert (again.code, again.error["kind"]) == (1, "client.group.accepted")
    alice.good("receive")
    alice.good("group", "remove", "Singers", "Bob")
    bob.good("receive")
    for verb in ("accept", "decline"):
        kicked = bob.veery("group", verb, "Singers", "--json")
        assert (kicked.code, kicked.error["kind"]) == (1, "client.group.kicked")
    alice.good("group", "create", "Dancers", bob.id)
    bob.good("receive")
    bob.good("group", "accept", "Dancers")
    alice.good("group", "destroy", "Dancers", "--yes")
    bob.good("receive")
    gone = bob.veery("group", "accept", "Dancers")
    assert (gone.code, gone.err.startswith("veery: The group was deleted")) == (1, True)
    assert bob.good("group", "leave", "Dancers", "--json").record["state"] == "left"
    unknown = bob.veery("send", "Nobodies", "hello", "--json")
    assert unknown.error["message"] == "no contact or group is called `Nobodies`"
    assert bob.veery("group", "show", "Nobodies", "--json").error["message"] == "no group is called `Nobodies`"


def test_a_group_shows_who_is_what_in_it(lab: Lab) -> None:
    alice, bob = Person(lab, "a-shown", "Alice"), Person(lab, "b-shown", "Bob")
    made = alice.good("group", "create", "Painters", bob.id).out
    assert "you   admin, since 20" in made
    bob.good("receive")
    shown = bob.good("group", "accept", "Painters").out
    assert "you   member, since 20" in shown
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line.endswith((alice.id, bob.id))}
    assert rows["Alice"] == [*str(fingerprint_of(alice.id)).split(), "admin", "joined", alice.id]
    assert rows["Bob"][:6] == ["(you)", *str(fingerprint_of(bob.id)).split(), "member"]
    alice.good("receive")
    bob.good("send", "Painters", "one")
    bob.good("send", "Painters", "two")
    alice.good("receive")
    (listed,) = alice.good("group", "list", "--json").records
    assert (listed["unread"], listed["joined_at"] is not None) == (2, True)
    table = alice.good("group", "list").out
    assert table.splitlines()[1].split() == ["Painters", "admin", "2", "2", made.split("id")[1].split()[0]]


def test_a_picture_by_commands(lab: Lab, tmp_path: Path) -> None:
    alice, bob = Person(lab, "a-picture", "Alice"), Person(lab, "b-picture", "Bob")
    Image.new("RGB", (800, 400), "green").save(tmp_path / "hills.png")
    alice.good("group", "create", "Climbers", bob.id)
    bob.good("receive")
    bob.good("group", "accept", "Climbers")
    assert bob.veery("group", "picture", "Climbers", str(tmp_path / "hills.png"), "--json").error["kind"] == (
        "client.group.not_admin"
    )
    told = alice.good("group", "picture", "Climbers", str(tmp_path / "hills.png"))
    assert "The group shows the new picture (400 by 400 pixels" in told.err
    bob.good("receive")
    saved = bob.good("group", "picture", "Climbers", "--save", str(tmp_path / "seen.png"), "--json").record
    assert saved["path"] == str(tmp_path / "seen.png")
    with Image.open(tmp_path / "seen.png") as image:
        assert image.size == (400, 400)
    removed = alice.good("group", "picture", "Climbers", "--remove", "--json").record
    assert (removed["picture"], removed["set"], removed["pending"]) == (False, None, False)
    bob.good("receive")
    missing = bob.veery("group", "picture", "Climbers", "--save", str(tmp_path / "none.png"), "--json")
    assert (missing.code, missing.error["kind"]) == (1, "client.not_found.picture")
    assert bob.veery("group", "picture", "Climbers").code == 2


def test_without_a_network_changes_are_kept_and_said(lab: Lab, tmp_path: Path) -> None:
    alice, bob = Person(lab, "a-offline", "Alice"), Person(lab, "b-offline", "Bob")
    alice.good("group", "create", "Sailors")
    nowhere = ("--proxy", "socks5h://127.0.0.1:9")
    renamed = alice.good(*nowhere, "group", "rename", "Sailors", "Rowers")
    assert "A change is kept here, and not in the network yet." in renamed.err
    invited = alice.good(*nowhere, "group", "invite", "Rowers", bob.id, "--json").record
    assert (invited["pending"], statuses(invited)[bob.id]) == (True, "invite_sending")
    alice.good("receive")
    shown = alice.good("group", "show", "Rowers", "--json").record
    assert (shown["pending"], statuses(shown)[bob.id]) == (False, "invite_sent")
    assert "group Rowers" in bob.good("receive").out
