"""What people do with messages, by commands, over a lab of real nodes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.cli.harness import Service
from tests.cli.people import Lab, Person
from tests.cli.test_cli_talk import talk
from veery.protocol.fingerprint import fingerprint_of

pytestmark = [pytest.mark.network, pytest.mark.timeout(300), pytest.mark.xdist_group("cli-lab-messages")]


@pytest.fixture
def friends(lab: Lab, request: pytest.FixtureRequest) -> Iterator[tuple[Person, Person]]:
    """Alice and Bob, who have accepted each other, with their engines running."""
    name = request.node.name.removeprefix("test_")[:30]
    alice, bob = Person(lab, f"a-{name}", "Alice"), Person(lab, f"b-{name}", "Bob")
    run = ("app", "run")
    with Service(lab.home, "--profile", alice.profile, *run), Service(lab.home, "--profile", bob.profile, *run):
        talk(alice, bob)
        yield alice, bob


def stored(person: Person) -> None:
    """Wait until nothing of a person waits any more."""
    for _ in range(200):
        if not person.good("outbox", "--json").records:
            return
    raise AssertionError(person.good("outbox").out)


def texts(person: Person, other: str) -> list[str]:
    return [each["text"] for each in person.good("messages", other, "--json").records if each["kind"] == "text"]


def test_reactions_replies_and_mentions(friends: tuple[Person, Person]) -> None:
    alice, bob = friends
    put = bob.good("react", "1", "👍", "--json").record
    assert (put["changed"], put["reactions"]) == (True, [{"emoji": "👍", "sender": bob.id}])
    assert bob.good("react", "1", "👍").err == "It is there already.\n"
    stored(bob)
    assert f"Bob ({fingerprint_of(bob.id)}) puts 👍 on message #1\n" in alice.good("receive").out
    assert alice.good("messages", "Bob").out.splitlines()[1:3] == ["    hello", "    👍"]
    assert bob.veery("react", "1", "thumb").err == (
        "veery: This is no emoji. Give one emoji, as in `veery react 12 👍`.\n"
    )
    bob.good("react", "1", "👍", "--remove")
    stored(bob)
    alice.good("receive")
    assert alice.good("messages", "Bob", "--json").records[0]["reactions"] == []
    answered = alice.good("messages", "Bob", "--json").records[-1]["id"]
    alice.good("send", "Bob", f"as you say, @{bob.id}", "--reply", str(answered))
    lines = bob.good("receive").out.splitlines()
    assert lines[-1] == "    as you say, @You"
    shown = bob.good("messages", "Alice", "--json").records[-1]
    assert shown["quote"]["text"] == "hello back"
    assert "    > hello back" in bob.good("messages", "Alice").out.splitlines()


def test_taking_messages_back(friends: tuple[Person, Person]) -> None:
    alice, bob = friends
    number = str(alice.good("send", "Bob", "not meant for you", "--json").record["id"])
    bob.good("receive")
    assert texts(bob, "Alice")[-1] == "not meant for you"
    stored(alice)
    assert alice.good("unsend", number, "--json").record == {"id": int(number), "deleted": "everywhere"}
    stored(alice)
    bob.good("receive")
    assert bob.good("messages", "Alice").out.splitlines()[-1].endswith("(deleted)")
    assert texts(bob, "Alice") == ["hello", "hello back", ""]
    assert bob.veery("unsend", "1", "--json").error["kind"] == "client.unsend"
    (deleted,) = bob.good("delete", "1", "--json").records
    assert deleted["deleted"] == "here"
    assert bob.good("delete", "1", "2").err == "2 messages are deleted on this device.\n"
    assert texts(alice, "Bob")[0] == "hello"
    assert bob.good("clear", "Alice", "--json").record["removed"] == 2
    assert bob.good("messages", "Alice").err == "There are no messages.\n"


def test_receipts_when_both_want_them(friends: tuple[Person, Person]) -> None:
    alice, bob = friends
    assert {each["name"]: each["value"] for each in alice.good("settings", "show", "--json").records} == {
        "read-receipts": "off",
        "typing": "off",
        "link-previews": "off",
        "notify-requests": "off",
        "strangers": "requests",
        "tell-saved": "off",
        "auto-downloads": "on",
        "large-files": "off",
    }
    for person in friends:
        assert person.good("settings", "set", "read-receipts", "on", "--json").record["value"] == "on"
    bob.good("messages", "Alice", "--mark-read")
    stored(bob)
    alice.good("receive")
    assert alice.good("messages", "Bob", "--json").records[0]["state"] == "read"
    assert bob.veery("settings", "set", "strangers", "nobody", "--json").error["kind"] == "client.setting.value"
    assert bob.good("typing", "Alice", "--json").record["told"] is False
    bob.good("settings", "set", "typing", "on")
    assert bob.good("typing", "Alice", "--json").record["told"] is True


def test_disappearing_messages(friends: tuple[Person, Person]) -> None:
    alice, bob = friends
    set_ = alice.good("disappear", "Bob", "after-send", "30s", "--json").record
    assert set_["disappears"] == {"mode": "after_send", "seconds": 30}
    gone = alice.good("send", "Bob", "for half a minute", "--json").record
    bob.good("receive")
    shown = bob.good("messages", "Alice", "--json").records
    assert [each["kind"] for each in shown][-2:] == ["timer", "text"]
    own = alice.good("messages", "Bob", "--json").records[-1]
    assert abs(shown[-1]["expires"] - own["expires"]) < 2_000
    assert own["expires"] - gone["sent_at"] < 45_000
    assert bob.good("disappear", "Alice", "follow").err.endswith("disappears 30 s after it was sent.\n")
    bob.good("disappear", "Alice", "off")
    stored(bob)
    wait_gone(alice, "Bob", gone["id"])
    assert "for half a minute" not in texts(bob, "Alice")
    assert alice.veery("disappear", "Bob", "off", "1d").code == 2
    assert alice.veery("disappear", alice.id, "after-read", "1h", "--json").error["kind"] == "client.timer.mode"


def wait_gone(person: Person, other: str, number: int) -> None:
    until = time.monotonic() + 60  # the message has half of that
    while time.monotonic() < until:
        if number not in [each["id"] for each in person.good("messages", other, "--json").records]:
            return
    raise AssertionError("the message does not disappear")


def test_places_and_notifications(friends: tuple[Person, Person]) -> None:
    alice, bob = friends
    assert alice.good("conversation", "pin", "Bob", "--json").record["pinned"] is True
    assert (
        alice.good("conversation", "mute", "Bob").err == f"Messages of Bob ({fingerprint_of(bob.id)}) do not notify.\n"
    )
    assert "Bob (pinned, muted)" in alice.good("conversations").out
    bob.good("send", "Alice", "quietly")
    (event,) = [each for each in alice.good("receive", "--json").records if each["event"] == "message"]
    assert event["notify"] is False
    alice.good("conversation", "unmute", "Bob")
    alice.good("conversation", "unpin", "Bob")
    bob.good("send", "Alice", "loudly")
    (event,) = [each for each in alice.good("receive", "--json").records if each["event"] == "message"]
    assert event["notify"] is True
    assert alice.good("conversation", "remove", "Bob", "--json").record["hidden"] is True
    assert alice.good("conversations", "--json").records == []
    assert alice.good("contact", "remove", bob.id, "--json").record["forgotten"] is True
    assert alice.good("conversations", "--hidden", "--json").records == []
    alice.good("settings", "set", "strangers", "contacts")
    bob.good("send", "Alice", "who are you?")
    assert alice.good("receive").out == ""
