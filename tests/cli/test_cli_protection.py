"""Passphrase, lock and wipe, from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.harness import Home, Service


def passphrase(home: Home, text: str) -> dict[str, str]:
    file = home.path / "passphrase"
    file.write_text(text)
    file.chmod(0o600)
    return {"VEERY_PASSPHRASE_FILE": str(file)}


@pytest.fixture
def right(home: Home) -> dict[str, str]:
    """An account with a passphrase; gives the environment that opens it."""
    env = passphrase(home, "correct horse")
    assert home.veery("account", "create", "--network", str(home.network()), env=env).code == 0
    return env


def directory(home: Home) -> Path:
    (header,) = home.path.rglob("store.json")
    return header.parent


def test_too_many_wrong_passphrases_remove_the_profile(home: Home, right: dict[str, str]) -> None:
    assert home.veery("profile", "wipe-after", env=right).err == "Wrong passphrases are not counted.\n"
    assert home.veery("profile", "wipe-after", "3", "--json", env=right).record["wipe_after"] == 3
    assert "is not protected" in home.veery("profile", "wipe-after", env=right).err
    place = directory(home)
    wrong = passphrase(home, "wrong")
    first = home.veery("conversations", env=wrong)
    assert first.code == 1
    assert "2 more wrong passphrases and this profile is wiped" in first.err
    assert home.veery("profile", "wipe-after", "off", env=wrong).code == 1
    last = home.veery("messages", "x", "--json", env=wrong)
    assert last.error["kind"] == "store.wiped"
    assert {each.name for each in place.iterdir()} <= {"store.lock"}
    assert home.veery("conversations", "--json", env=wrong).error["kind"] == "cli.no_profile"


def test_a_limit_needs_a_passphrase_and_sense(home: Home, right: dict[str, str]) -> None:
    assert home.veery("profile", "wipe-after", "2", "--json", env=right).error["kind"] == "store.tries"
    assert home.veery("profile", "wipe-after", "many", env=right).code == 2
    assert home.veery("profile", "passphrase", "--no-passphrase", env=right).code == 0
    assert home.veery("profile", "wipe-after", "5").code == 2
    assert home.veery("conversations").code == 0


def test_the_time_to_lock_is_set_and_shown(home: Home, right: dict[str, str]) -> None:
    assert home.veery("profile", "passphrase", "--no-passphrase", env=right).code == 0
    with Service(home, "app", "run"):
        assert home.veery("profile", "lock-after").err == "The engine does not lock by itself.\n"
        assert home.veery("profile", "lock-after", "15", "--json").record == {"minutes": 15}
        assert home.veery("profile", "lock-after").err == "The engine locks after 15 minutes without use.\n"
        assert home.veery("profile", "lock-after", "0", "--json").error["kind"] == "client.lock_time"
        assert home.veery("profile", "lock-after", "off", "--json").record == {"minutes": None}
        assert home.veery("profile", "lock-after", "soon").code == 2
