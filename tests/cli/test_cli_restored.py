"""A profile comes back from a backup, or moves to another device, by commands over a lab of real nodes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.people import Lab, Person

pytestmark = [pytest.mark.network, pytest.mark.timeout(300), pytest.mark.xdist_group("cli-lab-restored")]


class Again(Person):
    """Commands in another profile of somebody's account."""

    def __init__(self, lab: Lab, profile: str, first: Person) -> None:
        self._lab = lab
        self.profile, self.id = profile, first.id


def by_backup(lab: Lab, first: Person, directory: Path) -> Person:
    secret, target = directory / "passphrase", directory / "veery.backup"
    secret.write_text("of the backup\n")
    secret.chmod(0o600)
    env = {"VEERY_BACKUP_PASSPHRASE_FILE": str(secret)}
    made = lab.home.veery("--profile", first.profile, "backup", "create", str(target), env=env)
    assert made.code == 0, made.err
    again = Again(lab, f"{first.profile}-again", first)
    back = lab.home.veery("--profile", again.profile, "backup", "restore", str(target), "--no-passphrase", env=env)
    assert back.code == 0, back.err
    return again


def by_transfer(lab: Lab, first: Person, directory: Path) -> Person:
    again = Again(lab, f"{first.profile}-again", first)
    send = lab.home.command("--profile", first.profile, "transfer", "send", "--json")
    with subprocess.Popen(send, env=lab.home.environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        offered = json.loads(process.stdout.readline())
        again.good("transfer", "receive", offered["code"], offered["address"], "--no-passphrase")
        assert process.wait(20) == 0
    return again


def groups(person: Person) -> dict[str, str]:
    return {each["id"]: each["state"] for each in person.good("group", "list", "--json").records}


WAYS = {"backup": by_backup, "transfer": by_transfer}


@pytest.mark.parametrize("way", WAYS)
def test_the_groups_stay_and_the_new_device_is_linked(lab: Lab, tmp_path: Path, way: str) -> None:
    alice, bob = Person(lab, f"a-{way}", "Alice"), Person(lab, f"b-{way}", "Bob")
    alice.good("send", bob.id, "hello")
    group = alice.good("group", "create", "Walkers", bob.id, "--json").record["id"]
    alone = alice.good("group", "create", "Mine alone", "--json").record["id"]
    bob.good("receive")
    bob.good("group", "accept", "Walkers")
    alice.good("sync", "now")
    again = WAYS[way](lab, alice, tmp_path)
    for person in (again, alice, again, alice):
        person.good("receive")
        person.good("sync", "now")
    assert groups(alice) == groups(again) == {group: "joined", alone: "joined"}

    # The new device finds the group of devices, and reads what came while it waited to be let in.
    shown = again.good("device", "list", "--json").record
    assert shown["membership"] == "groups_visible"
    (found,) = shown["groups"]
    asked = again.good("device", "link", "--group", found["id"], "--json").record
    bob.good("send", alice.id, "while it waits")
    again.good("receive")
    (request,) = alice.good("device", "list", "--json").record["requests"]
    assert request["emoji"] == asked["emoji"]
    alice.good("device", "approve", request["id"], "--yes", "--json")
    again.good("receive")
    assert again.good("device", "confirm", "--json").record["membership"] == "in_group"
    again.good("receive")
    for person in (alice, again):
        assert "while it waits" in [each["text"] for each in person.good("messages", bob.id, "--json").records]
        person.good("send", "Mine alone", f"of {person.profile}")
    alice.good("receive")
    said = [each["text"] for each in alice.good("messages", "Mine alone", "--json").records if each["kind"] == "text"]
    assert said == [f"of {alice.profile}", f"of {again.profile}"]
