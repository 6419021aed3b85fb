"""Completion: the bash script in a real bash, the others by their form and, where they are installed, their shells."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.harness import Home
from veery.cli.completions.bash import bash_script
from veery.cli.completions.fish import fish_script
from veery.cli.completions.tree import Kind, command_tree
from veery.cli.completions.zsh import zsh_script
from veery.cli.parser import NOUNS, build

TREE = command_tree(build())
SCRIPTS = {"bash": bash_script(TREE), "zsh": zsh_script(TREE), "fish": fish_script(TREE)}


def complete(line: str, directory: Path) -> list[str]:
    """What bash offers for the last word of a line; an empty word if it ends in a space."""
    words = [*shlex.split(line), *([""] if line.endswith(" ") else [])]
    script = "\n".join(
        [
            SCRIPTS["bash"],
            f"COMP_WORDS=({' '.join(map(shlex.quote, words))})",
            f"COMP_CWORD={len(words) - 1}",
            "_veery",
            "printf '%s\\n' \"${COMPREPLY[@]}\"",
        ]
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, cwd=directory)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("veery ", list(NOUNS)),
        ("veery acc", ["account"]),
        ("veery --profile work acc", ["account"]),
        ("veery --profile acc", []),
        ("veery account ", ["create", "restore", "show", "list", "passphrase"]),
        ("veery account --json sh", ["show"]),
        ("veery account show --q", ["--qr"]),
        ("veery completion ", ["bash", "zsh", "fish"]),
        ("veery completion z", ["zsh"]),
        ("veery completion bash ", []),
        ("veery config check --kind n", ["node", "network"]),
        ("veery config check no", ["node.toml"]),
        ("veery node run --config no", ["node.toml"]),
        ("veery node run --directory d", ["data"]),
        ("veery network show ", ["data", "node.toml"]),
    ],
)
def test_bash_completes(line: str, offered: list[str], tmp_path: Path) -> None:
    (tmp_path / "node.toml").touch()
    (tmp_path / "data").mkdir()
    assert sorted(complete(line, tmp_path)) == sorted(offered)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_well_formed(shell: str, home: Home, tmp_path: Path) -> None:
    printed = home.veery("completion", shell).out
    assert printed.strip() == SCRIPTS[shell].strip()
    if shutil.which(shell) is not None:
        file = tmp_path / "script"
        file.write_text(printed)
        flag = "--no-execute" if shell == "fish" else "-n"
        subprocess.run([shell, flag, str(file)], check=True)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_scripts_name_every_command_and_option(shell: str) -> None:
    script = SCRIPTS[shell]
    for command in TREE.walk():
        if shell == "zsh":
            assert f"_{'_'.join(command.path)}() {{".replace("-", "_") in script
        elif len(command.path) > 1:
            assert f"-a {command.path[-1]} -d " in script
        for option in command.options:
            assert all((name[2:] if shell == "fish" else name) in script for name in option.names)


def test_zsh_braces_and_quotes_are_closed() -> None:
    lines = [line for line in SCRIPTS["zsh"].splitlines() if not line.startswith("#")]
    for line in lines:
        shlex.split(line.rstrip("\\"))
    opened = sum(line.endswith("{") for line in lines)
    assert opened == sum(line == "}" for line in lines)


def test_the_tree_knows_what_values_are() -> None:
    check = next(command for command in TREE.walk() if command.path == ("veery", "config", "check"))
    assert [value.kind for value in check.arguments] == [Kind.FILE]
    kinds = {option.names: option.value for option in check.options}
    kind = kinds[("--kind",)]
    assert kind is not None
    assert kind.choices == ("node", "seed", "network")
    assert kinds[("--json",)] is None
