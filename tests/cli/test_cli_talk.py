"""Two people talk by commands, over a lab of real nodes."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.harness import Home, Service
from tests.cli.people import NODES, Lab, Person
from veery.cli.text import now_ms
from veery.policy.downgrade import ContactKeys
from veery.protocol.account import Account
from veery.protocol.devices import HybridKeys, account_record
from veery.protocol.fingerprint import fingerprint_of
from veery.runtime.randomness import random_bytes
from veery.secret import Secret
from veery.store.contact_keys import ContactSecurity
from veery.store.database import Store
from veery.store.keys import KEY_NAME, KeyFile

pytestmark = [pytest.mark.network, pytest.mark.timeout(300), pytest.mark.xdist_group("cli-lab")]


@pytest.fixture
def pair(lab: Lab, request: pytest.FixtureRequest) -> tuple[Person, Person]:
    """Alice and Bob, new ones for each test."""
    name = request.node.name.removeprefix("test_")[:40]
    return Person(lab, f"a-{name}", "Alice"), Person(lab, f"b-{name}", "Bob")


@pytest.fixture
def running_pair(pair: tuple[Person, Person], lab: Lab) -> Iterator[tuple[Person, Person]]:
    """Alice and Bob, with their engines running."""
    alice, bob = pair
    run = ("app", "run")
    with Service(lab.home, "--profile", alice.profile, *run), Service(lab.home, "--profile", bob.profile, *run):
        yield pair


def talk(one: Person, other: Person) -> None:
    """Let two people accept each other."""
    one.good("send", other.id, "hello")
    other.good("receive")
    other.good("send", one.id, "hello back")
    one.good("receive")


def test_a_message_each_way(pair: tuple[Person, Person]) -> None:
    alice, bob = pair
    sent = alice.good("send", bob.id, "Good morning, Bob", "--json").record
    assert set(sent) == {
        "id",
        "conversation",
        "hash",
        "state",
        "stored_on",
        "swarm_size",
        "protocol",
        "sent_at",
    }
    assert sent["protocol"] == "v1"
    assert 1 <= sent["stored_on"] <= sent["swarm_size"] <= NODES
    assert len(sent["hash"]) == 43
    came = [each for each in bob.good("receive", "--json").records if each["event"] == "message"]
    (message,) = came
    assert message["text"] == "Good morning, Bob"
    assert message["sender"] == message["conversation"] == alice.id
    assert message["sent_at"] == sent["sent_at"]
    assert message["hash"] == sent["hash"]
    assert message["protocol"] == "v1"
    assert message["attachments"] == []
    assert message["expires"] is None
    again = bob.good("receive")
    assert (again.out, again.err) == ("", "Nothing new.\n")
    replied = bob.good("send", "Alice", "-", typed="line one\nline two\n")
    assert replied.out.startswith("#2 stored on ")
    waited = alice.good("receive", "--wait", "30")
    assert waited.out.splitlines()[-2:] == ["    line one", "    line two"]
    assert alice.good("status", "--json").record["running"] is False
    nothing = alice.veery("receive", "--wait", "0.5")
    assert (nothing.code, nothing.out, nothing.err) == (3, "", "No message came within 0.5 s.\n")


def test_requests(running_pair: tuple[Person, Person]) -> None:
    alice, bob = running_pair
    alice.good("send", bob.id, "may I?")
    assert re.search(r" \(message request\) \[v[12]\]\n    may I\?\n", bob.good("receive").out)
    (request,) = bob.good("requests", "--json").records
    assert request["id"] == alice.id
    assert request["request"] is True
    assert bob.good("conversations", "--json").records == []
    accepted = bob.good("requests", "accept", alice.id[:10])
    assert accepted.err == f"Alice ({fingerprint_of(alice.id)}) is accepted. Write with `veery send`.\n"
    assert bob.good("requests").err == "Nobody asks.\n"
    assert [each["id"] for each in bob.good("conversations", "--json").records] == [alice.id]
    events = alice.good("receive", "--json").records
    assert "accepted" in [each.get("change") for each in events]


def test_declining_and_blocking(running_pair: tuple[Person, Person]) -> None:
    alice, bob = running_pair
    alice.good("send", bob.id, "one")
    bob.good("receive")
    bob.good("requests", "decline", alice.id)
    assert bob.good("requests", "--json").records == []
    bob.good("contact", "block", alice.id)
    alice.good("send", bob.id, "two")
    assert bob.good("receive").out == ""
    assert bob.veery("send", alice.id, "x").err == "veery: The contact is blocked. Unblock the contact first.\n"
    assert bob.good("contact", "unblock", alice.id, "--json").record["blocked"] is False
    bob.good("contact", "nickname", alice.id, "Alice from work")
    named = bob.good("conversations", "--hidden", "--json").records
    assert [each["title"] for each in named] == ["Alice from work"]


def test_reading_is_the_same_with_and_without_an_engine(pair: tuple[Person, Person], lab: Lab) -> None:
    alice, bob = pair
    talk(alice, bob)
    bob.good("send", alice.id, "unread")
    alice.good("receive")
    questions = [
        ("conversations", "--json"),
        ("conversations", "--json", "--hidden"),
        ("messages", "Bob", "--json"),
        ("messages", bob.id[:8], "--json", "--limit", "1"),
        ("messages", "Bob", "--json", "--before", "2"),
        ("requests", "--json"),
        ("profile", "show", "--json"),
        ("account", "show", "--json"),
        ("messages", "Nobody", "--json"),
        ("messages", f"05{'ab' * 32}", "--json"),
        ("messages", "Bob", "--json", "--before", "99"),
    ]
    alone = [alice.veery(*each) for each in questions]
    with Service(lab.home, "--profile", alice.profile, "app", "run") as app:
        assert app.told["account_id"] == alice.id
        assert [alice.veery(*each) for each in questions] == alone
        assert alice.veery("app", "run").err == (
            f"veery: The engine of the profile `{alice.profile}` runs already."
            " Commands of this profile use it; there is nothing to start.\n"
        )
        assert alice.good("send", "Bob", "through the engine", "--json").record["stored_on"] >= 1
        assert alice.good("status", "--json").record["running"] is True
        other = alice.veery("--proxy", "socks5://127.0.0.1:9", "send", "Bob", "x", "--json")
        assert other.error["kind"] == "cli.other_proxy"
        assert app.stop() == 0
    assert alone[0].records[0]["unread"] >= 2
    assert [each["text"] for each in alone[2].records if each["kind"] == "text"] == ["hello", "hello back", "unread"]
    assert bob.good("receive").out.endswith("    through the engine\n")


def test_messages_as_a_person_reads_them(running_pair: tuple[Person, Person]) -> None:
    alice, bob = running_pair
    talk(alice, bob)
    lines = alice.good("messages", "Bob").out.splitlines()
    assert lines[0].startswith("#1 ")
    assert " you (stored on " in lines[0]
    assert lines[1] == "    hello"
    line, _, level = lines[-2].rpartition(" ")
    assert line.endswith(f" Bob ({fingerprint_of(bob.id)})")
    assert level in ("[v1]", "[v2]")  # new accounts speak v2 once both have published their keys
    assert lines[-1] == "    hello back"
    alice.good("messages", "Bob", "--mark-read")
    assert alice.good("conversations", "--json").records[0]["unread"] == 0
    assert alice.good("conversations").err == ""


def test_following_goes_on_when_the_engine_ends(pair: tuple[Person, Person], lab: Lab) -> None:
    alice, bob = pair
    talk(alice, bob)
    app = Service(lab.home, "--profile", alice.profile, "app", "run")
    follow = Follower(lab.home, alice)
    bob.good("send", alice.id, "while it runs")
    assert follow.next_text() == "while it runs"
    assert app.stop() == 0
    bob.good("send", alice.id, "after it ended")
    assert follow.next_text() == "after it ended"
    follow.stop()
    assert not [each for each in alice.good("receive", "--json").records if each["event"] == "message"]


class Follower:
    """`receive --follow --json`."""

    def __init__(self, home: Home, person: Person) -> None:
        self._process = subprocess.Popen(
            home.command("--profile", person.profile, "receive", "--follow", "--json"),
            stdout=subprocess.PIPE,
            env=home.environment(),
            start_new_session=True,
        )

    def next_text(self) -> str:
        """The text of the next message."""
        assert self._process.stdout is not None
        while True:
            event = json.loads(self._process.stdout.readline())
            if event["event"] == "message":
                return str(event["text"])

    def stop(self) -> None:
        """End it as a supervisor does."""
        self._process.terminate()
        self._process.communicate(timeout=60)
        assert self._process.returncode == 143


def test_path_doctor_status(running_pair: tuple[Person, Person]) -> None:
    alice, _ = running_pair
    path = alice.good("path", "--json").record
    ready = [each for each in path["paths"] if each["state"] == "ready"]
    assert ready
    assert all(len(each["hops"]) == 3 for each in ready)
    assert len({hop["ed25519"] for hop in ready[0]["hops"]}) == 3
    assert alice.good("path", "--new").out.startswith("STATE  AGE  FAILURES  HOPS\nready  ")
    doctor = alice.good("doctor")
    steps = [line.split()[1] for line in doctor.out.splitlines()]
    assert steps.count("clock") == 1
    assert [step for step in steps if step != "clock"] == [
        "versions",
        "database",
        "seeds",
        "node",
        "guard",
        "path",
        "swarm",
        "store",
        "retrieve",
        "delete",
    ]
    assert alice.id not in doctor.out
    assert "127.0.0.1" not in doctor.out
    assert all(each["ok"] for each in alice.good("doctor", "--json").records)
    status = alice.good("status", "--json").record
    assert status["account_id"] == alice.id
    assert status["running"] is True


def test_names_and_strangers(pair: tuple[Person, Person]) -> None:
    alice, _ = pair
    assert alice.good("profile", "set-name", "Alice B.", "--json").record["name"] == "Alice B."
    assert alice.good("profile", "show").out == f"Account ID  {alice.id}\nName        Alice B.\n"
    unknown = alice.veery("send", "Nobody", "x", "--json")
    assert unknown.code == 1
    assert unknown.error["kind"] == "client.not_found"
    bad = alice.veery("send", f"15{'ab' * 32}", "x")
    assert bad.err.startswith("veery: This is a blinded ID: it is valid in one community only.")
    assert alice.veery("send", alice.id, " ").err == "veery: The text is empty. Write something.\n"
    long = alice.veery("send", alice.id, "-", "--json", typed="x" * 2_001)
    assert long.error["kind"] == "client.text.too_long"
    assert alice.good("conversations", "--json").records == []


def test_how_well_a_conversation_is_protected(running_pair: tuple[Person, Person]) -> None:
    alice, bob = running_pair
    talk(alice, bob)
    talk(alice, bob)
    shown = alice.good("contact", "security", "Bob", "--json").record
    assert shown["conversation"] == bob.id
    assert (shown["protocol"], shown["next"]["protocol"], shown["next"]["mark"]) == ("v2", "v2", "none")
    assert shown["first_seen_at"] <= shown["last_seen_at"]
    assert shown["record"] == bob.good("contact", "security", "Alice", "--json").record["own_record"]
    assert (shown["echo"], shown["require_v2"], shown["waiting"]) == ("confirmed", False, 0)
    assert alice.good("contact", "security", "Bob", "--require-v2", "--json").record["require_v2"] is True
    lines = alice.good("contact", "security", "Bob").out
    assert f"Bob ({fingerprint_of(bob.id)})" in lines
    assert "you require v2   yes" in lines
    assert shown["record"]["fingerprint"] in lines
    assert alice.good("contact", "security", "Bob", "--no-require-v2", "--json").record["require_v2"] is False
    assert alice.veery("contact", "security", alice.id, "--json").error["kind"] == "client.self"
    assert alice.good("messages", "Bob", "--json").records[-1]["protocol"] == "v2"


def test_what_waits_for_keys_can_be_sent_anyway(lab: Lab) -> None:
    person = Person(lab, "waiting", "Wanda")
    contact = asyncio.run(remember_somebody(lab.home.path / "data" / "profiles" / "waiting"))
    refused = person.veery("send", contact, "hello", "--json")
    assert refused.error["kind"] == "client.keys.waiting"
    assert "veery outbox send-anyway 2" in person.veery("send", contact, "hello").err
    waiting = [each for each in person.good("outbox", "--json").records if each["role"] == "recipient"]
    assert [(each["message"], each["state"], each["reason"]) for each in waiting] == [
        (1, "waiting for keys", "client.keys.waiting"),
        (2, "waiting for keys", "client.keys.waiting"),
    ]
    assert waiting[0]["waiting_since"] > 0
    assert "waiting for keys since" in person.good("outbox").out
    assert "(waiting for keys)" in person.good("messages", contact).out
    assert person.good("contact", "security", contact, "--json").record["next"]["reason"] == "client.keys.waiting"
    assert person.good("outbox", "send-anyway", "1").err == "Message #1 goes out with long-term keys, this once.\n"
    assert person.veery("outbox", "send-anyway", "1", "--json").error["kind"] == "client.keys.not_waiting"
    assert "[v2-fallback] (long-term keys, as you chose)" in person.good("messages", contact).out
    person.good("outbox", "send-anyway", "2", "--conversation")
    assert person.good("send", contact, "more", "--json").record["protocol"] == "v2-fallback"


async def remember_somebody(directory: Path) -> str:
    """Let a profile remember keys of an account that publishes nothing now, seen eight days ago; gives its ID."""
    somebody = Account.create(random_bytes)
    seed = Secret(random_bytes(32))
    raw = account_record.sign(
        HybridKeys.of_account(seed).public,
        account_x25519_secret=somebody.x25519_secret,
        random=random_bytes,
        signed_s=now_ms() // 1_000 - 9 * 86_400,
    )
    record = account_record.open(raw, somebody.account_id.raw)
    seen = ContactKeys().accepted(record, now_ms() - 8 * 86_400_000)
    store = await Store.open(directory, KeyFile(directory / KEY_NAME))
    await store.run(lambda tables: tables.contact_keys.save(somebody.account_id, ContactSecurity(seen)))
    await store.close()
    return somebody.account_id.hex


def test_what_cannot_be_sent_waits(lab: Lab) -> None:
    carol = Person(lab, "carol", "Carol")
    queued = carol.good("send", f"05{'ab' * 32}", "later", "--no-wait")
    assert queued.out == ""
    assert queued.err == "Message #1 is queued; `veery outbox` shows what becomes of it.\n"


def test_the_lab_commands(lab: Lab) -> None:
    assert [part["role"] for part in lab.parts] == ["seed", "fileserver", *["node"] * NODES]
    assert set(lab.parts[2]) >= {"name", "address", "https_port", "queue_port", "ed25519", "x25519", "swarm", "pid"}
    home = lab.home
    assert home.veery("lab", "kill", "5").err == "Node 5 is stopped.\n"
    rows = home.veery("lab", "status", "--json").records
    assert [row["running"] for row in rows] == [True] * (NODES + 1) + [False]
    assert home.veery("lab", "status").out.splitlines()[-1].split() == ["node", "05", "stopped", *"-----"]
    assert home.veery("lab", "restart", "5", "--json").record["ed25519"] == lab.parts[6]["ed25519"]
    missing = home.veery("lab", "kill", "6")
    assert (missing.code, missing.err) == (1, "veery: The lab has no node 6. Its nodes are 1 to 5.\n")
    assert home.veery("network", "check", lab.network_file, "--json").record["nodes"] == NODES
