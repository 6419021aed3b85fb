"""`veery backup` as a person uses it: one home loses its profile, another gets it back."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.harness import Home


@pytest.fixture
def secret(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "passphrase"
    file.write_text("of the backup\n")
    file.chmod(0o600)
    return {"VEERY_BACKUP_PASSPHRASE_FILE": str(file)}


def home_in(place: Path, name: str) -> Home:
    (place / name).mkdir()
    return Home(place / name)


def test_a_profile_goes_from_one_home_to_another(tmp_path: Path, secret: dict[str, str]) -> None:
    old, new = home_in(tmp_path, "old"), home_in(tmp_path, "new")
    made = old.veery(
        "account", "create", "--name", "Ann", "--network", str(old.network()), "--no-passphrase", "--json"
    ).record
    target = tmp_path / "ann.backup"
    written = old.veery("backup", "create", str(target), "--json", env=secret)
    assert written.code == 0, written.err
    assert written.record == {"file": str(target), "bytes": target.stat().st_size}
    assert target.stat().st_mode & 0o777 == 0o600
    checked = new.veery("backup", "verify", str(target), env=secret)
    assert (checked.code, checked.err) == (0, "The backup is whole: 0 messages in 0 conversations, 0 files.\n")
    back = new.veery("backup", "restore", str(target), "--no-passphrase", env=secret)
    assert back.code == 0, back.err
    assert "This device is not linked to your others yet." in back.err
    shown = new.veery("account", "show", "--json")
    assert shown.record["account_id"] == made["account_id"]
    assert shown.record["name"] == "Ann"


def test_what_can_go_wrong_is_said(tmp_path: Path, secret: dict[str, str]) -> None:
    home = home_in(tmp_path, "home")
    home.veery("account", "create", "--network", str(home.network()), "--no-passphrase")
    target = tmp_path / "b"
    assert home.veery("backup", "create", str(target), env=secret).code == 0
    again = home.veery("backup", "create", str(target), "--json", env=secret)
    assert (again.code, again.error["kind"]) == (1, "runtime.file.present")
    taken = home.veery("backup", "restore", str(target), "--no-passphrase", "--json", env=secret)
    assert (taken.code, taken.error["kind"]) == (1, "store.exists")
    wrong = tmp_path / "wrong"
    wrong.write_text("something else")
    wrong.chmod(0o600)
    other = {"VEERY_BACKUP_PASSPHRASE_FILE": str(wrong)}
    refused = home.veery("backup", "verify", str(target), "--json", env=other)
    assert (refused.code, refused.error["kind"]) == (1, "store.backup.passphrase")
    target.write_bytes(target.read_bytes()[:-1])
    short = home.veery("backup", "verify", str(target), "--json", env=secret)
    assert (short.code, short.error["kind"]) == (1, "store.backup.incomplete")
    nowhere = home.veery("backup", "verify", str(tmp_path / "none"), "--json", env=secret)
    assert nowhere.code == 1
    silent = home.veery("backup", "verify", str(target), "--json")
    assert silent.error["kind"] == "cli.no_terminal"


def test_a_profile_moves_by_a_code(tmp_path: Path) -> None:
    old, new = home_in(tmp_path, "old"), home_in(tmp_path, "new")
    made = old.veery("account", "create", "--network", str(old.network()), "--no-passphrase", "--json").record
    process = subprocess.Popen(
        old.command("transfer", "send", "--json"), env=old.environment(), stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        offered = json.loads(process.stdout.readline())
        came = new.veery("transfer", "receive", offered["code"], offered["address"], "--no-passphrase", "--json")
        assert came.code == 0, came.err
        assert came.record == {"profile": "default", "messages": 0, "files": 0, "linked": False}
        assert json.loads(process.stdout.readline()) == {"event": "arrived"}
        assert process.wait(20) == 0
    assert new.veery("account", "show", "--json").record["account_id"] == made["account_id"]
    assert not list((tmp_path / "old").rglob("*.backup"))
    ways = ("4821-anchor-mustard",), ("482193-anchor-mustard",), ("482193-anchor-mustard", "127.0.0.1:1")
    for wrong in (("abc", "127.0.0.1:1"), ("4821-anchor-mustard", "nowhere"), *ways):
        assert new.veery("--profile", "x", "transfer", "receive", *wrong, "--no-passphrase").code != 0
