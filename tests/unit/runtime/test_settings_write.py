"""Settings files that explain themselves."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from tests.unit.runtime.test_settings_load import Level, Limits, Listen, Needs, Peer, Settings
from veery.errors import SettingsError
from veery.runtime.settings import load, write_commented_toml
from veery.runtime.settings.write import to_toml
from veery.secret import Secret


def test_defaults_are_commented_out_with_their_documentation() -> None:
    text = write_commented_toml(Settings)
    assert tomllib.loads(text) == {"listen": {}, "limits": {}, "deep": {"inner": {}}}
    assert '# Where data lies.\n# A path. Default: "/data"\n#data_dir = "/data"\n' in text
    assert "# Port to bind to.\n# An integer from 1 to 65535. Default: 22021\n#port = 22021\n" in text
    assert "# A table in a table.\n[deep.inner]\n" in text
    assert "# Text. Unset by default\n#proxy =\n" in text


def test_what_was_written_reads_as_the_same_values(tmp_path: Path) -> None:
    values = Settings(
        data_dir=Path('/with "quotes"\\and\nlines\x7f'),
        verbose=True,
        level=Level.LOUD,
        seeds=["a", "ü"],
        ports=(1, 2),
        names={"odd key": "x", "plain": "y"},
        peers=[Peer("p", 3)],
        proxy="",
        workers=0,
        listen=Listen(port=1),
        limits=Limits(rate=0.5, burst=2),
    )
    file = tmp_path / "veery.toml"
    file.write_text(write_commented_toml(Settings, values), encoding="utf-8")
    assert load(Settings, file=file).values == values


def test_secrets_are_written_only_when_asked(tmp_path: Path) -> None:
    values = Settings(token=Secret(b"hidden"))
    assert "hidden" not in write_commented_toml(Settings, values)
    file = tmp_path / "veery.toml"
    file.write_text(write_commented_toml(Settings, values, with_secrets=True), encoding="utf-8")
    read = load(Settings, file=file).values.token
    assert read is not None
    assert read.reveal() == b"hidden"


def test_required_keys_stand_open() -> None:
    assert "Required\n#operator =\n" in write_commented_toml(Needs)
    assert 'operator = "me"' in write_commented_toml(Needs, Needs(operator="me"))


class Wordy(msgspec.Struct, frozen=True):
    key: Annotated[int, msgspec.Meta(description="word " * 60)] = 1


def test_long_comments_are_wrapped() -> None:
    lines = write_commented_toml(Wordy).splitlines()
    assert len(lines) == 5
    assert all(len(line) <= 102 for line in lines)
    assert sum(line.count("word") for line in lines) == 60


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (-4, "-4"),
        (1.5, "1.5"),
        (float("inf"), "inf"),
        ("a\tb", '"a\\tb"'),
        ([], "[]"),
        ({"a": None, "b": 1}, "{b = 1}"),
        (frozenset({2, 1}), "[1, 2]"),
        (Limits(), "{rate = 5.0, burst = 10}"),
    ],
)
def test_values(value: object, text: str) -> None:
    assert to_toml(value) == text


def test_no_form() -> None:
    with pytest.raises(SettingsError):
        to_toml(b"bytes")
