"""`veery account` as a person meets it."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from tests.cli.harness import Home
from veery.protocol.account import Account
from veery.protocol.fingerprint import fingerprint_of


def create(home: Home, *args: str, env: dict[str, str] | None = None) -> dict[str, object]:
    """Make an account and give what was printed."""
    done = home.veery("account", "create", "--network", str(home.network()), "--json", *args, env=env)
    assert done.code == 0, done.err
    return done.record


def test_create_prints_id_and_words_once(home: Home) -> None:
    done = home.veery("account", "create", "--name", "Alice", "--network", str(home.network()), "--no-passphrase")
    assert done.code == 0
    found = re.fullmatch(
        r"Account ID   (05[0-9a-f]{64})\nFingerprint  (?:[0-9a-f]{4} ?){4}\n"
        r"Name         Alice\nProfile      default\n\n"
        r"Recovery password:\n\n  ([a-z]+(?: [a-z]+){12})\n\n",
        done.out,
    )
    assert found is not None
    assert Account.from_words(found[2]).account_id.hex == found[1]
    key = home.path / "data" / "profiles" / "default" / "key"
    assert done.err == (
        "Write these 13 words down now. They are the only way back to this account; show them to nobody.\n"
        f"This profile has no passphrase: whoever can read {key} (you and root, mode 0600) can read its messages and"
        " be this account.\n"
    )
    shown = home.veery("account", "show")
    of_key = fingerprint_of(found[1])
    assert shown.out == f"Account ID   {found[1]}\nFingerprint  {of_key}\nName         Alice\nProfile      default\n"
    assert shown.err == ""


def test_create_as_json(home: Home) -> None:
    told = create(home, "--name", "Alice", "--no-passphrase")
    assert set(told) == {"account_id", "name", "profile", "unlock", "words"}
    assert told["name"] == "Alice"
    assert told["profile"] == "default"
    assert told["unlock"] == "key file"
    shown = home.veery("account", "show", "--json")
    id_ = str(told["account_id"])
    of_key = fingerprint_of(id_)
    assert shown.record == {"account_id": id_, "fingerprint": of_key, "name": "Alice", "profile": "default"}
    assert home.veery("account", "show", "--json", "--words").record["words"] == told["words"]


def test_files_are_private(home: Home) -> None:
    create(home, "--no-passphrase")
    directory = home.path / "data" / "profiles" / "default"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    for file in directory.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_an_existing_profile_is_never_overwritten(home: Home) -> None:
    told = create(home, "--no-passphrase")
    for command in (("create",), ("restore",)):
        again = home.veery("account", *command, "--network", str(home.network()), "--no-passphrase")
        assert again.code == 1
        assert again.out == ""
        assert again.err == (
            "veery: There is an account in the profile `default` already."
            " It is left as it is; choose another profile with --profile.\n"
        )
    assert home.veery("account", "show", "--json").record["account_id"] == told["account_id"]


def test_without_a_terminal_the_choices_are_told(home: Home) -> None:
    done = home.veery("account", "create", "--network", str(home.network()))
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "veery: A passphrase is needed, and there is no terminal to ask for it. Set VEERY_PASSPHRASE_FILE to a file"
        " that holds it; or choose --no-passphrase or --keyring.\n"
    )
    assert not (home.path / "data").exists()


def passphrase_file(home: Home, text: str, name: str = "passphrase") -> dict[str, str]:
    """A private file with a passphrase, as the variable that names it."""
    file = home.path / name
    file.write_text(text)
    file.chmod(0o600)
    return {"VEERY_PASSPHRASE_FILE": str(file)}


def test_a_passphrase_from_a_file(home: Home) -> None:
    right, wrong = passphrase_file(home, "correct horse\nnot this line\n"), passphrase_file(home, "battery", "wrong")
    told = create(home, env=right)
    assert told["unlock"] == "passphrase"
    assert home.veery("account", "show", "--json", env=right).record["account_id"] == told["account_id"]
    refused = home.veery("account", "show", "--json", env=wrong)
    assert refused.code == 1
    assert refused.error["kind"] == "store.wrong_key"
    assert refused.err.splitlines()[0] == (
        "veery: The passphrase does not open this profile. Nothing was changed; try again with the right passphrase."
    )
    asked = home.veery("account", "show")
    assert asked.code == 1
    assert asked.err == (
        "veery: A passphrase is needed, and there is no terminal to ask for it."
        " Set VEERY_PASSPHRASE_FILE to a file that holds it.\n"
    )


def test_a_passphrase_file_that_others_can_read_is_told_of(home: Home) -> None:
    env = passphrase_file(home, "correct horse")
    Path(env["VEERY_PASSPHRASE_FILE"]).chmod(0o644)
    done = home.veery("account", "create", "--network", str(home.network()), env=env)
    assert done.code == 0
    assert done.err.startswith(f"veery: others on this machine can read {env['VEERY_PASSPHRASE_FILE']}. Run `chmod 600")


def test_restore_from_standard_input(home: Home) -> None:
    told = create(home, "--name", "Alice", "--no-passphrase")
    words = str(told["words"]).upper().replace(" ", "\n  ")
    args = ("--profile", "phone", "account", "restore", "--network", str(home.network()), "--no-passphrase", "--json")
    done = home.veery(*args, typed=f"{words}\n")
    assert done.code == 0, done.err
    assert done.record == {
        "account_id": told["account_id"],
        "name": "Anonymous",
        "profile": "phone",
        "unlock": "key file",
        "linked": False,
        "comes_back": ["account", "name", "contacts", "groups", "synced_settings", "messages_of_14_days"],
        "does_not": ["older_messages", "messages_to_linked_devices", "files", "local_settings", "device_keys"],
    }


def test_restore_says_what_the_words_alone_bring_back(home: Home) -> None:
    words = create(home, "--no-passphrase")["words"]
    args = ("--profile", "phone", "account", "restore", "--network", str(home.network()), "--no-passphrase")
    told = home.veery(*args, typed=f"{words}\n").err
    assert "The words bring back the account itself; from the network its name, contacts, groups and settings" in told
    assert "They do not bring back older messages, files, or anything that lay on your devices alone" in told


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("abbey abbey", "These are only 2 words. A recovery password has 13 words."),
        ("abbey " * 14, "These are more than 13 words. A recovery password has 13 words."),
        (
            "amazed awkward abtest azure bodies cube dabbing amazed awkward bagpipe azure bodies cube",
            'Word 3, "abtest", is not in the list of recovery words. Did you mean abducts, abyss or abort?',
        ),
    ],
)
def test_wrong_words_are_named(home: Home, typed: str, said: str) -> None:
    done = home.veery("account", "restore", "--network", str(home.network()), "--no-passphrase", typed=typed)
    assert (done.code, done.out) == (1, "")
    assert done.err == f"veery: {said}\n"
    assert not (home.path / "data").exists()


def test_profiles_are_listed_without_opening_them(home: Home) -> None:
    empty = home.veery("account", "list")
    assert (empty.code, empty.out) == (0, "")
    assert empty.err == "There are no accounts on this machine yet. Make one with `veery account create`.\n"
    create(home, "--no-passphrase")
    create(home, "--profile", "work", env=passphrase_file(home, "x"))
    place = home.path / "data" / "profiles"
    assert home.veery("account", "list").out == (
        f"PROFILE  OPENS WITH  DIRECTORY\ndefault  key file    {place}/default\nwork     passphrase  {place}/work\n"
    )
    assert [row["profile"] for row in home.veery("account", "list", "--json").records] == ["default", "work"]


def test_a_missing_profile_says_what_to_do(home: Home) -> None:
    assert home.veery("account", "show").err == (
        "veery: There is no account in the profile `default`. Make one with `veery account create`, or bring yours"
        " back with `veery account restore`.\n"
    )
    create(home, "--no-passphrase", "--profile", "work")
    assert home.veery("account", "show").err == (
        "veery: There is no account in the profile `default`. Choose another with --profile (there is work), or make"
        " one with `veery account create`.\n"
    )
    bad = home.veery("account", "show", "--profile", "../work")
    assert bad.code == 2
    assert bad.err == (
        "veery: The name of a profile has up to 64 letters, digits, dots, dashes and underscores."
        " Choose another with --profile.\n"
    )


def test_the_way_in_can_be_changed(home: Home) -> None:
    env = passphrase_file(home, "old one")
    told = create(home, env=env)
    done = home.veery("account", "passphrase", "--no-passphrase", "--json", env=env)
    assert done.record == {"profile": "default", "unlock": "key file"}
    assert home.veery("account", "show", "--json").record["account_id"] == told["account_id"]


def test_a_passphrase_takes_the_place_of_a_key_file(home: Home) -> None:
    told = create(home, "--no-passphrase")
    key = home.path / "data" / "profiles" / "default" / "key"
    assert key.exists()
    asked = home.veery("account", "passphrase")
    assert asked.code == 1
    assert asked.err == (
        "veery: A passphrase is needed, and there is no terminal to ask for it. Set VEERY_NEW_PASSPHRASE_FILE to a"
        " file that holds it; or choose --no-passphrase or --keyring.\n"
    )
    env = passphrase_file(home, "new one")
    done = home.veery("account", "passphrase", env={"VEERY_NEW_PASSPHRASE_FILE": env["VEERY_PASSPHRASE_FILE"]})
    assert (done.code, done.out) == (0, "")
    assert done.err == (
        "This profile opens with its passphrase alone. If it is forgotten, restore the account into a new profile.\n"
    )
    assert not key.exists()
    assert home.veery("account", "show", "--json", env=env).record["account_id"] == told["account_id"]


def test_a_keyring_that_refuses_leaves_no_profile(home: Home) -> None:
    env = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring", "HOME": str(home.path)}
    done = home.veery("account", "create", "--network", str(home.network()), "--keyring", "--json", env=env)
    assert done.code == 1
    assert done.error["kind"].startswith("store.keyring")
    assert home.veery("account", "list", "--json").records == []
    again = home.veery("account", "create", "--network", str(home.network()), "--no-passphrase", "--json")
    assert again.code == 0, again.err


def test_a_damaged_profile_does_not_hide_the_others(home: Home) -> None:
    create(home, "--no-passphrase")
    create(home, "--no-passphrase", "--profile", "broken")
    (home.path / "data" / "profiles" / "broken" / "store.json").write_text("{")
    rows = {row["profile"]: row["unlock"] for row in home.veery("account", "list", "--json").records}
    assert rows == {"broken": "nothing: store.json is damaged", "default": "key file"}
    shown = home.veery("account", "show", "--profile", "broken")
    assert shown.err.startswith("veery: store.json is damaged. Put a copy of store.json back from a backup")


def test_codes_to_scan(home: Home) -> None:
    create(home, "--no-passphrase")
    lines = home.veery("account", "show", "--qr").out.splitlines()
    code = lines[lines.index("") + 1 :]
    assert len({len(line) for line in code}) == 1
    assert len(code) * 2 - 1 == len(code[0])
    assert set("".join(code)) == set(" ▀▄█")


def test_bad_network_files_are_refused_before_anything_is_made(home: Home) -> None:
    file = home.network('[network]\nname = "x"\nseed = []\n')
    done = home.veery("account", "create", "--network", str(file), "--no-passphrase")
    assert done.code == 1
    assert done.err.startswith("veery: ")
    missing = home.veery("account", "create", "--network", str(home.path / "none.toml"), "--no-passphrase")
    assert missing.err == f"veery: The file {home.path}/none.toml does not exist.\n"
    unreachable = home.veery("account", "create", "--network", "http://127.0.0.1:1", "--no-passphrase")
    assert unreachable.code == 1
    assert unreachable.err.startswith("veery: The seed 127.0.0.1:1 cannot be reached")
    assert not (home.path / "data").exists()


def test_names_are_checked(home: Home) -> None:
    args = ("account", "create", "--network", str(home.network()), "--no-passphrase", "--name")
    assert home.veery(*args, " ").err == "veery: The display name is empty. Type a name.\n"
    assert home.veery(*args, "ü" * 51).code == 1


def test_no_secret_can_be_given_on_the_command_line(home: Home) -> None:
    for option in ("--passphrase", "--words", "--seed"):
        done = home.veery("account", "restore", "--network", "x", option, "secret")
        assert done.code == 2
