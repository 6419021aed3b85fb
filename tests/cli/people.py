"""Who runs commands over a lab of real nodes, and the lab."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.cli.harness import Home, Ran

NODES = 5


class Lab:
    """A running lab, with a home in which accounts are made."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._process = subprocess.Popen(
            home.command("lab", "up", "--nodes", str(NODES), "--json"),
            stdout=subprocess.PIPE,
            env=home.environment(),
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self.parts: list[dict[str, Any]] = []
        while "ready" not in (told := json.loads(self._process.stdout.readline())):
            self.parts.append(told)
        self.network_file, self.seed_url = told["network_file"], told["seed_url"]

    def close(self) -> int:
        """End it by its own command."""
        assert self.home.veery("lab", "down").code == 0
        self._process.communicate(timeout=60)
        return self._process.returncode

    def account(self, profile: str, name: str) -> str:
        """A new account; gives its Account ID."""
        args = ("--profile", profile, "account", "create", "--name", name, "--no-passphrase", "--json")
        done = self.home.veery(*args, "--network", self.network_file)
        assert done.code == 0, done.err
        return str(done.record["account_id"])


class Person:
    """Commands in one profile."""

    def __init__(self, lab: Lab, profile: str, name: str) -> None:
        self._lab = lab
        self.profile = profile
        self.id = lab.account(profile, name)

    def veery(self, *args: str, typed: str = "") -> Ran:
        """Run a command of this profile."""
        return self._lab.home.veery("--profile", self.profile, *args, typed=typed)

    def good(self, *args: str, typed: str = "") -> Ran:
        """Run one that must not fail."""
        done = self.veery(*args, typed=typed)
        assert done.code == 0, (args, done)
        return done


class Restored(Person):
    """Commands in a second profile of somebody's account."""

    def __init__(self, lab: Lab, profile: str, first: Person) -> None:
        self._lab = lab
        self.profile, self.id = profile, first.id
        words = first.good("account", "show", "--words", "--json").record["words"]
        self.good("account", "restore", "--no-passphrase", "--network", lab.network_file, typed=f"{words}\n")
