"""Help pages, the manual page and the reference of exit codes, word for word."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.harness import Home
from veery.cli.command import Exit
from veery.cli.man_page import man_page
from veery.cli.parser import build

EXPECTED = Path(__file__).with_name("expected")


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("help.txt", "--help"),
        ("help-account-create.txt", "account create --help"),
        ("help-requests.txt", "requests --help"),
        ("help-receive.txt", "receive --help"),
    ],
)
def test_help_word_for_word(home: Home, file: str, line: str) -> None:
    done = home.veery(*line.split())
    assert (done.code, done.err) == (0, "")
    assert done.out == (EXPECTED / file).read_text()


def test_help_is_the_same_whatever_the_terminal(home: Home) -> None:
    wide = home.veery("send", "--help", env={"COLUMNS": "200"})
    narrow = home.veery("send", "-h", env={"COLUMNS": "30", "NO_COLOR": "1"})
    assert wide.out == narrow.out == build().commands["send"].format_help()


def test_the_manual_holds_every_command_and_exit_code(home: Home, tmp_path: Path) -> None:
    text = man_page(build())
    assert home.veery("manual").out == text
    headings = re.findall(r'^\.SS "(.*)"$', text, re.M)
    assert len(headings) == len(set(headings))
    for name in ("veery send", "veery account create", "veery lab up", "veery config check"):
        assert any(heading.startswith(name.replace("-", "\\-")) for heading in headings)
    codes = re.findall(r"^\.B (\d+)$", text, re.M)
    assert codes == [str(int(code)) for code in Exit]
    if shutil.which("man") is not None:
        file = tmp_path / "veery.1"
        file.write_text(text)
        done = subprocess.run(
            ["man", "--warnings", "-l", str(file)],
            capture_output=True,
            text=True,
            check=True,
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        )
        assert done.stderr == ""
        assert "veery send [OPTIONS] TO [TEXT]" in done.stdout
